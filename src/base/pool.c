#include "base/pool.h"

#include "base/memory.h"

#include <stdbool.h>

/* Worker threads take the chunks of a job by counting one atomic number up.
 *
 * Workers wait for the next job spinning for a moment, then asleep: jobs come in quick succession,
 * but a machine that others use too has no cores to spare. The caller works on its own job as well
 * and then waits for those workers alone that have joined; a worker that wakes late finds the job
 * closed and goes back to sleep. So a job never waits for a thread that has not been scheduled.
 *
 * Nobody waits for a busy pool. The thread that finds one runs its chunks itself.
 *
 * fork() copies the calling thread alone. A list of all pools, whose lock is held across fork(),
 * lets the child set every pool back to one without workers. */

enum { SPINS = 4000 };

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static pool *all_pools;

static _Thread_local int worker_index;
static _Thread_local bool in_job;

/* ---- fork ---- */

static void reset(pool *p) {
    pthread_mutex_init(&p->owner, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    p->n_started = 0;
    p->n_wanted = p->n_joined = 0;
    atomic_store(&p->n_active, 0);
    atomic_store(&p->number, 0);
}

static void before_fork(void) {
    pthread_mutex_lock(&list_lock);
}

static void after_fork_in_parent(void) {
    pthread_mutex_unlock(&list_lock);
}

static void after_fork_in_child(void) {
    for (pool *p = all_pools; p; p = p->after) reset(p);
    in_job = false;
    pthread_mutex_unlock(&list_lock);
}

static void watch_forks(void) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---- workers ---- */

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void take_chunks(pool *p, const job *j) {
    for (size_t chunk; (chunk = atomic_fetch_add(&p->next, 1)) < j->n_chunks;)
        j->run_chunk(j->user, chunk);
}

static void *work(void *user) {
    pool *p = user;
    unsigned seen = 0;
    in_job = true;
    p->on_start(p->user);

    for (;;) {
        for (int i = 0; i < SPINS && atomic_load(&p->number) == seen; i++) pause_briefly();

        pthread_mutex_lock(&p->lock);
        while (atomic_load(&p->number) == seen && !atomic_load(&p->is_closing))
            pthread_cond_wait(&p->wake, &p->lock);
        if (atomic_load(&p->is_closing)) break;
        seen = atomic_load(&p->number);
        bool joins = p->n_joined < p->n_wanted;
        job j = p->job;
        if (joins) {
            worker_index = ++p->n_joined;
            atomic_fetch_add(&p->n_active, 1);
        }
        pthread_mutex_unlock(&p->lock);
        if (!joins) continue;

        take_chunks(p, &j);
        pthread_mutex_lock(&p->lock);
        if (atomic_fetch_sub(&p->n_active, 1) == 1) pthread_cond_signal(&p->done);
        pthread_mutex_unlock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* As many as there are to be, or fewer: a job needs none. */
static void start_workers(pool *p, size_t n) {
    if (n > p->n_started &&
        mem_reserve(&p->workers, &p->worker_capacity, n, sizeof *p->workers, NULL) != SEMID_OK)
        return;
    while (p->n_started < n && pthread_create(&p->workers[p->n_started], NULL, work, p) == 0)
        p->n_started++;
}

/* ---- jobs ---- */

static void run_alone(const job *j) {
    for (size_t chunk = 0; chunk < j->n_chunks; chunk++) j->run_chunk(j->user, chunk);
}

void pool_run(pool *p, size_t n_workers, const job *j) {
    if (n_workers == 0 || in_job || pthread_mutex_trylock(&p->owner) != 0) {
        run_alone(j);
        return;
    }

    in_job = true;
    start_workers(p, n_workers);
    pthread_mutex_lock(&p->lock);
    p->job = *j;
    p->n_wanted = (int)n_workers;
    p->n_joined = 0;
    atomic_store(&p->next, 0);
    atomic_fetch_add(&p->number, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    take_chunks(p, j);

    /* Nobody joins any more; those who did finish their chunks. */
    pthread_mutex_lock(&p->lock);
    p->n_wanted = 0;
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < SPINS && atomic_load(&p->n_active) > 0; i++) pause_briefly();
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->n_active) > 0) pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
    in_job = false;
    pthread_mutex_unlock(&p->owner);
}

int pool_worker_index(void) {
    return worker_index;
}

int pool_set_worker_index(int index) {
    int before = worker_index;
    worker_index = index;
    return before;
}

/* ---- life ---- */

void pool_init(pool *p, void (*on_start)(void *user), void *user) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    reset(p);
    p->workers = NULL;
    p->worker_capacity = 0;
    p->on_start = on_start;
    p->user = user;
    atomic_store(&p->is_closing, false);

    pthread_mutex_lock(&list_lock);
    p->before = NULL;
    p->after = all_pools;
    if (all_pools) all_pools->before = p;
    all_pools = p;
    pthread_mutex_unlock(&list_lock);
}

void pool_release(pool *p) {
    pthread_mutex_lock(&list_lock);
    if (p->after) p->after->before = p->before;
    if (p->before)
        p->before->after = p->after;
    else
        all_pools = p->after;
    pthread_mutex_unlock(&list_lock);

    pthread_mutex_lock(&p->lock);
    atomic_store(&p->is_closing, true);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->n_started; i++) pthread_join(p->workers[i], NULL);
    mem_free(p->workers);
}
