/* What bench/instructions counts: each hot part once, in a function of its own whose name starts
 * with count_. One thread, fixed sizes, no clock. Not a benchmark by itself. */
#include "base/threads.h"
#include "bench/bench.h"
#include "codebook/nearest.h"
#include "kernels/kernels.h"
#include "semid/ema.h"
#include "semid/kmeans.h"

#include <stdio.h>
#include <string.h>

enum { DIM = 384, ROWS = 96, CODEWORDS = 128, LEVELS = 2, FIT_ROWS = 256, FIT_CODEWORDS = 32 };

#define COUNTED __attribute__((noinline, noclone))
COUNTED void count_encode(const nearest *const *levels, const float *x, int32_t *codes);
COUNTED void count_kmeans(const float *x, float *codewords);
COUNTED void count_rqvae_epoch(const float *x, const semid_codebook *init);
COUNTED void count_dot(const float *x, const float *y, float *out);
COUNTED void count_inner(const float *x, const float *panel, float *scores);
COUNTED void count_gemm(const gemm_args *args);
COUNTED void count_softmax(float *x);
COUNTED void count_layer_norm(float *x, const float *residual);

void count_encode(const nearest *const *levels, const float *x, int32_t *codes) {
    nearest_find_residual(levels, LEVELS, x, ROWS, codes, NULL, NULL);
}

void count_kmeans(const float *x, float *codewords) {
    semid_error err;
    semid_kmeans_params params = semid_kmeans_params_default();
    params.n_codewords = FIT_CODEWORDS;
    params.init = SEMID_KMEANS_RANDOM;
    params.max_iters = 4;
    params.tol = 0;
    bench_must(semid_kmeans_fit(NULL, x, FIT_ROWS, DIM, &params, codewords, NULL, NULL, &err),
               &err);
}

void count_rqvae_epoch(const float *x, const semid_codebook *init) {
    semid_error err;
    semid_codebook *trained;
    semid_ema_params params = semid_ema_params_default();
    params.n_levels = 2;
    params.n_codewords = FIT_CODEWORDS;
    params.n_epochs = 1;
    params.init = init;
    bench_must(semid_ema_fit(NULL, &trained, x, FIT_ROWS, DIM, &params, NULL, &err), &err);
    semid_codebook_free(trained);
}

void count_dot(const float *x, const float *y, float *out) {
    for (size_t i = 0; i < ROWS; i++) out[i] = kernels()->dot_f32(x + i * DIM, y, DIM);
}

void count_inner(const float *x, const float *panel, float *scores) {
    float floors[KERNEL_MAX_ROWS] = {0};
    uint16_t above[KERNEL_MAX_ROWS];
    kernels()->inner_f32(x, KERNEL_MAX_ROWS, panel, DIM, floors, scores, above);
}

void count_gemm(const gemm_args *args) {
    kernels()->gemm_f32(args);
}

void count_softmax(float *x) {
    kernels()->softmax_f32(x, DIM, 0.125F);
}

void count_layer_norm(float *x, const float *residual) {
    kernels()->layer_norm_f32(x, residual, residual, residual, DIM, 1e-12F);
}

int main(void) {
    semid_error err;
    threads_set(1);
    float *x = bench_alloc((size_t)FIT_ROWS * DIM, sizeof(float));
    float *codewords = bench_alloc((size_t)CODEWORDS * DIM, sizeof(float));
    float *scratch = bench_alloc((size_t)FIT_ROWS * DIM, sizeof(float));
    int32_t *codes = bench_alloc((size_t)ROWS * LEVELS, sizeof(int32_t));
    bench_fill_normal(x, (size_t)FIT_ROWS * DIM, 1);
    bench_fill_normal(codewords, (size_t)CODEWORDS * DIM, 2);

    nearest *levels[LEVELS];
    for (size_t l = 0; l < LEVELS; l++) {
        bench_must(nearest_new(&levels[l], CODEWORDS, DIM, &err), &err);
        nearest_set(levels[l], codewords);
    }
    count_encode((const nearest *const *)levels, x, codes);
    for (size_t l = 0; l < LEVELS; l++) nearest_free(levels[l]);

    semid_codebook *init;
    bench_must(semid_codebook_new(NULL, &init, 2, FIT_CODEWORDS, DIM, false, codewords, &err),
               &err);
    count_rqvae_epoch(x, init);
    semid_codebook_free(init);
    count_dot(x, codewords, scratch);
    count_inner(x, codewords, scratch);
    count_gemm(
        &(gemm_args){96, DIM, DIM / 2, x, DIM, codewords, NULL, ACTIVATION_GELU, scratch, DIM});
    count_softmax(scratch);
    count_layer_norm(scratch, x);
    count_kmeans(x, codewords);
    puts(kernels()->tier);
    return 0;
}
