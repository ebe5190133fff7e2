/* kernels/gemm.h - matrix products with packed weights, in float32, int8 and bfloat16: what the
 * product kernels of kernels.def take, and how weights are packed for them. */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

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

/* ---- low precision: the factors are narrow, everything else is float32 ---- */

/* Rows of A are padded with zeros to a multiple of these, and B likewise. */
enum { GEMM_I8_STEP = 8, GEMM_BF16_STEP = 2 };

static inline size_t gemm_i8_pad(size_t k) {
    return (k + GEMM_I8_STEP - 1) / GEMM_I8_STEP * GEMM_I8_STEP;
}

static inline size_t gemm_bf16_pad(size_t k) {
    return (k + GEMM_BF16_STEP - 1) / GEMM_BF16_STEP * GEMM_BF16_STEP;
}

/* A[i][p] = low[i] + step[i] a[i][p] and B[p][j] = scales[j] b[p][j]. The products of bytes are
 * summed in int32; sums[j] is the sum of column j of B, by which low[i] is multiplied. */
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

/* B[p][j] = src[j * ld + p]: weights as they are stored, [n, k]. n need not be a multiple. */
void gemm_pack_transposed(const float *src, size_t ld, size_t n, size_t k, float *packed);
/* B[p][j] = src[p * ld + j]. */
void gemm_pack(const float *src, size_t ld, size_t n, size_t k, float *packed);

/* Weights [n, k] for gemm_i8. Without VNNI four products are summed in 16 bits, so a column gets
 * the finest scale with which that sum cannot overflow, whatever the activations are. */
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

#endif
