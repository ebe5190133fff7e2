#include "base/threads.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Workers wait for the next job awake for a moment, then asleep: work comes in quick succession,
 * and a machine that others use too has no cores to spare. Whoever asks for work does it as well
 * and waits for those alone who took a part: without workers, all is done by the caller. */
enum { MAX_WORKERS = 1023, SPINS = 4000 };

typedef struct job {
    size_t n, chunk_size, n_chunks;
    chunk_fn body;
    void *user;
} job;

static struct {
    pthread_mutex_t callers; /* one job at a time */
    pthread_mutex_t lock;    /* of all below that is not atomic */
    pthread_cond_t wake, done;
    job job;
    int n_started, n_wanted, n_joined; /* workers; n_wanted and n_joined of this job */
    atomic_int n_active;
    atomic_uint number; /* of the job */
    atomic_size_t next; /* chunk */
} pool = {.callers = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static int n_threads, n_cores;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local int worker_index;
static _Thread_local bool in_job;

/* Those that this process may run on. */
static void count_cores(void) {
    cpu_set_t set;
    n_cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void threads_set(int n) {
    n_threads = n > 0 ? n : 0;
    omp_set_num_threads(threads_get()); /* what FAISS brings along; we start none of those */
}

int threads_get(void) {
    if (n_threads > 0) return n_threads;
    pthread_once(&once, count_cores);
    return n_cores;
}

int threads_worker(void) {
    return worker_index;
}

size_t chunk_count(size_t n, size_t chunk_size) {
    return n / chunk_size + (n % chunk_size != 0);
}

static void run_chunk(const job *j, size_t chunk) {
    size_t begin = chunk * j->chunk_size;
    size_t end = j->n - begin > j->chunk_size ? begin + j->chunk_size : j->n;
    j->body(j->user, chunk, begin, end);
}

static void take_chunks(const job *j) {
    for (size_t chunk; (chunk = atomic_fetch_add(&pool.next, 1)) < j->n_chunks;)
        run_chunk(j, chunk);
}

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void *work(void *unused) {
    unsigned seen = 0;
    in_job = true;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load(&pool.number) == seen; i++) pause_briefly();
        pthread_mutex_lock(&pool.lock);
        while (atomic_load(&pool.number) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
        seen = atomic_load(&pool.number);
        bool joins = pool.n_joined < pool.n_wanted;
        job j = pool.job;
        if (joins) {
            worker_index = ++pool.n_joined;
            atomic_fetch_add(&pool.n_active, 1);
        }
        pthread_mutex_unlock(&pool.lock);
        if (!joins) continue;
        take_chunks(&j);
        pthread_mutex_lock(&pool.lock);
        if (atomic_fetch_sub(&pool.n_active, 1) == 1) pthread_cond_signal(&pool.done);
        pthread_mutex_unlock(&pool.lock);
    }
    return unused;
}

static void start_workers(int n) {
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) return;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_t id;
    while (pool.n_started < n && pthread_create(&id, &attr, work, NULL) == 0) pool.n_started++;
    pthread_attr_destroy(&attr);
}

static void offer_job(const job *j, int n_workers) {
    pthread_mutex_lock(&pool.lock);
    pool.job = *j;
    pool.n_wanted = n_workers;
    pool.n_joined = 0;
    atomic_store(&pool.next, 0);
    atomic_fetch_add(&pool.number, 1);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
}

/* Nobody joins any more; those who did finish their chunks. */
static void finish_job(void) {
    pthread_mutex_lock(&pool.lock);
    pool.n_wanted = 0;
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < SPINS && atomic_load(&pool.n_active) > 0; i++) pause_briefly();
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.n_active) > 0) pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}

void parallel_chunks(size_t n, size_t chunk_size, chunk_fn body, void *user) {
    job j = {n, chunk_size, chunk_count(n, chunk_size), body, user};
    int n_workers = threads_get() - 1;
    if ((size_t)n_workers + 1 > j.n_chunks) n_workers = j.n_chunks > 1 ? (int)j.n_chunks - 1 : 0;
    if (n_workers > MAX_WORKERS) n_workers = MAX_WORKERS;
    if (n_workers == 0 || in_job) {
        for (size_t c = 0; c < j.n_chunks; c++) run_chunk(&j, c);
        return;
    }
    pthread_mutex_lock(&pool.callers);
    in_job = true;
    start_workers(n_workers);
    offer_job(&j, n_workers);
    take_chunks(&j);
    finish_job();
    in_job = false;
    pthread_mutex_unlock(&pool.callers);
}
