/* The network kernels of this tier: sizes of tiles for the bodies that all vector tiers share.
 * 14 x 32 elements of C in 28 of the 32 registers; fewer where others are needed too. Integers and
 * bfloat16 as with AVX2, in vectors of 512 bits. */
#define WIDTH 16
#define TILE_ROWS 14
#define TILE_PANELS 2
#define I8_ROWS 8
#define I8_PANELS 2
#define BF16_ROWS 10
#define BF16_PANELS 2
#include "kernels/network_simd.h"

#include "kernels/gemm_bf16_simd.h"
#include "kernels/gemm_i8_x86.h"

void network_add_avx512(kernel_table *table) {
#define NETWORK_KERNEL(tolerance, result, name, parameters) table->name = name;
#define INT8_KERNEL NETWORK_KERNEL
#include "kernels/kernels.def"
}
