/* 14 x 32 elements of C in 28 of the 32 registers; less where others are needed too. */
#define WIDTH 16
#define TILE_ROWS 14
#define TILE_PANELS 2
#define I8_ROWS 8
#define I8_PANELS 2
#define BF16_ROWS 10
#define BF16_PANELS 2
#define NAME(op) op##_avx512
#include "kernels/encoder_simd.h"

#include "kernels/encoder_bf16_simd.h"
#include "kernels/encoder_i8_x86.h"

const encoder_kernels encoder_kernels_avx512 = {
    gemm_f32_avx512, softmax_f32_avx512, layer_norm_f32_avx512, quantize_u8_avx512,
    gemm_i8_avx512,  round_bf16_avx512,  gemm_bf16_avx512,      false};
