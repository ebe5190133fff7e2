/* The network kernels of this tier: sizes of tiles for the bodies that all vector tiers share.
 * 6 x 16 elements of C in 24 of the 32 registers; 4 x 16 where others are needed too. bfloat16 is
 * widened to float32; the products in integers are those of the tier below. */
#define WIDTH 4
#define TILE_ROWS 6
#define TILE_PANELS 1
#define BF16_ROWS 4
#define BF16_PANELS 1
#include "kernels/network_simd.h"

#include "kernels/gemm_bf16_simd.h"

void network_add_neon(kernel_table *table) {
#define NETWORK_KERNEL(tolerance, result, name, parameters) table->name = name;
#include "kernels/kernels.def"
}
