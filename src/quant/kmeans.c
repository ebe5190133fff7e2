#include "quant/kmeans.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "formats/embeddings.h"
#include "quant/clusters.h"
#include "quant/kmeans_start.h"
#include "quant/nearest.h"

#include <math.h>
#include <string.h>

semid_kmeans_params semid_kmeans_params_default(void) {
    return (semid_kmeans_params){.n_codewords = 256,
                                 .max_iters = 100,
                                 .tol = 1e-4,
                                 .init = SEMID_KMEANS_PLUSPLUS,
                                 .seed = 42};
}

semid_status kmeans_check(const float *x, size_t n, size_t dim, const semid_kmeans_params *params,
                          size_t *n_codewords, semid_error *err) {
    size_t k = params->n_codewords, bad, n_bad, n_distinct;
    if (n == 0 || dim == 0)
        FAIL(SEMID_ERR_DATA, "vectors: expected at least one, found shape [%zu, %zu]", n, dim);
    if (k == 0 || k > INT32_MAX)
        FAIL(SEMID_ERR_ARGUMENT, "K: expected 1 to 2^31 - 1 codewords, found %zu", k);
    if (!(params->tol >= 0))
        FAIL(SEMID_ERR_ARGUMENT, "tol: expected 0 or more, found %g", params->tol);
    n_bad = rows_not_finite(x, n, dim, &bad);
    if (n_bad > 0)
        FAIL(SEMID_ERR_DATA,
             "vectors: expected finite numbers, found NaN or Inf in %zu rows, first "
             "in row %zu",
             n_bad, bad);
    *n_codewords = k;
    if (params->initial) return SEMID_OK;
    TRY(distinct_rows(x, n, dim, k, &n_distinct, err));
    if (n_distinct < k && !params->allow_fewer)
        FAIL(SEMID_ERR_DATA,
             "expected at least K = %zu distinct rows, found %zu (allow fewer, or lower K)", k,
             n_distinct);
    *n_codewords = n_distinct;
    return SEMID_OK;
}

/* What Lloyd's iterations work with. */
typedef struct lloyd {
    const float *x; /* [n, dim] */
    size_t n, dim, n_codewords;
    float *codewords; /* [n_codewords, dim], the caller's */
    int32_t *codes;   /* [n] */
    float *distances; /* [n] */
    nearest *search;
    clusters members;
} lloyd;

static void lloyd_release(lloyd *l) {
    mem_free(l->distances);
    nearest_free(l->search);
    clusters_release(&l->members);
}

static semid_status lloyd_init(lloyd *l, semid_error *err) {
    TRY(mem_alloc(&l->distances, l->n, sizeof *l->distances, err));
    TRY(nearest_new(&l->search, l->n_codewords, l->dim, err));
    return clusters_init(&l->members, l->n_codewords, l->dim, l->n, err);
}

/* Assign every row; the mean squared distance. */
static double assign(lloyd *l) {
    nearest_set(l->search, l->codewords);
    nearest_find(l->search, l->x, l->n, l->codes, l->distances);
    double sum = 0;
    for (size_t i = 0; i < l->n; i++) sum += (double)l->distances[i];
    return sum / (double)l->n;
}

static size_t largest_cluster(const clusters *c) {
    size_t largest = 0;
    for (size_t k = 1; k < c->n_codewords; k++)
        if (c->counts[k] > c->counts[largest]) largest = k;
    return largest;
}

/* The row of cluster k that is farthest from its codeword. */
static size_t farthest_row(const lloyd *l, size_t k) {
    const clusters *c = &l->members;
    size_t farthest = c->order[c->starts[k]];
    for (size_t i = c->starts[k]; i < c->starts[k + 1]; i++)
        if (l->distances[c->order[i]] > l->distances[farthest]) farthest = c->order[i];
    return farthest;
}

/* Give each empty cluster the farthest row of the largest one. Clusters of equal rows have none to
 * give. */
static void fill_empty_clusters(lloyd *l) {
    clusters *c = &l->members;
    for (size_t k = 0; k < l->n_codewords; k++) {
        if (c->counts[k] > 0) continue;
        size_t from = largest_cluster(c), row = farthest_row(l, from);
        if (c->counts[from] < 2 || !(l->distances[row] > 0)) return;
        l->distances[row] = 0; /* taken */
        c->counts[from]--;
        c->counts[k] = 1;
        for (size_t j = 0; j < l->dim; j++) {
            double value = (double)l->x[row * l->dim + j];
            c->sums[from * l->dim + j] -= value;
            c->sums[k * l->dim + j] = value;
        }
    }
}

/* Every codeword becomes the mean of its rows. */
static void update(lloyd *l) {
    clusters *c = &l->members;
    clusters_sort(c, l->codes, l->n);
    clusters_sum(c, l->x);
    fill_empty_clusters(l);
    for (size_t k = 0; k < l->n_codewords; k++) {
        if (c->counts[k] == 0) continue;
        double count = c->counts[k];
        for (size_t j = 0; j < l->dim; j++)
            l->codewords[k * l->dim + j] = (float)(c->sums[k * l->dim + j] / count);
    }
}

/* Alternate until the error drops by less than tol of itself; leaves codes that belong to the
 * codewords. No label, no progress. */
