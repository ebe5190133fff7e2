#include "kernels/kernels.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

/* Screening with vpdpbusd, which adds four products of unsigned and signed bytes to 32 bits at
 * once; everything else is left to the tier below. No sum is narrower than 32 bits, so rows and
 * codewords use the full range of bytes, and MAX_SUM_OF_EIGHT does not limit the scale. A tile of
 * 12 rows x 2 vectors of codewords takes 24 of the 32 registers. */

enum { SV_WIDTH = 16, SCREEN_TILE_ROWS = 12 };
enum { ROW_MAX = 127, ROW_ZERO = 128, CODEWORD_MAX = 127, MAX_SUM_OF_EIGHT = 0 };
typedef __m512 sv;
typedef __m512i sv_int;

#define sv_load(p) _mm512_loadu_ps(p)
#define sv_load_int(p) _mm512_loadu_si512(p)
#define sv_store(p, v) _mm512_storeu_ps(p, v)
#define sv_splat(x) _mm512_set1_ps(x)
#define sv_add(a, b) _mm512_add_ps(a, b)
#define sv_sub(a, b) _mm512_sub_ps(a, b)
#define sv_mul(a, b) _mm512_mul_ps(a, b)
#define sv_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define sv_min(a, b) _mm512_min_ps(a, b)
#define sv_sub_int(a, b) _mm512_sub_epi32(a, b)
#define sv_from_int(a) _mm512_cvtepi32_ps(a)

/* Bit i: not a[i] > b[i]. */
static inline unsigned sv_not_greater(sv a, sv b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_NGT_UQ);
}

/* a where it is greater than b, else +inf. */
static inline sv sv_if_greater(sv a, sv b) {
    return _mm512_mask_mov_ps(_mm512_set1_ps(INFINITY), _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), a);
}

static inline __m512i splat_bytes(const uint8_t *q) {
    int32_t four;
    memcpy(&four, q, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Two panels of codewords against `rows` rows. */
static inline __attribute__((always_inline)) void
tile_sums(size_t rows, const uint8_t *q, const int8_t *values, size_t len, sv_int sums[][2]) {
    for (size_t r = 0; r < rows; r++) sums[r][0] = sums[r][1] = _mm512_setzero_si512();

    for (size_t j = 0; j < len; j += 4) {
        __m512i c0 = sv_load_int(values + j * PANEL_WIDTH);
        __m512i c1 = sv_load_int(values + (len + j) * PANEL_WIDTH);
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++) {
            __m512i row = splat_bytes(q + r * len + j);
            sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], row, c0);
            sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], row, c1);
        }
    }
}

#include "kernels/screen_x86.h"

void vectors_add_avx512vnni(kernel_table *table) {
    table->screens = true;
#define SCREEN_KERNEL(tolerance, result, name, parameters) table->name = name;
#include "kernels/kernels.def"
}
