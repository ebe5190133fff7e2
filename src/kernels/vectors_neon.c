#include "kernels/kernels.h"

#include <arm_neon.h>
#include <math.h>

/* The vector operations of this tier, for the bodies that all tiers share: a tile of 6 x 16
 * accumulators in 24 of the 32 registers beside a panel and a broadcast element. Minima and maxima
 * are compare and select, since vminq gives NaN where one operand is NaN and these must give the
 * second. Screening is left to `ref`: it is not faster there, `screens` stays false. */

enum { VF_WIDTH = 4, PANEL_VECTORS = PANEL_WIDTH / VF_WIDTH, TILE_ROWS = 6 };
typedef float32x4_t vf;

#define vf_zero() vdupq_n_f32(0)
#define vf_load(p) vld1q_f32(p)
#define vf_store(p, v) vst1q_f32(p, v)
#define vf_splat(p) vld1q_dup_f32(p)
#define vf_add(a, b) vaddq_f32(a, b)
#define vf_sub(a, b) vsubq_f32(a, b)
#define vf_fma(a, b, c) vfmaq_f32(c, a, b)
#define vf_min(a, b) vbslq_f32(vcltq_f32(a, b), a, b)
#define vf_max(a, b) vbslq_f32(vcgtq_f32(a, b), a, b)

enum { VD_WIDTH = 2 };
typedef float64x2_t vd;
typedef uint64x2_t vd_mask;

#define vd_load(p) vld1q_f64(p)
#define vd_store(p, v) vst1q_f64(p, v)
#define vd_splat(x) vdupq_n_f64(x)
#define vd_widen(p) vcvt_f64_f32(vld1_f32(p))
#define vd_add(a, b) vaddq_f64(a, b)
#define vd_sub(a, b) vsubq_f64(a, b)
#define vd_min(a, b) vbslq_f64(vcltq_f64(a, b), a, b)
#define vd_max(a, b) vbslq_f64(vcgtq_f64(a, b), a, b)
#define vd_less(a, b) vcltq_f64(a, b)
#define vd_select(mask, a, b) vbslq_f64(mask, a, b)

static const float minus_two = -2;

/* Bit i: a[i] > b[i]. */
static inline unsigned vf_greater(vf a, vf b) {
    static const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgtq_f32(a, b), vld1q_u32(bits)));
}

/* Bit i: a[i] == b[i]. */
static inline unsigned vf_equal(vf a, vf b) {
    static const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vceqq_f32(a, b), vld1q_u32(bits)));
}

static inline unsigned vd_equal(vd a, vd b) {
    uint64x2_t equal = vceqq_f64(a, b);
    return (unsigned)((vgetq_lane_u64(equal, 0) & 1) | (vgetq_lane_u64(equal, 1) & 2));
}

static inline void keep_less(float *best, int32_t *best_panel, vf score, int32_t panel) {
    vf old = vf_load(best);
    uint32x4_t less = vcltq_f32(score, old);
    vf_store(best, vbslq_f32(less, score, old));
    vst1q_s32(best_panel, vbslq_s32(less, vdupq_n_s32(panel), vld1q_s32(best_panel)));
}

#include "kernels/panels_simd.h"
#include "kernels/rows_simd.h"

void vectors_add_neon(kernel_table *table) {
#define VECTOR_KERNEL(tolerance, result, name, parameters) table->name = name;
#include "kernels/kernels.def"
}
