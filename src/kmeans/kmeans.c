#include "kmeans/kmeans.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "formats/embeddings.h"
#include "kmeans/kmeans_lloyd.h"
#include "kmeans/kmeans_start.h"

#include <math.h>
#include <string.h>

semid_kmeans_params semid_kmeans_params_default(void) {
    return (semid_kmeans_params){.n_codewords = 256,
                                 .max_iters = 100,
                                 .tol = 1e-4,
                                 .init = SEMID_KMEANS_PLUSPLUS,
                                 .seed = 42};
}

static semid_status check_finite(const row_source *rows, semid_error *err) {
    size_t n = 0, n_bad = 0, first_bad = 0;
    for (size_t row = 0; row < rows->n; row += n) {
        const float *x;
        size_t bad = 0;
        TRY(row_source_block(rows, row, &x, &n, err));
        size_t n_more = rows_not_finite(x, n, rows->dim, &bad);
        if (n_bad == 0) first_bad = row + bad;
        n_bad += n_more;
    }
    if (n_bad > 0)
        FAIL(SEMID_ERR_DATA,
             "vectors: expected finite numbers, found NaN or Inf in %zu rows, first "
             "in row %zu",
             n_bad, first_bad);
    return SEMID_OK;
}

semid_status kmeans_check(const row_source *rows, const semid_kmeans_params *params,
                          size_t *n_codewords, semid_error *err) {
    size_t k = params->n_codewords, n_distinct;
    if (rows->n == 0 || rows->dim == 0)
        FAIL(SEMID_ERR_DATA, "vectors: expected at least one, found shape [%zu, %zu]", rows->n,
             rows->dim);
    if (k == 0 || k > INT32_MAX)
        FAIL(SEMID_ERR_ARGUMENT, "K: expected 1 to 2^31 - 1 codewords, found %zu", k);
    if (!(params->tol >= 0))
        FAIL(SEMID_ERR_ARGUMENT, "tol: expected 0 or more, found %g", params->tol);
    TRY(check_finite(rows, err));
    *n_codewords = k;
    if (params->initial) return SEMID_OK;
    TRY(distinct_rows(rows, k, &n_distinct, err));
    if (n_distinct < k && !params->allow_fewer)
        FAIL(SEMID_ERR_DATA,
             "expected at least K = %zu distinct rows, found %zu (allow fewer, or lower K)", k,
             n_distinct);
    *n_codewords = n_distinct;
    return SEMID_OK;
}

/* ---- starting ---- */

/* Several starts are tried by a few iterations: the best one costs little and saves iterations.
 * Where there are more rows than a sample of so many a codeword, that sample serves; starts on a
 * large one differ little, and one will do. */
enum { ENOUGH_ROWS_FOR_ONE_START = 8192 };
enum { N_STARTS = 3, START_ITERS = 10, SAMPLE_ROWS_PER_CODEWORD = 64, STREAM_SAMPLE = 101 };

/* Principal directions that get a factor of shrinkage each. */
enum { MAX_AXES = 64 };

/* What the start works on: the rows, or where there are many a sample drawn by the seed. *sample is
 * the caller's, NULL if the rows are in memory and themselves serve. */
static semid_status draw_sample(float **sample, size_t *n_sample, const row_source *from,
                                const semid_kmeans_params *params, semid_error *err) {
    semid_status status;
    uint64_t *rows = NULL;
    rng r;
    *n_sample = params->n_codewords * SAMPLE_ROWS_PER_CODEWORD;
    if (*n_sample > from->n) *n_sample = from->n;
    if (*n_sample == from->n && from->x) return SEMID_OK;
    rng_init(&r, params->seed, STREAM_SAMPLE);
    TRY_GOTO(mem_alloc(&rows, *n_sample, sizeof *rows, err));
    TRY_GOTO(mem_alloc(sample, *n_sample, from->dim * sizeof **sample, err));
    rng_sample_sorted(&r, from->n, *n_sample, rows);
    TRY_GOTO(row_source_gather(from, rows, *n_sample, *sample, err));
done:
    mem_free(rows);
    return status;
}

