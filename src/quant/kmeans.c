#include "quant/kmeans.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "formats/embeddings.h"
#include "quant/kmeans_lloyd.h"
#include "quant/kmeans_start.h"

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

/* ---- starting ---- */

/* Several starts are tried by a few iterations: the best one costs little and saves iterations.
 * Where there are more rows than a sample of so many a codeword, that sample serves; starts on a
 * large one differ little, and one will do. */
enum { ENOUGH_ROWS_FOR_ONE_START = 8192 };
enum { N_STARTS = 3, START_ITERS = 10, SAMPLE_ROWS_PER_CODEWORD = 64, STREAM_SAMPLE = 101 };

/* Principal directions that get a factor of shrinkage each. */
enum { MAX_AXES = 64 };

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
static semid_status best_start(const float *x, size_t n, size_t dim, size_t n_starts,
                               shrinkage *prior, const semid_kmeans_params *params,
                               float *codewords, semid_error *err) {
    semid_status status;
    lloyd l = {.x = x, .n = n, .dim = dim, .n_codewords = params->n_codewords, .prior = prior};
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

/* axes: NULL without shrinkage. */
static semid_status start(const lloyd *l, const principal *axes, const semid_kmeans_params *params,
                          semid_error *err) {
    if (params->initial) {
        memcpy(l->codewords, params->initial, l->n_codewords * l->dim * sizeof *l->codewords);
        return SEMID_OK;
    }
    if (params->init == SEMID_KMEANS_RANDOM)
        return start_random(l->x, l->n, l->dim, l->n_codewords, params->seed, l->codewords, err);
    size_t n_sample;
    float *sample = NULL;
    TRY(draw_sample(&sample, &n_sample, l->x, l->n, l->dim, params, err));
    const float *x = sample ? sample : l->x;
    size_t n_starts = n_sample >= ENOUGH_ROWS_FOR_ONE_START ? 1 : N_STARTS;
    semid_status status =
        axes ? best_start_along(x, n_sample, n_starts, axes, params, l->codewords, err)
             : best_start(x, n_sample, l->dim, n_starts, NULL, params, l->codewords, err);
    mem_free(sample);
    return status;
}

semid_status kmeans_run(const float *x, size_t n, size_t dim, const semid_kmeans_params *params,
                        const char *label, float *codewords, int32_t *codes,
                        semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    principal axes = {0};
    shrinkage prior = {0};
    lloyd l = {.x = x,
               .n = n,
               .dim = dim,
               .n_codewords = params->n_codewords,
               .codewords = codewords,
               .codes = codes};
    bool along = params->shrink || dim > MAX_AXES;
    if (along) {
        size_t n_axes = dim < MAX_AXES ? dim : MAX_AXES;
        TRY_GOTO(principal_fit(&axes, x, n, dim, n_axes, params->seed, err));
    }
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
