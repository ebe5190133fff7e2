#include "semid/rqkmeans.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "kmeans/kmeans.h"
#include "kmeans/rqkmeans.h"

#include <stdio.h>

enum { CHUNK_ROWS = 1024 };

semid_rqkmeans_params semid_rqkmeans_params_default(void) {
    return (semid_rqkmeans_params){.n_levels = 4, .kmeans = semid_kmeans_params_default()};
}

typedef struct subtraction {
    float *x;               /* [n, dim] */
    const float *codewords; /* [K, dim] */
    const int32_t *codes;   /* [n] */
    size_t dim;
} subtraction;

static void subtract_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const subtraction *s = user;
    for (size_t i = begin; i < end; i++)
        kernels()->sub_f32(s->x + i * s->dim, s->codewords + (size_t)s->codes[i] * s->dim, s->dim);
}

static semid_status check_init(const semid_rqkmeans_params *params, size_t dim, semid_error *err) {
    const semid_codebook *cb = params->init;
    if (params->n_levels == 0) FAIL(SEMID_ERR_ARGUMENT, "L: expected at least 1 level, found 0");
    if (cb && (semid_codebook_levels(cb) != params->n_levels ||
               semid_codebook_codewords(cb) != params->kmeans.n_codewords ||
               semid_codebook_dim(cb) != dim))
        FAIL(SEMID_ERR_SHAPE,
             "initial codebooks: expected [L, K, d] = [%zu, %zu, %zu], found [%zu, %zu, %zu]",
             params->n_levels, params->kmeans.n_codewords, dim, semid_codebook_levels(cb),
             semid_codebook_codewords(cb), semid_codebook_dim(cb));
    return SEMID_OK;
}

/* What the codewords do not explain is left over: in place, or whenever rows are read. */
static void leave_rest(row_source *rows, float *x, size_t level, const float *codewords,
                       const int32_t *codes) {
    if (!x) {
        rows->n_levels = level + 1;
        return;
    }
    subtraction s = {.x = x, .codewords = codewords, .codes = codes, .dim = rows->dim};
    parallel_chunks(rows->n, CHUNK_ROWS, subtract_rows, &s);
}

semid_status rqkmeans_fit_levels(row_source *rows, float *x, const semid_rqkmeans_params *params,
                                 float *codewords, int32_t *codes, double *level_errors,
                                 semid_error *err) {
    semid_kmeans_params p = params->kmeans;
    size_t level_size = p.n_codewords * rows->dim;
    for (size_t l = 0; l < params->n_levels; l++) {
        char label[64];
        semid_kmeans_report report;
        float *level = codewords + l * level_size;
        int32_t *level_codes = x ? codes : codes + l * rows->n;
        snprintf(label, sizeof label, "level %zu of %zu", l + 1, params->n_levels);
        p.seed = params->kmeans.seed + l;
        p.initial = params->init ? semid_codebook_level(params->init, l) : NULL;
        TRY(kmeans_run(rows, &p, label, level, level_codes, &report, err));
        leave_rest(rows, x, l, level, level_codes);
        if (level_errors) level_errors[l] = report.mean_error;
    }
    return SEMID_OK;
}

/* x: the rows where they are in memory, to be worked in. */
static semid_status fit(semid_codebook **out, row_source *rows, float *x,
                        const semid_rqkmeans_params *params, double *level_errors,
                        semid_error *err) {
    semid_status status;
    float *codewords = NULL;
    int32_t *codes = NULL;
    size_t K, L = params->n_levels;
    semid_rqkmeans_params checked = *params;
    checked.kmeans.initial = params->init ? semid_codebook_level(params->init, 0) : NULL;
    TRY(check_init(params, rows->dim, err));
    TRY(kmeans_check(rows, &checked.kmeans, &K, err));
    checked.kmeans.n_codewords = K;
    TRY_GOTO(mem_alloc(&codewords, L, K * rows->dim * sizeof *codewords, err));
    TRY_GOTO(mem_alloc(&codes, rows->n, (x ? 1 : L) * sizeof *codes, err));
    rows->n_codewords = K;
    rows->codewords = codewords;
    rows->codes = codes;
    TRY_GOTO(rqkmeans_fit_levels(rows, x, &checked, codewords, codes, level_errors, err));
    TRY_GOTO(semid_codebook_new(NULL, out, L, K, rows->dim, false, codewords, err));
done:
    mem_free(codewords);
    mem_free(codes);
    return status;
}

semid_status semid_rqkmeans_fit(semid_codebook **out, float *x, size_t n, size_t dim,
                                const semid_rqkmeans_params *params, double *level_errors,
                                semid_error *err) {
    row_source rows = row_source_of(x, n, dim);
    return fit(out, &rows, x, params, level_errors, err);
}

semid_status semid_rqkmeans_fit_rows(semid_codebook **out, const semid_rows *from, size_t dim,
                                     const semid_rqkmeans_params *params, double *level_errors,
                                     semid_error *err) {
    row_source rows;
    TRY(row_source_open(&rows, from, dim, err));
    semid_status status = fit(out, &rows, NULL, params, level_errors, err);
    row_source_release(&rows);
    return status;
}
