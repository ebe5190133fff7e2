#include "kernels/kernels.h"

#include <immintrin.h>
#include <math.h>

/* The vector operations of this tier, for the bodies that all tiers share: a tile of 24 x 16
 * accumulators in 24 of the 32 registers beside a panel and a broadcast element. Screening is
 * left to the tier below. */

enum { VF_WIDTH = 16, PANEL_VECTORS = PANEL_WIDTH / VF_WIDTH, TILE_ROWS = 24 };
typedef __m512 vf;

#define vf_zero() _mm512_setzero_ps()
#define vf_load(p) _mm512_loadu_ps(p)
#define vf_store(p, v) _mm512_storeu_ps(p, v)
#define vf_splat(p) _mm512_set1_ps(*(p))
#define vf_add(a, b) _mm512_add_ps(a, b)
#define vf_sub(a, b) _mm512_sub_ps(a, b)
#define vf_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define vf_min(a, b) _mm512_min_ps(a, b)
#define vf_max(a, b) _mm512_max_ps(a, b)

enum { VD_WIDTH = 8 };
typedef __m512d vd;
typedef __mmask8 vd_mask;

#define vd_load(p) _mm512_loadu_pd(p)
#define vd_store(p, v) _mm512_storeu_pd(p, v)
#define vd_splat(x) _mm512_set1_pd(x)
#define vd_widen(p) _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define vd_add(a, b) _mm512_add_pd(a, b)
#define vd_sub(a, b) _mm512_sub_pd(a, b)
#define vd_min(a, b) _mm512_min_pd(a, b)
#define vd_max(a, b) _mm512_max_pd(a, b)
#define vd_less(a, b) _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ)
#define vd_select(mask, a, b) _mm512_mask_blend_pd(mask, b, a)

static const float minus_two = -2;

/* Bit i: a[i] > b[i]. */
static inline unsigned vf_greater(vf a, vf b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}

/* Bit i: a[i] == b[i]. */
static inline unsigned vf_equal(vf a, vf b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

static inline unsigned vd_equal(vd a, vd b) {
    return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ);
}

static inline void keep_less(float *best, int32_t *best_panel, vf score, int32_t panel) {
    __mmask16 less = _mm512_cmp_ps_mask(score, vf_load(best), _CMP_LT_OQ);
    _mm512_mask_storeu_ps(best, less, score);
    _mm512_mask_storeu_epi32(best_panel, less, _mm512_set1_epi32(panel));
}

#include "kernels/panels_simd.h"
#include "kernels/rows_simd.h"

void vectors_add_avx512(kernel_table *table) {
#define VECTOR_KERNEL(tolerance, result, name, parameters) table->name = name;
#include "kernels/kernels.def"
}
