/* Sums of clusters in a fixed order: a counting sort brings the rows of each codeword together
 * (stable: in row order), and every cluster is then summed by one thread, row by row, in float64.
 * Adding blocks of rows one after another continues the same sums, so neither threads nor blocks
 * change a bit. Adding row by row without the sort would need a copy of the sums per thread.
 *
 * Rows of a cluster lie far apart in memory; each is prefetched while those before it are added.
 * Cost: O(n + K) for the sort, n * dim additions. */
#include "kmeans/clusters.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <string.h>

/* MIN_CHUNK_FLOATS: with fewer, waking another thread costs more than it saves. */
enum { PREFETCH_ROWS = 4, CACHE_LINE_FLOATS = 16, MIN_CHUNK_FLOATS = 1 << 19 };

semid_status clusters_init(clusters *c, size_t n_codewords, size_t dim, size_t max_rows,
                           semid_error *err) {
    semid_status status;
    if (max_rows >= UINT32_MAX)
        FAIL(SEMID_ERR_UNSUPPORTED, "rows: expected fewer than 2^32, found %zu", max_rows);

    clusters made = {.n_codewords = n_codewords, .dim = dim, .max_rows = max_rows};
    TRY_GOTO(mem_alloc(&made.counts, n_codewords, sizeof *made.counts, err));
    TRY_GOTO(mem_alloc(&made.starts, n_codewords + 1, sizeof *made.starts, err));
    TRY_GOTO(mem_alloc(&made.order, max_rows, sizeof *made.order, err));
    TRY_GOTO(mem_alloc(&made.sums, n_codewords, dim * sizeof *made.sums, err));
    *c = made;
    made = (clusters){0};
done:
    clusters_release(&made);
    return status;
}

void clusters_release(clusters *c) {
    mem_free(c->counts);
    mem_free(c->starts);
    mem_free(c->order);
    mem_free(c->sums);
    *c = (clusters){0};
}

void clusters_clear(clusters *c) {
    memset(c->counts, 0, c->n_codewords * sizeof *c->counts);
    memset(c->sums, 0, c->n_codewords * c->dim * sizeof *c->sums);
}

void clusters_sort(clusters *c, const int32_t *codes, size_t n) {
    /* at[k]: how many rows have code k, then where the next of them goes; in the end that is where
     * the rows of code k + 1 start. */
    size_t *at = c->starts + 1;
    memset(c->starts, 0, (c->n_codewords + 1) * sizeof *c->starts);
    for (size_t i = 0; i < n; i++) at[codes[i]]++;
    for (size_t k = 0, sum = 0; k < c->n_codewords; k++) {
        size_t count = at[k];
        at[k] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++) c->order[at[codes[i]]++] = (uint32_t)i;
}

typedef struct sum_clusters_task {
    clusters *c;
    const float *x; /* [n, dim] */
} sum_clusters_task;

/* Add the sorted rows of codewords [begin, end). */
static void sum_clusters(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const sum_clusters_task *t = user;
    clusters *c = t->c;
    for (size_t k = begin; k < end; k++) {
        double *sum = c->sums + k * c->dim;
        c->counts[k] += (uint32_t)(c->starts[k + 1] - c->starts[k]);
        for (size_t i = c->starts[k]; i < c->starts[k + 1]; i++) {
            if (i + PREFETCH_ROWS < c->starts[k + 1]) {
                const float *next = t->x + (size_t)c->order[i + PREFETCH_ROWS] * c->dim;
                for (size_t j = 0; j < c->dim; j += CACHE_LINE_FLOATS) __builtin_prefetch(next + j);
            }
            kernels()->add_f64(sum, t->x + (size_t)c->order[i] * c->dim, c->dim);
        }
    }
}

void clusters_add(clusters *c, const int32_t *codes, const float *x, size_t n) {
    clusters_sort(c, codes, n);
    sum_clusters_task t = {.c = c, .x = x};
    size_t floats_per_cluster = n * c->dim / c->n_codewords + 1;
    parallel_chunks(c->n_codewords, chunk_count(MIN_CHUNK_FLOATS, floats_per_cluster), sum_clusters,
                    &t);
}
