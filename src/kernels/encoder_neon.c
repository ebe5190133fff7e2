/* 6 x 16 elements of C in 24 of the 32 registers. */
#define WIDTH 4
#define TILE_ROWS 6
#define TILE_PANELS 1
#define NAME(op) op##_neon
#include "kernels/encoder_simd.h"

const encoder_kernels encoder_kernels_neon = {gemm_f32_neon, softmax_f32_neon, layer_norm_f32_neon};
