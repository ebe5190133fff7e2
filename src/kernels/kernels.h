/* kernels/kernels.h - the inner loops, once per instruction set, chosen at run time.
 *
 * kernels.def lists and specifies every kernel. Kernels never allocate and cannot fail; they take
 * any alignment and any length. `_ref` is the readable specification.
 * SEMID_ISA=ref|neon|avx2|avx512|avx512vnni|avx512bf16 caps the tier that is used. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include "kernels/gemm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PANEL_WIDTH = 16, KERNEL_MAX_ROWS = 96 };

/* Codewords as the search reads them: panels of 16, one dimension of all 16 after the other.
 *
 * The order of summation is part of the meaning. Dimensions are dealt to n_lanes lanes (dimension j
 * to lane j % n_lanes), each lane is one chain of fused multiply-adds in float32, and the lanes are
 * added up from the first to the last. With one vector register as the lanes, a single inner
 * product can thus be repeated bit by bit without a panel. Rows are stored lane by lane too, each
 * lane padded with zeros to lane_len. */
typedef struct codeword_panels {
    size_t n_panels, n_lanes, lane_len;
    const float *values; /* [n_panels, n_lanes, lane_len, PANEL_WIDTH] */
    const float *norms;  /* [n_panels * PANEL_WIDTH] |c|^2, +inf after the last codeword */
} codeword_panels;

/* ---- screening: which codewords can be the nearest, in 8-bit integers ----
 *
 * A row becomes scale * (q - zero) with unsigned bytes q, a codeword scale * s with signed bytes s.
 * The tier chooses zero and the ranges so that its instruction cannot overflow. */

enum {
    SCREEN_MAX_ROWS = 48,
    SCREEN_MAX_PANELS = 16, /* per call */
    SCREEN_RANK = 11,       /* leaves about 18 of 256 codewords below the limit */
    SCREEN_STEP = 16        /* quantized rows are padded to a multiple of it */
};

/* How a vector x was quantized, and how far its quantized form q is from it. */
typedef struct quantized_vector {
    float scale;
    float length, error; /* |x|, |x - q|, up to float32 rounding */
    int32_t bias;        /* of a codeword: zero * sum s */
} quantized_vector;

/* What decides about 16 codewords besides the product; errors and lengths are upper bounds. */
typedef struct screen_terms {
    int32_t biases[PANEL_WIDTH];
    float scales[PANEL_WIDTH];
    float norms[PANEL_WIDTH];   /* |c|^2, +inf after the last codeword */
    float lengths[PANEL_WIDTH]; /* |c| */
    float errors[PANEL_WIDTH];  /* |c - q| */
    float slacks[PANEL_WIDTH];  /* what rounding may add to the error of a score */
} screen_terms;

typedef struct screen_panels {
    size_t n_panels, len;      /* an even number; row length, a multiple of SCREEN_STEP */
    const int8_t *values;      /* [n_panels, len / 4, PANEL_WIDTH, 4] */
    const screen_terms *terms; /* [n_panels] */
} screen_panels;

/* The factors of a row, by which q.s * scale, the lengths and the errors are multiplied. */
typedef struct screen_row {
    float score, length, error;
} screen_row;

typedef struct kernel_table {
    const char *tier;
    bool screens;     /* whether screening is faster than nearest_f32 */
    bool bf16_native; /* else float32 arithmetic emulates the instruction, at its own speed */
#define KERNEL(tolerance, result, name, parameters) result(*name) parameters;
#include "kernels/kernels.def"
} kernel_table;

/* The table of this machine under SEMID_ISA. */
const kernel_table *kernels(void);

/* For tests: tier i of those built in, from `ref` upwards, or NULL at the end. *supported says
 * whether this machine can run it; if not, its kernels are those of the tier below. */
const kernel_table *kernels_tier(size_t i, bool *supported);

/* Each family and tier overwrites in the table what it accelerates. */
void vectors_add_ref(kernel_table *table);
void vectors_add_avx2(kernel_table *table);
void vectors_add_avx512(kernel_table *table);
void vectors_add_avx512vnni(kernel_table *table);
void vectors_add_neon(kernel_table *table);
void network_add_ref(kernel_table *table);
void network_add_avx2(kernel_table *table);
void network_add_avx512(kernel_table *table);
void network_add_avx512vnni(kernel_table *table);
void network_add_avx512bf16(kernel_table *table);
void network_add_neon(kernel_table *table);

#endif
