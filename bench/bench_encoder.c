/* The kernels of the text encoder at the sizes of MiniLM-L6, against the fp32 peak. */
#include "bench/bench.h"
#include "kernels/encoder.h"

enum { TOKENS = 96, WIDTH = 384, INNER = 1536, ROWS = 4096 };

typedef struct product {
    gemm_args args;
} product;

static void run_gemm(void *user) {
    const product *p = user;
    encoder_kernels_of(kernels())->gemm_f32(&p->args);
}

static bench_case gemm_case(product *p, const char *name, size_t n, size_t k, activation act) {
    float *a = bench_alloc(TOKENS * k, sizeof(float)), *b = bench_alloc(n * k, sizeof(float));
    float *bias = bench_alloc(n, sizeof(float)), *c = bench_alloc(TOKENS * n, sizeof(float));
    bench_fill_normal(a, TOKENS * k, 1);
    bench_fill_normal(b, n * k, 2);
    p->args = (gemm_args){TOKENS, n, k, a, k, b, bias, act, c, n};
    return (bench_case){name, 2.0 * (double)(TOKENS * n * k), "FLOP", run_gemm, p};
}

typedef struct row_work {
    float *x, *residual, *gamma, *beta;
} row_work;

static void run_softmax(void *user) {
    row_work *w = user;
    for (size_t i = 0; i < ROWS; i++)
        encoder_kernels_of(kernels())->softmax_f32(w->x + i * TOKENS, TOKENS, 0.125F);
}

static void run_layer_norm(void *user) {
    row_work *w = user;
    for (size_t i = 0; i < ROWS; i++)
        encoder_kernels_of(kernels())->layer_norm_f32(w->x + i * WIDTH, w->residual + i * WIDTH,
                                                      w->gamma, w->beta, WIDTH, 1e-12F);
}

int main(int argc, char **argv) {
    bench_options options = bench_begin("encoder", "", argc, argv);
    product square, up, down;
    row_work w = {.x = bench_alloc((size_t)ROWS * WIDTH, sizeof(float)),
                  .residual = bench_alloc((size_t)ROWS * WIDTH, sizeof(float)),
                  .gamma = bench_alloc(WIDTH, sizeof(float)),
                  .beta = bench_alloc(WIDTH, sizeof(float))};
    bench_fill_normal(w.x, (size_t)ROWS * WIDTH, 3);
    bench_fill_normal(w.gamma, WIDTH, 4);
    bench_case cases[] = {bench_peak_case(),
                          gemm_case(&square, "gemm 96x384x384", WIDTH, WIDTH, ACTIVATION_NONE),
                          gemm_case(&up, "gemm 96x1536x384 gelu", INNER, WIDTH, ACTIVATION_GELU),
                          gemm_case(&down, "gemm 96x384x1536", WIDTH, INNER, ACTIVATION_NONE),
                          {"softmax", (double)ROWS * TOKENS, "element", run_softmax, &w},
                          {"layer norm", (double)ROWS * WIDTH, "element", run_layer_norm, &w}};
    bench_cases(&options, cases, sizeof cases / sizeof cases[0]);
    return 0;
}