/* The best of several k-means++ starts on these rows, into codewords. */
static semid_status best_start(const float *x, size_t n, size_t dim, size_t n_starts,
                               shrinkage *prior, const semid_kmeans_params *params,
                               float *codewords, semid_error *err) {
    semid_status status;
    row_source rows = row_source_of(x, n, dim);
    lloyd l = {.rows = &rows, .n_codewords = params->n_codewords, .prior = prior};
    semid_kmeans_report report;
    double least = INFINITY;
    TRY_GOTO(mem_alloc(&l.codes, n, sizeof *l.codes, err));
    TRY_GOTO(mem_alloc(&l.codewords, l.n_codewords, dim * sizeof *l.codewords, err));
    TRY_GOTO(lloyd_init(&l, err));
    for (uint64_t s = 0; s < n_starts; s++) {
        TRY_GOTO(start_plusplus(x, n, dim, l.n_codewords, params->seed * N_STARTS + s, l.codewords,
                                err));
        TRY_GOTO(lloyd_run(&l, START_ITERS, params->tol, NULL, &report, err));
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

/* The same in the leading principal coordinates alone: less noise, and a fraction of the work. */
static semid_status best_start_along(const float *x, size_t n, size_t n_starts,
                                     const principal *axes, const semid_kmeans_params *params,
                                     float *codewords, semid_error *err) {
    semid_status status;
    size_t m = axes->n_directions;
    float *along = NULL, *found = NULL;
    shrinkage prior = {0};
    TRY_GOTO(mem_alloc(&along, n, m * sizeof *along, err));
    TRY_GOTO(mem_alloc(&found, params->n_codewords, m * sizeof *found, err));
    TRY_GOTO(shrinkage_init(&prior, NULL, axes->variances, params->n_codewords, m, err));
    principal_project(axes, x, n, along);
    TRY_GOTO(best_start(along, n, m, n_starts, &prior, params, found, err));
    principal_lift(axes, found, params->n_codewords, codewords);
done:
    shrinkage_release(&prior);
    mem_free(along);
    mem_free(found);
    return status;
}

static bool start_draws(const semid_kmeans_params *params) {
    return !params->initial && params->init != SEMID_KMEANS_RANDOM;
}

/* axes: NULL where the coordinates themselves will do. */
static semid_status start(const lloyd *l, const principal *axes, const semid_kmeans_params *params,
                          semid_error *err) {
    size_t dim = l->rows->dim, n_sample;
    if (params->initial) {
        memcpy(l->codewords, params->initial, l->n_codewords * dim * sizeof *l->codewords);
        return SEMID_OK;
    }
    if (params->init == SEMID_KMEANS_RANDOM)
        return start_random(l->rows, l->n_codewords, params->seed, l->codewords, err);
    float *sample = NULL;
    semid_status status = draw_sample(&sample, &n_sample, l->rows, params, err);
    const float *x = sample ? sample : l->rows->x;
    size_t n_starts = n_sample >= ENOUGH_ROWS_FOR_ONE_START ? 1 : N_STARTS;
    if (status == SEMID_OK)
        status = axes ? best_start_along(x, n_sample, n_starts, axes, params, l->codewords, err)
                      : best_start(x, n_sample, dim, n_starts, NULL, params, l->codewords, err);
    mem_free(sample);
    return status;
}

semid_status kmeans_run(const row_source *rows, const semid_kmeans_params *params,
                        const char *label, float *codewords, int32_t *codes,
                        semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    principal axes = {0};
    shrinkage prior = {0};
    size_t dim = rows->dim, n_axes = dim < MAX_AXES ? dim : MAX_AXES;
    bool along = params->shrink || (dim > MAX_AXES && start_draws(params));
    lloyd l = {
        .rows = rows, .n_codewords = params->n_codewords, .codewords = codewords, .codes = codes};
    if (along) TRY_GOTO(principal_fit(&axes, rows, n_axes, params->seed, err));
    if (params->shrink) {
        TRY_GOTO(shrinkage_init(&prior, &axes, axes.variances, l.n_codewords, dim, err));
        l.prior = &prior;
    }
    TRY_GOTO(start(&l, along ? &axes : NULL, params, err));
    TRY_GOTO(lloyd_init(&l, err));
    TRY_GOTO(lloyd_run(&l, params->max_iters, params->tol, label, report, err));
    if (params->balance) TRY_GOTO(lloyd_balance(&l, report, err));
done:
    lloyd_release(&l);
    shrinkage_release(&prior);
    principal_release(&axes);
    return status;
}

semid_status semid_kmeans_fit(const float *x, size_t n, size_t dim,
                              const semid_kmeans_params *params, float *codewords, int32_t *codes,
                              semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    int32_t *own_codes = NULL;
    float *found = NULL;
    row_source rows = row_source_of(x, n, dim);
    semid_kmeans_params checked = *params;
    semid_kmeans_report made;
    TRY(kmeans_check(&rows, params, &checked.n_codewords, err));
    TRY_GOTO(mem_alloc(&own_codes, n, sizeof *own_codes, err));
    TRY_GOTO(mem_alloc(&found, checked.n_codewords, dim * sizeof *found, err));
    TRY_GOTO(kmeans_run(&rows, &checked, "k-means", found, own_codes, &made, err));
    memcpy(codewords, found, checked.n_codewords * dim * sizeof *found);
    if (codes) memcpy(codes, own_codes, n * sizeof *codes);
    if (report) *report = made;
done:
    mem_free(own_codes);
    mem_free(found);
    return status;
}
