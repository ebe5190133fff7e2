/* base/context.h - the context that a thread works in: its workers, sink and cancellation.
 *
 * Public functions enter the context that they are given and leave it at the end. All below them
 * asks for the current one: parallel_chunks, log_*, progress_* and interrupted(). A thread that has
 * entered none works in the context of the process. */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include "base/error.h"
#include "semid/context.h"

#include <stdatomic.h>

struct pool;

typedef struct log_sink {
    void (*message)(void *user, semid_log_level level, const char *line);
    void (*progress)(void *user, const semid_progress *progress);
    void *user;
} log_sink;

/* Enter a context; NULL stays in the current one. Returns where to go back to.
 *
 *     context_scope outer = context_enter(context);
 *     semid_status status = ...;
 *     context_leave(outer);
 */
typedef struct context_scope {
    semid_context *context;
    int worker_index;
} context_scope;
context_scope context_enter(semid_context *context);
void context_leave(context_scope outer);

/* Of the current context. */
int context_threads(void); /* 0: all cores */
void context_set_threads(int n_threads);
struct pool *context_pool(void);
log_sink context_sink(void);
void context_set_sink(log_sink sink);

/* True once the current context is cancelled: long loops ask between batches. */
bool interrupted(void);
/* SEMID_ERR_INTERRUPTED then, else SEMID_OK: TRY(check_interrupted(err)). */
semid_status check_interrupted(semid_error *err);
/* Cancels the context of the process: for its signal handlers. */
void interrupt_request(void);

#endif
