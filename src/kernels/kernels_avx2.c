#include "kernels/kernels.h"

#include <immintrin.h>
#include <math.h>

enum { VF_WIDTH = 8, PANEL_VECTORS = PANEL_WIDTH / VF_WIDTH, TILE_ROWS = 6 };
typedef __m256 vf;

#define vf_zero() _mm256_setzero_ps()
#define vf_load(p) _mm256_loadu_ps(p)
#define vf_store(p, v) _mm256_storeu_ps(p, v)
#define vf_splat(p) _mm256_broadcast_ss(p)
#define vf_add(a, b) _mm256_add_ps(a, b)
#define vf_sub(a, b) _mm256_sub_ps(a, b)
#define vf_fma(a, b, c) _mm256_fmadd_ps(a, b, c)

static const float minus_two = -2;

/* Bit i: a[i] > b[i]. */
static inline unsigned vf_greater(vf a, vf b) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
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

void kernels_add_avx2(kernel_table *table) {
#define KERNEL(tolerance, result, name, parameters) table->name = name;
#include "kernels/kernels.def"
#undef KERNEL
}
