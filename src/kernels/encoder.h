/* kernels/encoder.h - what a transformer encoder spends its time on, in float32: the product with
 * packed weights, softmax and layer normalisation. Kernels cannot fail and never allocate. */
#ifndef KERNELS_ENCODER_H
#define KERNELS_ENCODER_H

#include "kernels/kernels.h"

#include <stddef.h>

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

typedef struct encoder_kernels {
    void (*gemm_f32)(const gemm_args *g);
    /* x <- softmax(scale x), scale > 0. x has room for gemm_pad(n) elements; those behind n are
     * overwritten. */
    void (*softmax_f32)(float *x, size_t n, float scale);
    /* x <- (x + residual - mean) / sqrt(variance + eps) * gamma + beta. */
    void (*layer_norm_f32)(float *x, const float *residual, const float *gamma, const float *beta,
                           size_t n, float eps);
} encoder_kernels;

/* B[p][j] = src[j * ld + p]: weights as they are stored, [n, k]. n need not be a multiple. */
void gemm_pack_transposed(const float *src, size_t ld, size_t n, size_t k, float *packed);
/* B[p][j] = src[p * ld + j]. */
void gemm_pack(const float *src, size_t ld, size_t n, size_t k, float *packed);

/* The set that belongs to a tier, such as kernels(). */
const encoder_kernels *encoder_kernels_of(const kernel_table *tier);

#endif
