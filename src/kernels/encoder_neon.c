/* 6 x 16 elements of C in 24 of the 32 registers; 4 x 16 where others are needed too. */
#define WIDTH 4
#define TILE_ROWS 6
#define TILE_PANELS 1
#define BF16_ROWS 4
#define BF16_PANELS 1
#define NAME(op) op##_neon
#include "kernels/encoder_simd.h"

#include "kernels/encoder_bf16_simd.h"

const encoder_kernels encoder_kernels_neon = {
    gemm_f32_neon, softmax_f32_neon, layer_norm_f32_neon, quantize_u8_ref,
    gemm_i8_ref,   round_bf16_neon,  gemm_bf16_neon,      false};
