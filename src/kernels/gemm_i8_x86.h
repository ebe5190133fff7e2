/* kernels/gemm_i8_x86.h - the int8 product of the x86 tiers, included after network_simd.h.
 * I8_ROWS rows and I8_PANELS panels of C, which take I8_VECTORS registers per row, are kept in
 * registers over all of k.
 *
 * VNNI multiplies bytes and adds groups of four to int32 at once. Without it vpmaddubsw adds pairs
 * in 16 bits; gemm_pack_i8 chose the weights so that the sum of two pairs fits 16 bits (gemm.c),
 * and one widening serves both. int32 holds the sum of 2^31 / (255 * 127) > 66,000 rows, above the
 * largest k of text_model_config.c. Sums of integers are exact: the tiers differ only in how a sum
 * is turned into float32, by less than 1e-6. */
#include <immintrin.h>

enum { I8_VECTORS = GEMM_PANEL / WIDTH * I8_PANELS };

#if WIDTH == 16
typedef __m512i vbytes;
#define I8(op) _mm512_##op
#define LOAD_BYTES(x) _mm512_loadu_si512(x)
#else
typedef __m256i vbytes;
#define I8(op) _mm256_##op
#define LOAD_BYTES(x) _mm256_loadu_si256((const __m256i *)(const void *)(x))
#endif

static inline vbytes splat_four(const uint8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    return I8(set1_epi32)(four);
}

/* Groups of four rows of B that one step takes: the first and, where there are two, the last. */
#if defined(__AVX512VNNI__)
enum { I8_DEPTH = 1 };

static inline vi dot_step(vi sum, vbytes x0, vbytes w0, vbytes x1, vbytes w1) {
    (void)x1, (void)w1;
    return (vi)I8(dpbusd_epi32)((vbytes)sum, x0, w0);
}
#else
enum { I8_DEPTH = 2 };

static inline vi dot_step(vi sum, vbytes x0, vbytes w0, vbytes x1, vbytes w1) {
    vbytes sums = I8(add_epi16)(I8(maddubs_epi16)(x0, w0), I8(maddubs_epi16)(x1, w1));
    return sum + (vi)(I8(madd_epi16)(sums, I8(set1_epi16)(1)));
}
#endif

/* Sums of bytes -> elements of C. */
static inline void store_sums(const gemm_i8_args *g, size_t row, size_t column, vi sum) {
    vf start = splat(g->low[row]) * load(g->sums + column) + load(g->bias + column);
    vf scale = splat(g->step[row]) * load(g->scales + column);
    store(g->c + row * g->ldc + column, (vf)I8(cvtepi32_ps)((vbytes)sum) * scale + start);
}

/* rows x (vectors * WIDTH) elements of C. */
static inline __attribute__((always_inline)) void
i8_tile(int rows, int vectors, const gemm_i8_args *g, size_t i0, size_t panel) {
    const uint8_t *a = g->a + i0 * g->k;
    const int8_t *b = g->b + panel * GEMM_PANEL * g->k;
    vi sum[I8_ROWS][I8_VECTORS];
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < vectors; j++) sum[i][j] = (vi){0};
    }

    for (size_t p = 0; p < g->k; p += 4 * I8_DEPTH) {
        vbytes w[I8_VECTORS][I8_DEPTH], x[I8_DEPTH];
        UNROLL
        for (int j = 0; j < vectors; j++) {
            UNROLL
            for (int d = 0; d < I8_DEPTH; d++)
                w[j][d] = LOAD_BYTES(b + (size_t)(j / VECTORS) * GEMM_PANEL * g->k +
                                     (p + 4 * (size_t)d) * GEMM_PANEL + j % VECTORS * WIDTH * 4);
        }
        UNROLL
        for (int i = 0; i < rows; i++) {
            UNROLL
            for (int d = 0; d < I8_DEPTH; d++)
                x[d] = splat_four(a + (size_t)i * g->k + p + 4 * (size_t)d);
            UNROLL
            for (int j = 0; j < vectors; j++)
                sum[i][j] = dot_step(sum[i][j], x[0], w[j][0], x[I8_DEPTH - 1], w[j][I8_DEPTH - 1]);
        }
    }

    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < vectors; j++)
            store_sums(g, i0 + (size_t)i, panel * GEMM_PANEL + (size_t)j * WIDTH, sum[i][j]);
    }
}

