/* kernels/encoder_tiers.h - the sets of encoder kernels, one a tier. */
#ifndef KERNELS_ENCODER_TIERS_H
#define KERNELS_ENCODER_TIERS_H

#include "kernels/encoder.h"

extern const encoder_kernels encoder_kernels_ref, encoder_kernels_avx2, encoder_kernels_avx512,
    encoder_kernels_neon;

#endif
