#include "base/threads.h"

#include <omp.h>

static int n_threads;

void threads_set(int n) {
    n_threads = n > 0 ? n : 0;
    omp_set_num_threads(threads_get());
}

int threads_get(void) {
    return n_threads > 0 ? n_threads : omp_get_num_procs();
}

int threads_worker(void) {
    return omp_get_thread_num();
}

size_t chunk_count(size_t n, size_t chunk_size) {
    return n / chunk_size + (n % chunk_size != 0);
}

void parallel_chunks(size_t n, size_t chunk_size, chunk_fn body, void *user) {
    size_t n_chunks = chunk_count(n, chunk_size);
    int workers = threads_get();
    if ((size_t)workers > n_chunks) workers = n_chunks > 0 ? (int)n_chunks : 1;
#pragma omp parallel for schedule(dynamic, 1) num_threads(workers)
    for (size_t c = 0; c < n_chunks; c++) {
        size_t begin = c * chunk_size;
        size_t end = n - begin > chunk_size ? begin + chunk_size : n;
        body(user, c, begin, end);
    }
}
