/* base/log.h - what the library has to say while it works. It never prints by itself: messages and
 * progress go to a sink that the program installs; without one they vanish. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

typedef enum log_level { LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

/* A long step: `done` of `total` units (total 0: unknown) since `elapsed_s` seconds. */
typedef struct progress_state {
    const char *label; /* "embed" */
    const char *unit;  /* "texts" */
    size_t done, total;
    const char *part_unit; /* what units are made of, such as "tokens"; NULL: not counted */
    size_t n_parts;
    double elapsed_s;
    bool finished;
} progress_state;

typedef struct log_sink {
    void (*message)(void *user, log_level level, const char *line);
    void (*progress)(void *user, const progress_state *state);
    void *user;
} log_sink;

void log_set_sink(log_sink sink);
void log_message(log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_warn(...) log_message(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)

/* Progress of one step, driven by one thread. Reports are rate-limited here. */
typedef struct progress {
    progress_state state;
    double start_s, last_report_s;
} progress;

void progress_begin(progress *p, const char *label, const char *unit, size_t total);
void progress_add(progress *p, size_t n);
void progress_end(progress *p);

/* Monotonic seconds. */
double clock_seconds(void);

/* True once SIGINT or SIGTERM arrived, if the program installed handlers: long loops ask between
 * batches and return SEMID_ERR_INTERRUPTED. */
bool interrupted(void);
void interrupt_request(void);

#endif
