/* K-means: a start, Lloyd's iterations (kmeans_lloyd.c), and on request a balanced use.
 *
 * The start is greedy k-means++ (kmeans_start.c) on a sample of 64 rows per codeword: three starts
 * of ten iterations each, of which the best goes on with all rows. That costs little, since the
 * sample is small, and saves iterations. With more than 64 dimensions the start works on the
 * coordinates along the 64 leading principal directions alone: less noise, a fraction of the work.
 *
 * With `shrink`, codewords are not means but posterior means (shrinkage.c), at the start and in
 * every iteration; the same principal directions are its axes.
 *
 * Rows come through a row_source, in memory or read in blocks, with the same result to the bit.
 * Cost: 2 n K dim operations per iteration, and about 50 m K dim per start on a sample of m rows.
 */
#include "kmeans/kmeans.h"

#include "base/context.h"
#include "base/finite.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "kmeans/kmeans_lloyd.h"
#include "kmeans/kmeans_start.h"

#include <math.h>
#include <string.h>

/* Starts on a sample of ENOUGH_ROWS_FOR_ONE_START rows differ little: one will do. */
enum {
    N_STARTS = 3,
    START_ITERS = 10,
    SAMPLE_ROWS_PER_CODEWORD = 64,
    ENOUGH_ROWS_FOR_ONE_START = 8192
};

/* Principal directions at most: of the start, and with a factor of shrinkage each. */
enum { MAX_AXES = 64 };

semid_kmeans_params semid_kmeans_params_default(void) {
    return (semid_kmeans_params){.n_codewords = 256,
                                 .max_iters = 100,
                                 .tol = 1e-4,
                                 .init = SEMID_KMEANS_PLUSPLUS,
                                 .seed = 42};
}

semid_status kmeans_check(const row_source *rows, const semid_kmeans_params *params,
                          size_t *n_codewords, semid_error *err) {
    size_t k = params->n_codewords, n = 0, n_bad = 0, first_bad = 0, n_distinct;
    TRY(check_reserved(params->reserved, sizeof params->reserved, err));
    if (rows->n == 0 || rows->dim == 0)
        FAIL(SEMID_ERR_DATA, "vectors: expected at least one, found shape [%zu, %zu]", rows->n,
             rows->dim);
    if (k == 0 || k > INT32_MAX)
        FAIL(SEMID_ERR_ARGUMENT, "K: expected 1 to 2^31 - 1 codewords, found %zu", k);
    if (!(params->tol >= 0))
        FAIL(SEMID_ERR_ARGUMENT, "tol: expected 0 or more, found %g", params->tol);

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

    /* Given codewords to start from may repeat each other; drawn ones may not. */
    *n_codewords = k;
    if (params->initial) return SEMID_OK;
    TRY(kmeans_count_distinct(rows, k, &n_distinct, err));
    if (n_distinct < k && !params->allow_fewer)
        FAIL(SEMID_ERR_DATA,
             "expected at least K = %zu distinct rows, found %zu (allow fewer, or lower K)", k,
             n_distinct);
    *n_codewords = n_distinct;
    return SEMID_OK;
}

/* ---- the start ---- */

/* The best of several k-means++ starts on these rows, into codewords. prior: or NULL */
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
        TRY_GOTO(kmeans_start_plusplus(x, n, dim, l.n_codewords, params->seed * N_STARTS + s,
                                       l.codewords, err));
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

/* The first codewords, by k-means++ on all rows or on a sample drawn by the seed. axes: where the
 * start is to be found in the coordinates along them, with shrinkage there; or NULL */
static semid_status draw_start(const row_source *from, const principal *axes,
                               const semid_kmeans_params *params, float *codewords,
                               semid_error *err) {
    semid_status status;
    size_t K = params->n_codewords, dim = from->dim, n = K * SAMPLE_ROWS_PER_CODEWORD;
    uint64_t *rows = NULL;
    float *sample = NULL, *along = NULL, *found = NULL;
    const float *x = from->x;
    shrinkage prior = {0};

    /* Rows that are read are always gathered into memory. */
    if (n > from->n) n = from->n;
    if (n < from->n || !x) {
        rng r;
        rng_init(&r, params->seed, RNG_KMEANS_SAMPLE);
        TRY_GOTO(mem_alloc(&rows, n, sizeof *rows, err));
        TRY_GOTO(mem_alloc(&sample, n, dim * sizeof *sample, err));
        rng_sample_sorted(&r, from->n, n, rows);
        TRY_GOTO(row_source_gather(from, rows, n, sample, err));
        x = sample;
        mem_free(rows);
        rows = NULL;
    }

    size_t n_starts = n >= ENOUGH_ROWS_FOR_ONE_START ? 1 : N_STARTS;
    if (!axes) {
        TRY_GOTO(best_start(x, n, dim, n_starts, NULL, params, codewords, err));
        goto done;
    }

    size_t m = axes->n_directions;
    TRY_GOTO(mem_alloc(&along, n, m * sizeof *along, err));
    TRY_GOTO(mem_alloc(&found, K, m * sizeof *found, err));
    TRY_GOTO(shrinkage_init(&prior, NULL, axes->variances, K, m, err));
    principal_project(axes, x, n, along);
    TRY_GOTO(best_start(along, n, m, n_starts, &prior, params, found, err));
    principal_lift(axes, found, K, codewords);
done:
    shrinkage_release(&prior);
    mem_free(rows);
    mem_free(sample);
    mem_free(along);
    mem_free(found);
    return status;
}

