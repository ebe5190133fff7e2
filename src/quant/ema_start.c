#include "quant/ema_start.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "quant/kmeans.h"

/* Few iterations: training itself is what makes the codewords good. */
enum { MAX_ITERATIONS = 2, ROWS_PER_CHUNK = 256 };

typedef struct residual_job {
    float *x;               /* [n, dim] */
    const float *codewords; /* [K, dim] */
    const int32_t *codes;   /* [n] */
    size_t dim;
} residual_job;

static void residual_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const residual_job *job = user;
    (void)chunk;
    for (size_t i = begin; i < end; i++) {
        const float *c = job->codewords + (size_t)job->codes[i] * job->dim;
        kernels()->sub_f32(job->x + i * job->dim, c, job->dim);
    }
}

semid_status ema_start_kmeans(semid_codebook **out, size_t n_levels, size_t n_codewords, float *x,
                              size_t n, size_t dim, uint64_t seed, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t level_size = n_codewords * dim;
    float *codewords = NULL;
    int32_t *codes = NULL;
    source rows = source_of(x, n, dim);
    TRY_GOTO(mem_alloc(&codewords, n_levels, level_size * sizeof(float), err));
    TRY_GOTO(mem_alloc(&codes, n, sizeof(int32_t), err));
    for (size_t l = 0; l < n_levels; l++) {
        semid_kmeans_report report;
        semid_kmeans_params params = semid_kmeans_params_default();
        params.n_codewords = n_codewords;
        params.max_iters = MAX_ITERATIONS;
        params.seed = seed + l;
        TRY_GOTO(
            kmeans_run(&rows, &params, "start", codewords + l * level_size, codes, &report, err));
        residual_job job = {x, codewords + l * level_size, codes, dim};
        parallel_chunks(n, ROWS_PER_CHUNK, residual_chunk, &job);
    }
    TRY_GOTO(semid_codebook_new(out, n_levels, n_codewords, dim, false, codewords, err));
done:
    mem_free(codewords);
    mem_free(codes);
    return status;
}
