/* 14 x 32 elements of C in 28 of the 32 registers. */
#define WIDTH 16
#define TILE_ROWS 14
#define TILE_PANELS 2
#define NAME(op) op##_avx512
#include "kernels/encoder_simd.h"

const encoder_kernels encoder_kernels_avx512 = {gemm_f32_avx512, softmax_f32_avx512,
                                                layer_norm_f32_avx512};
