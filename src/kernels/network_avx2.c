/* The network kernels of this tier: sizes of tiles for the bodies that all vector tiers share.
 * 6 x 16 elements of C in 12 of the 16 registers; 4 x 16 where others are needed too. Integers are
 * multiplied by vpmaddubsw, bfloat16 is widened to float32. */
#define WIDTH 8
#define TILE_ROWS 6
#define TILE_PANELS 1
#define I8_ROWS 4
#define I8_PANELS 1
#define BF16_ROWS 4
#define BF16_PANELS 1
#include "kernels/network_simd.h"

#include "kernels/gemm_bf16_simd.h"
#include "kernels/gemm_i8_x86.h"

void network_add_avx2(kernel_table *table) {
#define NETWORK_KERNEL(tolerance, result, name, parameters) table->name = name;
#define INT8_KERNEL NETWORK_KERNEL
#include "kernels/kernels.def"
}
