/* kernels/network_simd.h - the float32 network kernels of every vector tier. The including file
 * defines WIDTH (floats per vector), TILE_ROWS and TILE_PANELS. No include guard on purpose.
 *
 * The product follows Goto and van de Geijn (2008): a tile of TILE_ROWS x TILE_PANELS panels of C
 * stays in registers over a block of k, under panels of B that stay in the first-level cache, for a
 * block of rows of A that stays in the second. Every element of C is one chain of fused
 * multiply-adds over k, started from the bias: its value does not depend on where in a block its
 * row or column lies, nor on which rows come with it.
 *
 * Vectors are those of GCC and Clang, whose a * b + c becomes one fused instruction. Tests hold
 * products to 4e-6, softmax to 1e-6 and activations to 6e-7 of `_ref`, relative to 1 + |x|. */
#include "kernels/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef float vf __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

enum { VECTORS = GEMM_PANEL / WIDTH, K_BLOCK = 384, M_BLOCK = 96 / TILE_ROWS * TILE_ROWS };

static inline vf load(const float *x) {
    return *(const vf *)(const void *)x;
}

static inline void store(float *x, vf v) {
    *(vf *)(void *)x = v;
}

static inline vf splat(float x) {
    return x - (vf){0};
}

/* mask ? a : b, lane by lane. */
static inline vf choose(vi mask, vf a, vf b) {
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

static inline vf clamp(vf x, float low, float high) {
    x = choose(x < splat(low), splat(low), x); /* NaN stays NaN */
    return choose(x > splat(high), splat(high), x);
}

static inline float sum_lanes(vf v) {
    float lanes[WIDTH];
    store(lanes, v);
    for (int half = WIDTH / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}

/* ---- elementary functions ---- */

/* e^x = 2^n e^r, |r| <= ln 2 / 2; Taylor to r^6 is within 2 ulp there. x below -87 gives ~0. */
static inline vf exp_v(vf x) {
    const float round_magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    x = clamp(x, -87.0f, 88.0f);

    vf shifted = x * 1.44269504f + round_magic, n = shifted - round_magic;
    vf r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f; /* ln 2 in two parts: n times the first is exact */

    vf p = splat(1.0f / 720);
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;

    /* n is in the low bits of `shifted`: added to the exponent, it multiplies by 2^n */
    return (vf)((vi)p + (((vi)shifted - 0x4B400000) << 23));
}

/* erf(x) = x P(x^2) / Q(x^2) on [-3.92, 3.92], beyond which it is 1 in float32; the coefficients
 * are our own minimax fit (relative error 2e-8 before rounding, 5e-7 after). */
static inline vf erf_v(vf x) {
    x = clamp(x, -3.92f, 3.92f);
    vf u = x * x, p = splat(2.05003153e-06f), q = splat(3.80907295e-05f);
    p = p * u + 0.000284874986f;
    q = q * u + 0.00116249989f;
    p = p * u + 0.00376551319f;
    q = q * u + 0.0149690192f;
    p = p * u + 0.0527484007f;
    q = q * u + 0.114108324f;
    p = p * u + 0.190404788f;
    q = q * u + 0.502074599f;
    p = p * u + 1.12837911f;
    q = q * u + 1.0f;
    return x * p / q;
}

static inline vf tanh_v(vf x) {
    vf e = exp_v(clamp(x, -10.0f, 10.0f) * 2.0f);
    return (e - 1.0f) / (e + 1.0f);
}

static inline vf activate_v(vf x, activation f) {
    switch (f) {
    case ACTIVATION_GELU:
        return x * 0.5f * (erf_v(x * 0.707106781f) + 1.0f);
    case ACTIVATION_GELU_TANH:
        return x * 0.5f * (tanh_v((x * x * x * 0.044715f + x) * 0.797884561f) + 1.0f);
    case ACTIVATION_RELU:
        return choose(x < splat(0), splat(0), x);
    case ACTIVATION_TANH:
        return tanh_v(x);
    case ACTIVATION_NONE:
        break;
    }
    return x;
}

/* ---- matrix product ---- */

/* rows x (panels * GEMM_PANEL) elements of C, kept in registers over k. */
static inline __attribute__((always_inline)) void tile(int rows, int panels, size_t k,
                                                       const float *a, size_t lda,
                                                       const float *const *b, const float *start,
                                                       bool resume, float *c, size_t ldc) {
    vf sum[TILE_ROWS][TILE_PANELS * VECTORS];
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < panels * VECTORS; j++)
            sum[i][j] = load(resume ? c + (size_t)i * ldc + j * WIDTH : start + j * WIDTH);
    }

    for (size_t p = 0; p < k; p++) {
        vf w[TILE_PANELS * VECTORS];
        UNROLL
        for (int j = 0; j < panels * VECTORS; j++)
            w[j] = load(b[j / VECTORS] + p * GEMM_PANEL + j % VECTORS * WIDTH);
        UNROLL
        for (int i = 0; i < rows; i++) {
            vf x = splat(a[(size_t)i * lda + p]);
            UNROLL
            for (int j = 0; j < panels * VECTORS; j++) sum[i][j] += x * w[j];
        }
    }

    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < panels * VECTORS; j++)
            store(c + (size_t)i * ldc + j * WIDTH, sum[i][j]);
    }
}

