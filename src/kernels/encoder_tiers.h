/* kernels/encoder_tiers.h - the sets of encoder kernels, one a tier. */
#ifndef KERNELS_ENCODER_TIERS_H
#define KERNELS_ENCODER_TIERS_H

#include "kernels/encoder.h"

extern const encoder_kernels encoder_kernels_ref, encoder_kernels_avx2, encoder_kernels_avx512,
    encoder_kernels_avx512vnni, encoder_kernels_avx512bf16, encoder_kernels_neon;

/* For tiers that have nothing better. */
void quantize_u8_ref(const float *x, size_t n, uint8_t *q, float *low, float *step);
void gemm_i8_ref(const gemm_i8_args *g);

#endif
