#include "semid/rqkmeans.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "quant/kmeans.h"

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

/* Cluster what is left, then leave over what the codewords do not explain. */
static semid_status fit_level(float *x, size_t n, size_t dim, size_t level, size_t n_levels,
                              const semid_kmeans_params *params, float *codewords, int32_t *codes,
                              double *error, semid_error *err) {
    char label[48];
    semid_kmeans_report report;
    snprintf(label, sizeof label, "level %zu of %zu", level + 1, n_levels);
    TRY(kmeans_run(x, n, dim, params, label, codewords, codes, &report, err));
    subtraction s = {.x = x, .codewords = codewords, .codes = codes, .dim = dim};
    parallel_chunks(n, CHUNK_ROWS, subtract_rows, &s);
    if (error) *error = report.mean_error;
    return SEMID_OK;
}

semid_status semid_rqkmeans_fit(semid_codebook **out, float *x, size_t n, size_t dim,
                                const semid_rqkmeans_params *params, double *level_errors,
                                semid_error *err) {
    semid_status status;
    float *codewords = NULL;
    int32_t *codes = NULL;
    semid_kmeans_params level_params = params->kmeans;
    level_params.initial = params->init ? semid_codebook_level(params->init, 0) : NULL;
    TRY(check_init(params, dim, err));
    TRY(kmeans_check(x, n, dim, &level_params, &level_params.n_codewords, err));
    size_t level_floats = level_params.n_codewords * dim;
    TRY_GOTO(mem_alloc(&codewords, params->n_levels, level_floats * sizeof *codewords, err));
    TRY_GOTO(mem_alloc(&codes, n, sizeof *codes, err));
    for (size_t l = 0; l < params->n_levels; l++) {
        level_params.seed = params->kmeans.seed + l;
        level_params.initial = params->init ? semid_codebook_level(params->init, l) : NULL;
        TRY_GOTO(fit_level(x, n, dim, l, params->n_levels, &level_params,
                           codewords + l * level_floats, codes,
                           level_errors ? level_errors + l : NULL, err));
    }
    TRY_GOTO(semid_codebook_new(out, params->n_levels, level_params.n_codewords, dim, false,
                                codewords, err));
done:
    mem_free(codewords);
    mem_free(codes);
    return status;
}
