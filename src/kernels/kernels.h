/* kernels/kernels.h - the inner loops, once per instruction set, chosen at run time.
 *
 * Kernels never allocate and cannot fail; they take any alignment and any length. `_ref` is the
 * specification. SEMID_ISA=ref|neon|avx2|avx512 caps the tier that is used. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum { PANEL_WIDTH = 16, KERNEL_MAX_ROWS = 96 };

/* Codewords as the search reads them: panels of 16, one dimension of all 16 after the other.
 *
 * The order of summation is part of the meaning. Dimensions are dealt to n_lanes lanes (dimension j
 * to lane j % n_lanes), each lane is one chain of fused multiply-adds in float32, and the lanes are
 * added up from the first to the last. With one vector register as the lanes, a single inner
 * product can so be repeated bit by bit without a panel. Rows are stored lane by lane too, each
 * lane padded with zeros to lane_len. */
typedef struct codeword_panels {
    size_t n_panels, n_lanes, lane_len;
    const float *values; /* [n_panels, n_lanes, lane_len, PANEL_WIDTH] */
    const float *norms;  /* [n_panels * PANEL_WIDTH] |c|^2, +inf behind the last codeword */
} codeword_panels;

typedef struct kernel_table {
    const char *tier;
#define KERNEL(tolerance, result, name, parameters) result(*name) parameters;
#include "kernels/kernels.def"
#undef KERNEL
} kernel_table;

/* The table of this machine under SEMID_ISA. */
const kernel_table *kernels(void);

/* For tests: tier i of those built in, from `ref` upwards, or NULL at the end. *supported says
 * whether this machine can run it. */
const kernel_table *kernels_tier(size_t i, int *supported);

/* Each tier overwrites what it accelerates. */
void kernels_add_ref(kernel_table *table);
void kernels_add_avx2(kernel_table *table);
void kernels_add_avx512(kernel_table *table);
void kernels_add_neon(kernel_table *table);

#endif
