/*
 * semid/context.h - the threads, messages and cancellation of a call.
 *
 * Calls that use threads, report progress or can be cancelled take a context first. NULL stands for
 * the context of the process: all cores that the process may use, no messages, never cancelled.
 *
 * Each context has worker threads of its own, started when they are first needed. Calls in
 * different contexts run side by side. Of calls that run at the same time in one context, the
 * first takes its workers; until they are free, the others do not wait but run on their callers'
 * threads alone. Results are the same bytes with any number of threads.
 *
 * With n_threads = 1 a context starts no thread: everything, callbacks too, runs on the calling
 * thread.
 *
 * After fork(), a child may use contexts and objects of its parent; it starts workers of its own.
 */
#ifndef SEMID_CONTEXT_H
#define SEMID_CONTEXT_H

#include "semid/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_context semid_context;

typedef enum semid_log_level {
    SEMID_LOG_WARNING = 0,
    SEMID_LOG_INFO = 1,
    SEMID_LOG_DEBUG = 2
} semid_log_level;

/* The state of a long piece of work: `done` of `total` units (total 0: unknown). */
typedef struct semid_progress {
    const char *label; /* "train" */
    const char *unit;  /* "rows" */
    uint64_t done, total;
    const char *part_unit; /* what units consist of, such as "tokens"; NULL: not counted */
    uint64_t n_parts;
    double elapsed_s;
    bool finished; /* the last report, also after a failure */
    uint64_t reserved[4];
} semid_progress;

typedef struct semid_context_params {
    int32_t n_threads; /* 0: all cores that the process may use */
    /* Called with each message, a line without its newline, from the thread that reports it, which
     * may be a worker. NULL: messages are dropped. */
    void (*on_message)(void *user, semid_log_level level, const char *line);
    /* Called at most ten times a second and at the start and the end of each piece of work, from
     * the thread that made the call. NULL: no reports. */
    void (*on_progress)(void *user, const semid_progress *progress);
    void *user; /* passed to both */
    uint64_t reserved[8];
} semid_context_params;

/* All cores, no callbacks. */
SEMID_API semid_context_params semid_context_params_default(void);

/*
 * params: borrowed for the call, or NULL for the default. *out is the caller's, released with
 * semid_context_free. SEMID_ERR_ARGUMENT (n_threads not in 0..1024), SEMID_ERR_NO_MEMORY.
 */
SEMID_API semid_status semid_context_new(semid_context **out, const semid_context_params *params,
                                         semid_error *err);

/*
 * Cancel the calls that run in this context, and all that begin before semid_context_resume: they
 * end soon with SEMID_ERR_INTERRUPTED. May be called from any thread and from a signal handler.
 */
SEMID_API void semid_context_cancel(semid_context *context);
SEMID_API void semid_context_resume(semid_context *context);

/* No call may be running in it. NULL is allowed. */
SEMID_API void semid_context_free(semid_context *context);

#ifdef __cplusplus
}
#endif
#endif
