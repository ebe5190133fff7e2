#include "base/threads.h"

#include "base/context.h"
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>

/* Chunks of [0, n) as a job for the workers of the current context (pool.h).
 *
 * Where a chunk begins depends on n and its size alone. So results that are computed chunk by chunk
 * and combined in the order of the chunks are the same to the last bit at any number of threads. */

enum { MAX_WORKERS = 1023 };

typedef struct chunked_range {
    size_t n, chunk_size;
    chunk_fn body;
    void *user;
} chunked_range;

static int n_cores;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Those that this process may run on. */
static void count_cores(void) {
    cpu_set_t set;
    n_cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void threads_set(int n) {
    context_set_threads(n > 0 ? n : 0);
}

int threads_get(void) {
    int n_threads = context_threads();
    if (n_threads > 0) return n_threads;
    pthread_once(&once, count_cores);
    return n_cores;
}

int threads_worker(void) {
    return pool_worker_index();
}

size_t chunk_count(size_t n, size_t chunk_size) {
    return n / chunk_size + (n % chunk_size != 0);
}

static void run_chunk(void *user, size_t chunk) {
    const chunked_range *r = user;
    size_t begin = chunk * r->chunk_size;
    size_t end = r->n - begin > r->chunk_size ? begin + r->chunk_size : r->n;
    r->body(r->user, chunk, begin, end);
}

void parallel_chunks(size_t n, size_t chunk_size, chunk_fn body, void *user) {
    chunked_range range = {n, chunk_size, body, user};
    job j = {.n_chunks = chunk_count(n, chunk_size), .run_chunk = run_chunk, .user = &range};
    if (j.n_chunks == 0) return;

    size_t n_workers = (size_t)threads_get() - 1;
    if (n_workers > j.n_chunks - 1) n_workers = j.n_chunks - 1;
    if (n_workers > MAX_WORKERS) n_workers = MAX_WORKERS;
    pool_run(context_pool(), n_workers, &j);
}
