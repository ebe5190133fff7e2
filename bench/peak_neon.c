#include "bench/peaks.h"

#include <arm_neon.h>

enum { CHAINS = 16 };

float peak_fma_f32_neon(size_t n) {
    float32x4_t a[CHAINS], x = vdupq_n_f32(0.999F), y = vdupq_n_f32(1e-3F);
    for (int i = 0; i < CHAINS; i++) a[i] = vdupq_n_f32((float)i);
    for (; n > 0; n--)
        for (int i = 0; i < CHAINS; i++) a[i] = vfmaq_f32(y, a[i], x);
    for (int i = 1; i < CHAINS; i++) a[0] = vaddq_f32(a[0], a[i]);
    return vaddvq_f32(a[0]);
}
