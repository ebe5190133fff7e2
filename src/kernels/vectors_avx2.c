#include "kernels/kernels.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

/* The vector operations of this tier, for the bodies that all tiers share: a tile of 6 x 16
 * accumulators in 12 of the 16 registers beside a panel and a broadcast element.
 *
 * Screening: vpmaddubsw multiplies unsigned by signed bytes and adds pairs in 16 bits. tile_sums
 * adds four of its results, of every other pair of 16 dimensions, before it widens them: eight
 * products. Bytes of a row are at most ROW_ZERO + ROW_MAX = 127, so the sum fits if, of the eight
 * bytes of a codeword that share it, neither the positive nor the negative ones add up to more than
 * 32767 / 127 = 258; quantize_codeword chooses the scale for that. */

enum { VF_WIDTH = 8, PANEL_VECTORS = PANEL_WIDTH / VF_WIDTH, TILE_ROWS = 6 };
typedef __m256 vf;

#define vf_zero() _mm256_setzero_ps()
#define vf_load(p) _mm256_loadu_ps(p)
#define vf_store(p, v) _mm256_storeu_ps(p, v)
#define vf_splat(p) _mm256_broadcast_ss(p)
#define vf_add(a, b) _mm256_add_ps(a, b)
#define vf_sub(a, b) _mm256_sub_ps(a, b)
#define vf_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define vf_min(a, b) _mm256_min_ps(a, b)
#define vf_max(a, b) _mm256_max_ps(a, b)

enum { VD_WIDTH = 4 };
typedef __m256d vd;
typedef __m256d vd_mask;

#define vd_load(p) _mm256_loadu_pd(p)
#define vd_store(p, v) _mm256_storeu_pd(p, v)
#define vd_splat(x) _mm256_set1_pd(x)
#define vd_widen(p) _mm256_cvtps_pd(_mm_loadu_ps(p))
#define vd_add(a, b) _mm256_add_pd(a, b)
#define vd_sub(a, b) _mm256_sub_pd(a, b)
#define vd_min(a, b) _mm256_min_pd(a, b)
#define vd_max(a, b) _mm256_max_pd(a, b)
#define vd_less(a, b) _mm256_cmp_pd(a, b, _CMP_LT_OQ)
#define vd_select(mask, a, b) _mm256_blendv_pd(b, a, mask)

static const float minus_two = -2;

/* Bit i: a[i] > b[i]. */
static inline unsigned vf_greater(vf a, vf b) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
}

/* Bit i: a[i] == b[i]. */
static inline unsigned vf_equal(vf a, vf b) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ));
}

static inline unsigned vd_equal(vd a, vd b) {
    return (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_EQ_OQ));
}

static inline void keep_less(float *best, int32_t *best_panel, vf score, int32_t panel) {
    vf old = vf_load(best), less = _mm256_cmp_ps(score, old, _CMP_LT_OQ);
    vf panels = _mm256_castsi256_ps(_mm256_set1_epi32(panel));
    vf old_panels = vf_load((const float *)best_panel);
    vf_store(best, _mm256_blendv_ps(old, score, less));
    vf_store((float *)best_panel, _mm256_blendv_ps(old_panels, panels, less));
}

#include "kernels/panels_simd.h"
#include "kernels/rows_simd.h"

/* ---- screening ---- */

enum { SV_WIDTH = 8, SCREEN_TILE_ROWS = 4 };
enum { ROW_MAX = 63, ROW_ZERO = 64, CODEWORD_MAX = 127 };
enum { MAX_SUM_OF_EIGHT = INT16_MAX / (ROW_ZERO + ROW_MAX) };
typedef __m256 sv;
typedef __m256i sv_int;

#define sv_load(p) _mm256_loadu_ps(p)
#define sv_load_int(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define sv_store(p, v) _mm256_storeu_ps(p, v)
#define sv_splat(x) _mm256_set1_ps(x)
#define sv_add(a, b) _mm256_add_ps(a, b)
#define sv_sub(a, b) _mm256_sub_ps(a, b)
#define sv_mul(a, b) _mm256_mul_ps(a, b)
#define sv_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define sv_min(a, b) _mm256_min_ps(a, b)
#define sv_sub_int(a, b) _mm256_sub_epi32(a, b)
#define sv_from_int(a) _mm256_cvtepi32_ps(a)

/* Bit i: not a[i] > b[i]. */
static inline unsigned sv_not_greater(sv a, sv b) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NGT_UQ));
}

/* a where it is greater than b, else +inf. */
static inline sv sv_if_greater(sv a, sv b) {
    return _mm256_blendv_ps(_mm256_set1_ps(INFINITY), a, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}

static inline __m256i splat_bytes(const uint8_t *q) {
    int32_t four;
    memcpy(&four, q, sizeof four);
    return _mm256_set1_epi32(four);
}

/* Two vectors of codewords against `rows` rows; sixteen dimensions add up in 16 bits before they
 * are widened. */
static inline __attribute__((always_inline)) void
tile_sums(size_t rows, const uint8_t *q, const int8_t *values, size_t len, sv_int sums[][2]) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (size_t r = 0; r < rows; r++) sums[r][0] = sums[r][1] = _mm256_setzero_si256();

    for (size_t j = 0; j < len; j += SCREEN_STEP) {
        __m256i part[SCREEN_TILE_ROWS][2];

#pragma GCC unroll 4
        for (size_t s = 0; s < SCREEN_STEP; s += 4) {
            const int8_t *at = values + (j + s) * PANEL_WIDTH;
            __m256i c0 = sv_load_int(at), c1 = sv_load_int(at + 2 * PANEL_WIDTH);
#pragma GCC unroll 8
            for (size_t r = 0; r < rows; r++) {
                __m256i row = splat_bytes(q + r * len + j + s);
                __m256i p0 = _mm256_maddubs_epi16(row, c0), p1 = _mm256_maddubs_epi16(row, c1);
                part[r][0] = s ? _mm256_add_epi16(part[r][0], p0) : p0;
                part[r][1] = s ? _mm256_add_epi16(part[r][1], p1) : p1;
                /* Keeps the additions here: deferred, the products no longer fit the registers. */
                __asm__("" : "+x"(part[r][0]), "+x"(part[r][1]));
            }
        }

        /* pairs of 16-bit sums -> 32 bits */
#pragma GCC unroll 8
        for (size_t r = 0; r < rows; r++)
            for (size_t v = 0; v < 2; v++)
                sums[r][v] = _mm256_add_epi32(sums[r][v], _mm256_madd_epi16(part[r][v], ones));
    }
}

#include "kernels/screen_x86.h"

void vectors_add_avx2(kernel_table *table) {
    table->screens = true;
#define VECTOR_KERNEL(tolerance, result, name, parameters) table->name = name;
#define SCREEN_KERNEL VECTOR_KERNEL
#include "kernels/kernels.def"
}
