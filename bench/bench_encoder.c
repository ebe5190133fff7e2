/* The kernels of the text encoder at the sizes of MiniLM-L6, against the fp32 peak. */
#include "bench/bench.h"
#include "kernels/kernels.h"

enum { TOKENS = 96, WIDTH = 384, INNER = 1536, ROWS = 4096 };

typedef struct product {
    gemm_args args;
} product;

static void run_gemm(void *user) {
    const product *p = user;
    kernels()->gemm_f32(&p->args);
}

static bench_case gemm_case(product *p, const char *name, size_t n, size_t k, activation act) {
    float *a = bench_alloc(TOKENS * k, sizeof(float)), *b = bench_alloc(n * k, sizeof(float));
    float *bias = bench_alloc(n, sizeof(float)), *c = bench_alloc(TOKENS * n, sizeof(float));
    bench_fill_normal(a, TOKENS * k, 1);
    bench_fill_normal(b, n * k, 2);
    p->args = (gemm_args){TOKENS, n, k, a, k, b, bias, act, c, n};
    return (bench_case){name, 2.0 * (double)(TOKENS * n * k), "FLOP", run_gemm, p};
}

/* The same product with the rows of A made narrow on the way, as the encoder does it. */
typedef struct narrow_product {
    gemm_args wide;
    gemm_i8_args bytes;
    gemm_bf16_args halves;
    uint8_t *a8;
    uint16_t *a16;
    float *low, *step;
} narrow_product;

static void run_i8(void *user) {
    const narrow_product *p = user;
    const kernel_table *kernel = kernels();
    for (size_t i = 0; i < TOKENS; i++)
        kernel->quantize_u8(p->wide.a + i * p->wide.k, p->wide.k, p->a8 + i * p->wide.k, p->low + i,
                            p->step + i);
    kernel->gemm_i8(&p->bytes);
}

static void run_bf16(void *user) {
    const narrow_product *p = user;
    const kernel_table *kernel = kernels();
    for (size_t i = 0; i < TOKENS; i++)
        kernel->round_bf16(p->wide.a + i * p->wide.k, p->wide.k, p->a16 + i * p->wide.k);
    kernel->gemm_bf16(&p->halves);
}

/* Sizes as in `like`, whose k is even and a multiple of eight. */
static narrow_product narrow(const product *like) {
    const gemm_args *g = &like->args;
    narrow_product p = {.wide = *g,
                        .a8 = bench_alloc(TOKENS * g->k, 1),
                        .a16 = bench_alloc(TOKENS * g->k, sizeof(uint16_t)),
                        .low = bench_alloc(TOKENS, sizeof(float)),
                        .step = bench_alloc(TOKENS, sizeof(float))};
    int8_t *b8 = bench_alloc(g->n * g->k, 1);
    uint16_t *b16 = bench_alloc(g->n * g->k, sizeof(uint16_t));
    float *scales = bench_alloc(g->n, sizeof(float)), *sums = bench_alloc(g->n, sizeof(float));
    gemm_pack_i8(g->b, g->k, g->n, g->k, b8, scales, sums);
    gemm_pack_bf16(g->b, g->k, g->n, g->k, b16);
    p.bytes = (gemm_i8_args){TOKENS, g->n, g->k,    p.a8,   p.low, p.step, b8,
                             scales, sums, g->bias, g->act, g->c,  g->ldc};
    p.halves = (gemm_bf16_args){TOKENS, g->n, g->k, p.a16, b16, g->bias, g->act, g->c, g->ldc};
    return p;
}

static bench_case narrow_case(narrow_product *p, const char *name, void (*run)(void *user)) {
    return (bench_case){name, 2.0 * (double)(TOKENS * p->wide.n * p->wide.k), "FLOP", run, p};
}

typedef struct row_work {
    float *x, *residual, *gamma, *beta;
} row_work;

static void run_softmax(void *user) {
    row_work *w = user;
    for (size_t i = 0; i < ROWS; i++) kernels()->softmax_f32(w->x + i * TOKENS, TOKENS, 0.125F);
}

static void run_layer_norm(void *user) {
    row_work *w = user;
    for (size_t i = 0; i < ROWS; i++)
        kernels()->layer_norm_f32(w->x + i * WIDTH, w->residual + i * WIDTH, w->gamma, w->beta,
                                  WIDTH, 1e-12F);
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
    bench_case wide[] = {
        gemm_case(&square, "gemm 96x384x384", WIDTH, WIDTH, ACTIVATION_NONE),
        gemm_case(&up, "gemm 96x1536x384 gelu", INNER, WIDTH, ACTIVATION_GELU),
        gemm_case(&down, "gemm 96x384x1536", WIDTH, INNER, ACTIVATION_NONE),
    };
    narrow_product narrow_square = narrow(&square), narrow_up = narrow(&up),
                   narrow_down = narrow(&down);
    bench_case cases[] = {bench_peak_case(),
                          wide[0],
                          wide[1],
                          wide[2],
                          narrow_case(&narrow_square, "int8 96x384x384", run_i8),
                          narrow_case(&narrow_up, "int8 96x1536x384 gelu", run_i8),
                          narrow_case(&narrow_down, "int8 96x384x1536", run_i8),
                          narrow_case(&narrow_down, "bf16 96x384x1536", run_bf16),
                          {"softmax", (double)ROWS * TOKENS, "element", run_softmax, &w},
                          {"layer norm", (double)ROWS * WIDTH, "element", run_layer_norm, &w}};
    bench_cases(&options, cases, sizeof cases / sizeof cases[0]);
    return 0;
}
