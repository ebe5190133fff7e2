/* 6 x 16 elements of C in 12 of the 16 registers. */
#define WIDTH 8
#define TILE_ROWS 6
#define TILE_PANELS 1
#define NAME(op) op##_avx2
#include "kernels/encoder_simd.h"

const encoder_kernels encoder_kernels_avx2 = {gemm_f32_avx2, softmax_f32_avx2, layer_norm_f32_avx2};