static void i8_wide(const gemm_i8_args *g, size_t panel) {
    size_t i = 0;
    for (; i + I8_ROWS <= g->m; i += I8_ROWS) i8_tile(I8_ROWS, I8_VECTORS, g, i, panel);
    for (; i + 2 <= g->m; i += 2) i8_tile(2, I8_VECTORS, g, i, panel);
    for (; i < g->m; i++) i8_tile(1, I8_VECTORS, g, i, panel);
}

static void i8_narrow(const gemm_i8_args *g, size_t panel) {
    size_t i = 0;
    for (; i + 4 <= g->m; i += 4) i8_tile(4, VECTORS, g, i, panel);
    for (; i < g->m; i++) i8_tile(1, VECTORS, g, i, panel);
}

static void gemm_i8(const gemm_i8_args *g) {
    size_t panels = g->n / GEMM_PANEL, wide;
    for (size_t j = 0; j < panels; j += wide) {
        wide = panels - j >= I8_PANELS ? I8_PANELS : 1;
        (wide == I8_PANELS ? i8_wide : i8_narrow)(g, j);
        if (g->act != ACTIVATION_NONE)
            activate_block(g->act, g->m, wide * GEMM_PANEL, g->c + j * GEMM_PANEL, g->ldc);
    }
}

/* ---- rows to bytes ---- */

static inline float least_lane(__m256 x) {
    float lanes[8], least = INFINITY;
    _mm256_storeu_ps(lanes, x);
    for (int i = 0; i < 8; i++) least = lanes[i] < least ? lanes[i] : least;
    return least;
}

/* The last vector of a row whose length is no multiple of 8: filled up with its first element. */
static inline __m256 load_tail(const float *x, size_t n) {
    float lanes[8];
    for (size_t i = 0; i < 8; i++) lanes[i] = x[i < n ? i : 0];
    return _mm256_loadu_ps(lanes);
}

static inline __m256 load_row(const float *x, size_t i, size_t n) {
    return i + 8 <= n ? _mm256_loadu_ps(x + i) : load_tail(x + i, n - i);
}

static inline void store_eight(uint8_t *q, __m256i x) {
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storel_epi64((__m128i *)(void *)q, _mm_packus_epi16(words, words));
}

static void quantize_u8(const float *x, size_t n, uint8_t *q, float *low, float *step) {
    __m256 least = _mm256_set1_ps(INFINITY), largest = least, poison = _mm256_setzero_ps();
    __m256 zero = poison;
    for (size_t i = 0; i < n; i += 8) {
        __m256 v = load_row(x, i, n), negated = _mm256_sub_ps(zero, v);
        least = _mm256_min_ps(v, least); /* the second operand where one is NaN */
        largest = _mm256_min_ps(negated, largest);
        poison = _mm256_fmadd_ps(v, zero, poison); /* NaN where v is not finite */
    }

    float first = least_lane(least), range = -least_lane(largest) - first;
    float inverse = range > 0 ? 255 / range : 0;
    for (size_t i = 0; i < n; i += 8) {
        __m256 above = _mm256_sub_ps(load_row(x, i, n), _mm256_set1_ps(first));
        store_eight(q + i, _mm256_cvtps_epi32(_mm256_mul_ps(above, _mm256_set1_ps(inverse))));
    }
    for (size_t i = n; i < gemm_i8_pad(n); i++) q[i] = 0;

    float lanes[8];
    *low = first;
    *step = range / 255;
    _mm256_storeu_ps(lanes, poison);
    for (int i = 0; i < 8; i++) *low += lanes[i];
}
