/* kernels/encoder.h - what a transformer encoder spends its time on: the product with packed
 * weights in float32, int8 or bfloat16, softmax and layer normalisation. Kernels cannot fail and
 * never allocate. */
#ifndef KERNELS_ENCODER_H
#define KERNELS_ENCODER_H

#include "kernels/kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum activation {
    ACTIVATION_NONE,
    ACTIVATION_GELU,      /* x/2 (1 + erf(x / sqrt 2)) */
    ACTIVATION_GELU_TANH, /* x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
    ACTIVATION_RELU,
    ACTIVATION_TANH
} activation;

/* B is packed in panels of this many columns, [n / GEMM_PANEL][k][GEMM_PANEL]; the last panel is
 * filled up with zeros, so that n below is always a multiple of it. */
enum { GEMM_PANEL = 16 };

static inline size_t gemm_pad(size_t n) {
    return (n + GEMM_PANEL - 1) / GEMM_PANEL * GEMM_PANEL;
}

/* C = act(A B + bias). A row of C depends on nothing but its row of A, to the last bit. */
typedef struct gemm_args {
    size_t m, n, k;
    const float *a; /* [m, k], rows lda apart */
    size_t lda;
    const float *b;    /* packed [k, n] */
    const float *bias; /* [n] or NULL */
    activation act;
    float *c; /* [m, n], rows ldc apart */
    size_t ldc;
} gemm_args;

/* ---- low precision: products of narrow numbers, all else in float32 ---- */

/* Rows of A are padded with zeros to a multiple of these, and B likewise. */
enum { GEMM_I8_STEP = 8, GEMM_BF16_STEP = 2 };

static inline size_t gemm_i8_pad(size_t k) {
    return (k + GEMM_I8_STEP - 1) / GEMM_I8_STEP * GEMM_I8_STEP;
}

static inline size_t gemm_bf16_pad(size_t k) {
    return (k + GEMM_BF16_STEP - 1) / GEMM_BF16_STEP * GEMM_BF16_STEP;
}

/* A[i][p] = low[i] + step[i] a[i][p] and B[p][j] = scales[j] b[p][j], the products of bytes summed
 * in int32; sums[j] is that of column j of B. */
typedef struct gemm_i8_args {
    size_t m, n, k;   /* k padded */
    const uint8_t *a; /* [m, k] */
    const float *low, *step;
    const int8_t *b;            /* packed [n / GEMM_PANEL, k / 4, GEMM_PANEL, 4] */
    const float *scales, *sums; /* [n] */
    const float *bias;          /* [n] */
    activation act;
    float *c; /* [m, n], rows ldc apart */
    size_t ldc;
} gemm_i8_args;

/* Products of bfloat16, summed in float32. */
typedef struct gemm_bf16_args {
    size_t m, n, k;    /* k padded */
    const uint16_t *a; /* [m, k] */
    const uint16_t *b; /* packed [n / GEMM_PANEL, k / 2, GEMM_PANEL, 2] */
    const float *bias; /* [n] */
    activation act;
    float *c; /* [m, n], rows ldc apart */
    size_t ldc;
} gemm_bf16_args;

typedef struct encoder_kernels {
    void (*gemm_f32)(const gemm_args *g);
    /* x <- softmax(scale x), scale > 0. x has room for gemm_pad(n) elements; those behind n are
     * overwritten. */
    void (*softmax_f32)(float *x, size_t n, float scale);
    /* x <- (x + residual - mean) / sqrt(variance + eps) * gamma + beta. */
    void (*layer_norm_f32)(float *x, const float *residual, const float *gamma, const float *beta,
                           size_t n, float eps);
    /* x ~ low + step q with q [gemm_i8_pad(n)] from 0, at the least of x, to 255, at its largest.
     * low is NaN if an element of x is not finite. The same bytes on every tier. */
    void (*quantize_u8)(const float *x, size_t n, uint8_t *q, float *low, float *step);
    void (*gemm_i8)(const gemm_i8_args *g);
    /* q [gemm_bf16_pad(n)] <- x, ties to even. */
    void (*round_bf16)(const float *x, size_t n, uint16_t *q);
    void (*gemm_bf16)(const gemm_bf16_args *g);
    bool bf16_native; /* else float32 arithmetic stands in for the instruction, at its speed */
} encoder_kernels;

/* B[p][j] = src[j * ld + p]: weights as they are stored, [n, k]. n need not be a multiple. */
void gemm_pack_transposed(const float *src, size_t ld, size_t n, size_t k, float *packed);
/* B[p][j] = src[p * ld + j]. */
void gemm_pack(const float *src, size_t ld, size_t n, size_t k, float *packed);

/* Weights [n, k] for gemm_i8. Without VNNI four products are summed in 16 bits, so a column's scale
 * is the finest with which that cannot overflow, whatever the activations are. */
void gemm_pack_i8(const float *src, size_t ld, size_t n, size_t k, int8_t *packed, float *scales,
                  float *sums);
/* Weights [n, k] for gemm_bf16. */
void gemm_pack_bf16(const float *src, size_t ld, size_t n, size_t k, uint16_t *packed);

/* The nearest bfloat16, ties to even. */
static inline uint16_t bf16_round(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t rounded = bits + 0x7FFF + (bits >> 16 & 1);
    return (uint16_t)((x == x ? rounded : bits | 0x400000) >> 16);
}

static inline float bf16_value(uint16_t x) {
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The set that belongs to a tier, such as kernels(). */
const encoder_kernels *encoder_kernels_of(const kernel_table *tier);

#endif
