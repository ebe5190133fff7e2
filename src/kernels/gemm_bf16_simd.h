/* kernels/gemm_bf16_simd.h - the bfloat16 product of every vector tier, included after
 * network_simd.h: with the instruction where the tier has it, else by float32 multiply-adds of the
 * same numbers. BF16_ROWS rows and BF16_PANELS panels of C are kept in registers over all of k.
 *
 * A 32-bit lane holds two rows of one column of B, the even one in its low half. A bfloat16 is the
 * high half of a float32, so shifting the lane left widens the even row and masking its low half
 * off widens the odd one. */
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

enum { BF16_VECTORS = GEMM_PANEL / WIDTH * BF16_PANELS };

static inline vi load_pairs(const uint16_t *x) {
    return *(const vi *)(const void *)x;
}

static inline vi splat_pair(const uint16_t *x) {
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return pair - (vi){0};
}

#if defined(__AVX512BF16__)
static inline vf dot_pairs(vf sum, vi x, vi w) {
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)w);
}
#else
static inline vf dot_pairs(vf sum, vi x, vi w) {
    sum += (vf)(x << 16) * (vf)(w << 16);
    sum += (vf)(x & -65536) * (vf)(w & -65536);
    return sum;
}
#endif

static inline __attribute__((always_inline)) void
bf16_tile(int rows, int vectors, const gemm_bf16_args *g, size_t i0, size_t panel) {
    const uint16_t *a = g->a + i0 * g->k, *b = g->b + panel * GEMM_PANEL * g->k;
    float *c = g->c + i0 * g->ldc + panel * GEMM_PANEL;
    vf sum[BF16_ROWS][BF16_VECTORS];
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < vectors; j++)
            sum[i][j] = load(g->bias + panel * GEMM_PANEL + j * WIDTH);
    }

    for (size_t p = 0; p < g->k; p += 2) {
        vi w[BF16_VECTORS];
        UNROLL
        for (int j = 0; j < vectors; j++)
            w[j] = load_pairs(b + (size_t)(j / VECTORS) * GEMM_PANEL * g->k + p * GEMM_PANEL +
                              j % VECTORS * WIDTH * 2);
        UNROLL
        for (int i = 0; i < rows; i++) {
            vi x = splat_pair(a + (size_t)i * g->k + p);
            UNROLL
            for (int j = 0; j < vectors; j++) sum[i][j] = dot_pairs(sum[i][j], x, w[j]);
        }
    }

    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < vectors; j++) store(c + (size_t)i * g->ldc + j * WIDTH, sum[i][j]);
    }
}

static void bf16_wide(const gemm_bf16_args *g, size_t panel) {
    size_t i = 0;
    for (; i + BF16_ROWS <= g->m; i += BF16_ROWS) bf16_tile(BF16_ROWS, BF16_VECTORS, g, i, panel);
    for (; i + 4 <= g->m; i += 4) bf16_tile(4, BF16_VECTORS, g, i, panel);
    for (; i < g->m; i++) bf16_tile(1, BF16_VECTORS, g, i, panel);
}

static void bf16_narrow(const gemm_bf16_args *g, size_t panel) {
    size_t i = 0;
    for (; i + 4 <= g->m; i += 4) bf16_tile(4, VECTORS, g, i, panel);
    for (; i < g->m; i++) bf16_tile(1, VECTORS, g, i, panel);
}

static void gemm_bf16(const gemm_bf16_args *g) {
    size_t panels = g->n / GEMM_PANEL, wide;
    for (size_t j = 0; j < panels; j += wide) {
        wide = panels - j >= BF16_PANELS ? BF16_PANELS : 1;
        (wide == BF16_PANELS ? bf16_wide : bf16_narrow)(g, j);
        if (g->act != ACTIVATION_NONE)
            activate_block(g->act, g->m, wide * GEMM_PANEL, g->c + j * GEMM_PANEL, g->ldc);
    }
}

static void round_bf16(const float *x, size_t n, uint16_t *q) {
    for (size_t i = 0; i < n; i++) q[i] = bf16_round(x[i]);
    if (n % 2) q[n] = 0;
}
