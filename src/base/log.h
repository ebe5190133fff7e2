/* base/log.h - messages and progress of a call. The library never prints: they go to the sink of
 * the current context (context.h), and nowhere without one. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/context.h"

#include <stddef.h>

void log_message(semid_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_warn(...) log_message(SEMID_LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_message(SEMID_LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(SEMID_LOG_DEBUG, __VA_ARGS__)

/* Progress of one step, driven by one thread. Reports are rate-limited here. */
typedef struct progress {
    semid_progress state;
    double start_s, last_report_s;
} progress;

void progress_begin(progress *p, const char *label, const char *unit, size_t total);
void progress_add(progress *p, size_t n);
void progress_end(progress *p);

/* Monotonic seconds. */
double clock_seconds(void);

#endif
