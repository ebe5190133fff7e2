#include "base/context.h"

#include "base/memory.h"
#include "base/pool.h"

#include <pthread.h>

/* The current context is a thread-local pointer, so that the functions below the public ones need
 * no parameter for it. A worker enters the context of its pool when it starts and stays there.
 * A thread that has entered no context works in that of the process, which is never freed. */

struct semid_context {
    atomic_int n_threads;
    log_sink sink;
    atomic_bool is_cancelled;
    pool workers;
};

static semid_context process_context;
static pthread_once_t process_once = PTHREAD_ONCE_INIT;
static _Thread_local semid_context *entered;

static void start_worker(void *context) {
    entered = context;
}

static void init_process_context(void) {
    pool_init(&process_context.workers, start_worker, &process_context);
}

static semid_context *current(void) {
    if (entered) return entered;
    pthread_once(&process_once, init_process_context);
    return &process_context;
}

context_scope context_enter(semid_context *context) {
    context_scope outer = {.context = entered, .worker_index = pool_worker_index()};

    /* Scratch space is indexed by workers of the context that a call allocates it in. */
    if (context && context != current()) {
        entered = context;
        pool_set_worker_index(0);
    }
    return outer;
}

void context_leave(context_scope outer) {
    entered = outer.context;
    pool_set_worker_index(outer.worker_index);
}

int context_threads(void) {
    return atomic_load(&current()->n_threads);
}

void context_set_threads(int n_threads) {
    atomic_store(&current()->n_threads, n_threads);
}

pool *context_pool(void) {
    return &current()->workers;
}

log_sink context_sink(void) {
    return current()->sink;
}

void context_set_sink(log_sink sink) {
    current()->sink = sink;
}

bool interrupted(void) {
    return atomic_load(&current()->is_cancelled);
}

semid_status check_interrupted(semid_error *err) {
    if (interrupted()) FAIL(SEMID_ERR_INTERRUPTED, "interrupted");
    return SEMID_OK;
}

void interrupt_request(void) {
    atomic_store(&process_context.is_cancelled, true);
}

/* ---- the public object ---- */

semid_context_params semid_context_params_default(void) {
    return (semid_context_params){0};
}

semid_status semid_context_new(semid_context **out, const semid_context_params *params,
                               semid_error *err) {
    enum { MAX_THREADS = 1024 };
    semid_context_params p = params ? *params : semid_context_params_default();
    TRY(check_reserved(p.reserved, sizeof p.reserved, err));
    if (p.n_threads < 0 || p.n_threads > MAX_THREADS)
        FAIL(SEMID_ERR_ARGUMENT, "n_threads: expected 0 to %d, found %d", MAX_THREADS, p.n_threads);

    semid_context *context;
    TRY(mem_calloc(&context, 1, sizeof *context, err));
    atomic_init(&context->n_threads, p.n_threads);
    atomic_init(&context->is_cancelled, false);
    context->sink = (log_sink){.message = p.on_message, .progress = p.on_progress, .user = p.user};
    pool_init(&context->workers, start_worker, context);
    *out = context;
    return SEMID_OK;
}

void semid_context_cancel(semid_context *context) {
    atomic_store(&context->is_cancelled, true);
}

void semid_context_resume(semid_context *context) {
    atomic_store(&context->is_cancelled, false);
}

void semid_context_free(semid_context *context) {
    if (!context) return;
    pool_release(&context->workers);
    mem_free(context);
}
