/* 6 x 16 elements of C in 12 of the 16 registers; 4 x 16 where others are needed too. */
#define WIDTH 8
#define TILE_ROWS 6
#define TILE_PANELS 1
#define I8_ROWS 4
#define I8_PANELS 1
#define BF16_ROWS 4
#define BF16_PANELS 1
#define NAME(op) op##_avx2
#include "kernels/encoder_simd.h"

#include "kernels/encoder_bf16_simd.h"
#include "kernels/encoder_i8_x86.h"

const encoder_kernels encoder_kernels_avx2 = {
    gemm_f32_avx2, softmax_f32_avx2, layer_norm_f32_avx2, quantize_u8_avx2,
    gemm_i8_avx2,  round_bf16_avx2,  gemm_bf16_avx2,      false};