static semid_status iterate(lloyd *l, const semid_kmeans_params *params, const char *label,
                            semid_kmeans_report *report, semid_error *err) {
    progress p;
    if (label) progress_begin(&p, label, "iterations", params->max_iters);
    double error = assign(l);
    size_t iters = 0;
    while (iters < params->max_iters && error > 0) {
        if (interrupted()) FAIL(SEMID_ERR_INTERRUPTED, "interrupted");
        update(l);
        double next = assign(l);
        iters++;
        if (label) progress_add(&p, 1);
        double drop = error - next;
        error = next;
        if (drop <= params->tol * (error + drop)) break;
    }
    if (label) progress_end(&p);
    *report =
        (semid_kmeans_report){.n_codewords = l->n_codewords, .n_iters = iters, .mean_error = error};
    return SEMID_OK;
}

/* ---- starting ---- */

/* Several starts are tried by a few iterations on a sample of so many rows a codeword: the best one
 * costs little and saves iterations over all rows. */
enum { N_STARTS = 3, START_ITERS = 10, SAMPLE_ROWS_PER_CODEWORD = 64, STREAM_SAMPLE = 101 };

/* *sample: n_sample rows of x drawn by the seed, owned by the caller; NULL if x itself serves. */
static semid_status draw_sample(float **sample, size_t *n_sample, const float *x, size_t n,
                                size_t dim, const semid_kmeans_params *params, semid_error *err) {
    *n_sample = params->n_codewords * SAMPLE_ROWS_PER_CODEWORD;
    if (n <= *n_sample) {
        *n_sample = n;
        return SEMID_OK;
    }
    semid_status status;
    uint64_t *rows = NULL;
    rng r;
    rng_init(&r, params->seed, STREAM_SAMPLE);
    TRY_GOTO(mem_alloc(&rows, *n_sample, sizeof *rows, err));
    TRY_GOTO(mem_alloc(sample, *n_sample, dim * sizeof **sample, err));
    rng_sample_sorted(&r, n, *n_sample, rows);
    for (size_t i = 0; i < *n_sample; i++)
        memcpy(*sample + i * dim, x + rows[i] * dim, dim * sizeof *x);
done:
    mem_free(rows);
    return status;
}

/* The best of several k-means++ starts on these rows, into codewords. */
static semid_status best_start(const float *x, size_t n, size_t dim,
                               const semid_kmeans_params *params, float *codewords,
                               semid_error *err) {
    semid_status status;
    lloyd l = {.x = x, .n = n, .dim = dim, .n_codewords = params->n_codewords};
    semid_kmeans_params brief = *params;
    semid_kmeans_report report;
    double least = INFINITY;
    brief.max_iters = START_ITERS;
    TRY_GOTO(mem_alloc(&l.codes, n, sizeof *l.codes, err));
    TRY_GOTO(mem_alloc(&l.codewords, l.n_codewords, dim * sizeof *l.codewords, err));
    TRY_GOTO(lloyd_init(&l, err));
    for (uint64_t s = 0; s < N_STARTS; s++) {
        TRY_GOTO(start_plusplus(x, n, dim, l.n_codewords, params->seed * N_STARTS + s, l.codewords,
                                err));
        TRY_GOTO(iterate(&l, &brief, NULL, &report, err));
        if (report.mean_error >= least) continue;
        least = report.mean_error;
        memcpy(codewords, l.codewords, l.n_codewords * dim * sizeof *codewords);
    }
done:
    mem_free(l.codes);
    mem_free(l.codewords);
    lloyd_release(&l);
    return status;
}

static semid_status start(const lloyd *l, const semid_kmeans_params *params, semid_error *err) {
    if (params->initial) {
        memcpy(l->codewords, params->initial, l->n_codewords * l->dim * sizeof *l->codewords);
        return SEMID_OK;
    }
    if (params->init == SEMID_KMEANS_RANDOM)
        return start_random(l->x, l->n, l->dim, l->n_codewords, params->seed, l->codewords, err);
    size_t n_sample;
    float *sample = NULL;
    TRY(draw_sample(&sample, &n_sample, l->x, l->n, l->dim, params, err));
    semid_status status =
        best_start(sample ? sample : l->x, n_sample, l->dim, params, l->codewords, err);
    mem_free(sample);
    return status;
}

semid_status kmeans_run(const float *x, size_t n, size_t dim, const semid_kmeans_params *params,
                        const char *label, float *codewords, int32_t *codes,
                        semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    lloyd l = {.x = x,
               .n = n,
               .dim = dim,
               .n_codewords = params->n_codewords,
               .codewords = codewords,
               .codes = codes};
    TRY_GOTO(start(&l, params, err));
    TRY_GOTO(lloyd_init(&l, err));
    TRY_GOTO(iterate(&l, params, label, report, err));
done:
    lloyd_release(&l);
    return status;
}

semid_status semid_kmeans_fit(const float *x, size_t n, size_t dim,
                              const semid_kmeans_params *params, float *codewords, int32_t *codes,
                              semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    int32_t *own_codes = NULL;
    float *found = NULL;
    semid_kmeans_params checked = *params;
    semid_kmeans_report made;
    TRY(kmeans_check(x, n, dim, params, &checked.n_codewords, err));
    TRY_GOTO(mem_alloc(&own_codes, n, sizeof *own_codes, err));
    TRY_GOTO(mem_alloc(&found, checked.n_codewords, dim * sizeof *found, err));
    TRY_GOTO(kmeans_run(x, n, dim, &checked, "k-means", found, own_codes, &made, err));
    memcpy(codewords, found, checked.n_codewords * dim * sizeof *found);
    if (codes) memcpy(codes, own_codes, n * sizeof *codes);
    if (report) *report = made;
done:
    mem_free(own_codes);
    mem_free(found);
    return status;
}