typedef struct strip {
    size_t k, lda, ldc;
    const float *b[TILE_PANELS];
    const float *start;
    bool resume; /* continue from what C holds instead of `start` */
} strip;

#define TILE(rows, panels) tile(rows, panels, s->k, a, s->lda, s->b, s->start, s->resume, c, s->ldc)

/* m rows of C under `panels` panels of B, which stay in the first-level cache. */
static inline __attribute__((always_inline)) void strip_rows(const strip *s, int panels, size_t m,
                                                             const float *a, float *c) {
    static const int ladder[] = {TILE_ROWS, 4, 2, 1};
    for (size_t step = 0; step < sizeof ladder / sizeof *ladder; step++)
        for (size_t rows = (size_t)ladder[step]; m >= rows; m -= rows) {
            if (step == 0)
                TILE(TILE_ROWS, panels);
            else if (step == 1)
                TILE(4, panels);
            else if (step == 2)
                TILE(2, panels);
            else
                TILE(1, panels);
            a += rows * s->lda;
            c += rows * s->ldc;
        }
}

static void strip_wide(const strip *s, size_t m, const float *a, float *c) {
    strip_rows(s, TILE_PANELS, m, a, c);
}

static void strip_narrow(const strip *s, size_t m, const float *a, float *c) {
    strip_rows(s, 1, m, a, c);
}

static void activate_block(activation f, size_t m, size_t n, float *c, size_t ldc) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j += WIDTH)
            store(c + i * ldc + j, activate_v(load(c + i * ldc + j), f));
}

/* One block of rows and one of k, over all columns. */
static void gemm_block(const gemm_args *g, size_t m, const float *a, float *c, size_t p, size_t k) {
    static const float zeros[GEMM_PANEL * TILE_PANELS];
    size_t panels = g->n / GEMM_PANEL, wide;
    for (size_t j = 0; j < panels; j += wide) {
        wide = panels - j >= TILE_PANELS ? TILE_PANELS : 1;
        strip s = {.k = k, .lda = g->lda, .ldc = g->ldc, .resume = p > 0};
        for (size_t i = 0; i < wide; i++) s.b[i] = g->b + ((j + i) * g->k + p) * GEMM_PANEL;
        s.start = g->bias ? g->bias + j * GEMM_PANEL : zeros;
        (wide == TILE_PANELS ? strip_wide : strip_narrow)(&s, m, a + p, c + j * GEMM_PANEL);
        if (g->act != ACTIVATION_NONE && p + k == g->k)
            activate_block(g->act, m, wide * GEMM_PANEL, c + j * GEMM_PANEL, g->ldc);
    }
}

static void gemm_f32(const gemm_args *g) {
    for (size_t i = 0; i < g->m; i += M_BLOCK) {
        size_t m = g->m - i < M_BLOCK ? g->m - i : M_BLOCK;
        for (size_t p = 0; p < g->k; p += K_BLOCK)
            gemm_block(g, m, g->a + i * g->lda, g->c + i * g->ldc, p,
                       g->k - p < K_BLOCK ? g->k - p : K_BLOCK);
    }
}

/* ---- rows ---- */

static void softmax_f32(float *x, size_t n, float scale) {
    size_t n_padded = (n + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL;
    for (size_t i = n; i < n_padded; i++) x[i] = -INFINITY;

    float lanes[WIDTH], max = -INFINITY;
    vf top = splat(-INFINITY), total = splat(0);
    for (size_t i = 0; i < n_padded; i += WIDTH) top = choose(load(x + i) > top, load(x + i), top);
    store(lanes, top);
    for (int i = 0; i < WIDTH; i++) max = lanes[i] > max ? lanes[i] : max;

    for (size_t i = 0; i < n_padded; i += WIDTH) {
        vf e = exp_v((load(x + i) - max) * scale);
        total += e;
        store(x + i, e);
    }

    float inverse = 1.0f / sum_lanes(total);
    for (size_t i = 0; i < n_padded; i += WIDTH) store(x + i, load(x + i) * inverse);
}

static float sum_of(const float *x, size_t n) {
    vf total = splat(0);
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) total += load(x + i);
    float sum = sum_lanes(total);
    for (; i < n; i++) sum += x[i];
    return sum;
}

static float sum_of_squares(const float *x, size_t n, float mean) {
    vf total = splat(0);
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        vf d = load(x + i) - mean;
        total += d * d;
    }
    float sum = sum_lanes(total);
    for (; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static void layer_norm_f32(float *x, const float *residual, const float *gamma, const float *beta,
                           size_t n, float eps) {
    size_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) store(x + i, load(x + i) + load(residual + i));
    for (; i < n; i++) x[i] += residual[i];

    float mean = sum_of(x, n) / (float)n;
    float scale = 1.0f / sqrtf(sum_of_squares(x, n, mean) / (float)n + eps);
    for (i = 0; i + WIDTH <= n; i += WIDTH)
        store(x + i, (load(x + i) - mean) * scale * load(gamma + i) + load(beta + i));
    for (; i < n; i++) x[i] = (x[i] - mean) * scale * gamma[i] + beta[i];
}
