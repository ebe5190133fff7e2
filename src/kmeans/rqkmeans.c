/* Residual quantization by k-means (Chen, Guan & Wang 2010): each level clusters the residuals that
 * the levels before it leave, so that the sum of one codeword per level approximates a row.
 *
 * In memory the caller's rows are overwritten by their residuals after each level: no second copy
 * is needed. Where rows are read, the row_source subtracts the codewords of the levels so far from
 * every row it reads, in the same order, which gives the same bits.
 *
 * Cost: L times that of k-means. */
#include "kmeans/rqkmeans.h"

#include "base/context.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "kmeans/kmeans.h"

#include <stdio.h>

enum { CHUNK_ROWS = 1024 };

semid_rqkmeans_params semid_rqkmeans_params_default(void) {
    return (semid_rqkmeans_params){.n_levels = 4, .kmeans = semid_kmeans_params_default()};
}

typedef struct subtract_codewords_task {
    float *x;               /* [n, dim] */
    const float *codewords; /* [K, dim] */
    const int32_t *codes;   /* [n] */
    size_t dim;
} subtract_codewords_task;

static void subtract_codewords(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const subtract_codewords_task *t = user;
    for (size_t i = begin; i < end; i++)
        kernels()->sub_f32(t->x + i * t->dim, t->codewords + (size_t)t->codes[i] * t->dim, t->dim);
}

void rqkmeans_subtract(float *x, size_t n, size_t dim, const float *codewords,
                       const int32_t *codes) {
    subtract_codewords_task t = {x, codewords, codes, dim};
    parallel_chunks(n, CHUNK_ROWS, subtract_codewords, &t);
}

semid_status rqkmeans_fit_levels(row_source *rows, float *x, const semid_rqkmeans_params *params,
                                 float *codewords, int32_t *codes, double *level_errors,
                                 semid_error *err) {
    semid_kmeans_params p = params->kmeans;
    size_t n = rows->n, dim = rows->dim;
    for (size_t l = 0; l < params->n_levels; l++) {
        char label[64];
        semid_kmeans_report report;
        float *level = codewords + l * p.n_codewords * dim;
        int32_t *level_codes = x ? codes : codes + l * n;
        snprintf(label, sizeof label, "level %zu of %zu", l + 1, params->n_levels);
        p.seed = params->kmeans.seed + l;
        p.initial = params->init ? semid_codebook_level(params->init, l) : NULL;
        TRY(kmeans_run(rows, &p, label, level, level_codes, &report, err));
        if (level_errors) level_errors[l] = report.mean_error;

        /* Rows become their residuals: in memory now, else whenever they are read. */
        if (x)
            rqkmeans_subtract(x, n, dim, level, level_codes);
        else
            rows->n_levels = l + 1;
    }
    return SEMID_OK;
}

/* x: the rows where they are in memory, to be overwritten; else NULL. */
static semid_status fit(semid_codebook **out, row_source *rows, float *x,
                        const semid_rqkmeans_params *params, double *level_errors,
                        semid_error *err) {
    semid_status status;
    float *codewords = NULL;
    int32_t *codes = NULL;
    const semid_codebook *init = params->init;
    size_t K = params->kmeans.n_codewords, L = params->n_levels, dim = rows->dim;

    TRY(check_reserved(params->reserved, sizeof params->reserved, err));
    if (L == 0) FAIL(SEMID_ERR_ARGUMENT, "L: expected at least 1 level, found 0");
    if (init && (semid_codebook_levels(init) != L || semid_codebook_codewords(init) != K ||
                 semid_codebook_dim(init) != dim))
        FAIL(SEMID_ERR_SHAPE,
             "initial codebooks: expected [L, K, d] = [%zu, %zu, %zu], found [%zu, %zu, %zu]", L, K,
             dim, semid_codebook_levels(init), semid_codebook_codewords(init),
             semid_codebook_dim(init));

    semid_rqkmeans_params checked = *params;
    checked.kmeans.initial = init ? semid_codebook_level(init, 0) : NULL;
    TRY(kmeans_check(rows, &checked.kmeans, &K, err));
    checked.kmeans.n_codewords = K;

    TRY_GOTO(mem_alloc(&codewords, L, K * dim * sizeof *codewords, err));
    TRY_GOTO(mem_alloc(&codes, rows->n, (x ? 1 : L) * sizeof *codes, err));
    rows->n_codewords = K;
    rows->codewords = codewords;
    rows->codes = codes;
    TRY_GOTO(rqkmeans_fit_levels(rows, x, &checked, codewords, codes, level_errors, err));
    TRY_GOTO(semid_codebook_new(NULL, out, L, K, dim, false, codewords, err));
done:
    mem_free(codewords);
    mem_free(codes);
    return status;
}

semid_status semid_rqkmeans_fit(semid_context *context, semid_codebook **out, float *x, size_t n,
                                size_t dim, const semid_rqkmeans_params *params,
                                double *level_errors, semid_error *err) {
    row_source rows = row_source_of(x, n, dim);
    context_scope outer = context_enter(context);
    semid_status status = fit(out, &rows, x, params, level_errors, err);
    context_leave(outer);
    return status;
}

semid_status semid_rqkmeans_fit_rows(semid_context *context, semid_codebook **out,
                                     const semid_rows *from, size_t dim,
                                     const semid_rqkmeans_params *params, double *level_errors,
                                     semid_error *err) {
    row_source rows;
    TRY(row_source_open(&rows, from, dim, err));
    context_scope outer = context_enter(context);
    semid_status status = fit(out, &rows, NULL, params, level_errors, err);
    context_leave(outer);
    row_source_release(&rows);
    return status;
}