/* ---- k-means ---- */

semid_status kmeans_run(const row_source *rows, const semid_kmeans_params *params,
                        const char *label, float *codewords, int32_t *codes,
                        semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    principal axes = {0};
    shrinkage prior = {0};
    size_t K = params->n_codewords, dim = rows->dim, n_axes = dim < MAX_AXES ? dim : MAX_AXES;
    bool is_drawn = !params->initial && params->init != SEMID_KMEANS_RANDOM;
    bool needs_axes = params->shrink || (is_drawn && dim > MAX_AXES);
    lloyd l = {.rows = rows, .n_codewords = K, .codewords = codewords, .codes = codes};

    if (needs_axes) TRY_GOTO(principal_fit(&axes, rows, n_axes, params->seed, err));
    if (params->shrink) {
        TRY_GOTO(shrinkage_init(&prior, &axes, axes.variances, K, dim, err));
        l.prior = &prior;
    }

    if (params->initial)
        memcpy(codewords, params->initial, K * dim * sizeof *codewords);
    else if (is_drawn)
        TRY_GOTO(draw_start(rows, needs_axes ? &axes : NULL, params, codewords, err));
    else
        TRY_GOTO(kmeans_start_random(rows, K, params->seed, codewords, err));

    TRY_GOTO(lloyd_init(&l, err));
    TRY_GOTO(lloyd_run(&l, params->max_iters, params->tol, label, report, err));
    if (params->balance) TRY_GOTO(lloyd_balance(&l, report, err));
done:
    lloyd_release(&l);
    shrinkage_release(&prior);
    principal_release(&axes);
    return status;
}

/* The caller's arrays are written only on success. */
static semid_status fit(const row_source *rows, const semid_kmeans_params *params, float *codewords,
                        int32_t *codes, semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    int32_t *own_codes = NULL;
    float *found = NULL;
    semid_kmeans_params checked = *params;
    semid_kmeans_report made;
    TRY(kmeans_check(rows, params, &checked.n_codewords, err));

    size_t n_floats = checked.n_codewords * rows->dim;
    TRY_GOTO(mem_alloc(&own_codes, rows->n, sizeof *own_codes, err));
    TRY_GOTO(mem_alloc(&found, checked.n_codewords, rows->dim * sizeof *found, err));
    TRY_GOTO(kmeans_run(rows, &checked, "k-means", found, own_codes, &made, err));

    memcpy(codewords, found, n_floats * sizeof *found);
    if (codes) memcpy(codes, own_codes, rows->n * sizeof *codes);
    if (report) *report = made;
done:
    mem_free(own_codes);
    mem_free(found);
    return status;
}

semid_status semid_kmeans_fit(semid_context *context, const float *x, size_t n, size_t dim,
                              const semid_kmeans_params *params, float *codewords, int32_t *codes,
                              semid_kmeans_report *report, semid_error *err) {
    row_source rows = row_source_of(x, n, dim);
    context_scope outer = context_enter(context);
    semid_status status = fit(&rows, params, codewords, codes, report, err);
    context_leave(outer);
    return status;
}

semid_status semid_kmeans_fit_rows(semid_context *context, const semid_rows *from, size_t dim,
                                   const semid_kmeans_params *params, float *codewords,
                                   int32_t *codes, semid_kmeans_report *report, semid_error *err) {
    row_source rows;
    TRY(row_source_open(&rows, from, dim, err));
    context_scope outer = context_enter(context);
    semid_status status = fit(&rows, params, codewords, codes, report, err);
    context_leave(outer);
    row_source_release(&rows);
    return status;
}
