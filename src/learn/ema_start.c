#include "learn/ema_start.h"

#include "base/memory.h"
#include "kmeans/rqkmeans.h"

/* Few iterations: training itself is what makes the codewords good. */
enum { MAX_ITERATIONS = 2 };

semid_status ema_start_kmeans(semid_codebook **out, size_t n_levels, size_t n_codewords, float *x,
                              size_t n, size_t dim, uint64_t seed, semid_error *err) {
    semid_status status;
    float *codewords = NULL;
    int32_t *codes = NULL;
    row_source rows = row_source_of(x, n, dim);
    semid_rqkmeans_params params = semid_rqkmeans_params_default();
    params.n_levels = n_levels;
    params.kmeans.n_codewords = n_codewords;
    params.kmeans.max_iters = MAX_ITERATIONS;
    params.kmeans.seed = seed;
    TRY_GOTO(mem_alloc(&codewords, n_levels, n_codewords * dim * sizeof(float), err));
    TRY_GOTO(mem_alloc(&codes, n, sizeof(int32_t), err));
    TRY_GOTO(rqkmeans_fit_levels(&rows, x, &params, codewords, codes, NULL, err));
    TRY_GOTO(semid_codebook_new(NULL, out, n_levels, n_codewords, dim, false, codewords, err));
done:
    mem_free(codewords);
    mem_free(codes);
    return status;
}
