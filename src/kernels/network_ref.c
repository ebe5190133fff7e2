#include "kernels/kernels.h"

#include <math.h>

/* The specification of the network kernels: plain loops that accumulate in double, over operands in
 * the packed layouts of gemm.h. Other tiers sum in float32, in an order of their own, and replace
 * erf, tanh and exp by polynomials; their results may differ by the rounding of such a sum. What
 * produces bytes or bfloat16 (quantize_u8, round_bf16) must agree to the bit: these use float32
 * operations that every tier can repeat. */

static double activate(double x, activation f) {
    switch (f) {
    case ACTIVATION_GELU:
        return 0.5 * x * (1 + erf(x * 0.70710678118654752));
    case ACTIVATION_GELU_TANH:
        return 0.5 * x * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    case ACTIVATION_RELU:
        return x < 0 ? 0 : x;
    case ACTIVATION_TANH:
        return tanh(x);
    case ACTIVATION_NONE:
        break;
    }
    return x;
}

static void gemm_f32(const gemm_args *g) {
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const float *b = g->b + j / GEMM_PANEL * GEMM_PANEL * g->k + j % GEMM_PANEL;
            double sum = g->bias ? (double)g->bias[j] : 0;
            for (size_t p = 0; p < g->k; p++)
                sum += (double)g->a[i * g->lda + p] * (double)b[p * GEMM_PANEL];
            g->c[i * g->ldc + j] = (float)activate(sum, g->act);
        }
}

static void softmax_f32(float *x, size_t n, float scale) {
    double max = -INFINITY, total = 0;
    for (size_t i = 0; i < n; i++) max = (double)x[i] > max ? (double)x[i] : max;
    for (size_t i = 0; i < n; i++) total += exp(((double)x[i] - max) * (double)scale);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(exp(((double)x[i] - max) * (double)scale) / total);
}

static void layer_norm_f32(float *x, const float *residual, const float *gamma, const float *beta,
                           size_t n, float eps) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; i++) x[i] += residual[i];

    for (size_t i = 0; i < n; i++) mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;

    double scale = 1 / sqrt(variance + (double)eps);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(((double)x[i] - mean) * scale * (double)gamma[i] + (double)beta[i]);
}

static void quantize_u8(const float *x, size_t n, uint8_t *q, float *low, float *step) {
    /* 0 where all of x is finite, else NaN: comparisons alone would overlook a NaN */
    float least = INFINITY, largest = -INFINITY, poison = 0;
    for (size_t i = 0; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        largest = x[i] > largest ? x[i] : largest;
        poison += x[i] * 0;
    }

    float range = largest - least, inverse = range > 0 ? 255 / range : 0;
    for (size_t i = 0; i < gemm_i8_pad(n); i++) {
        float scaled = i < n ? (x[i] - least) * inverse : 0;
        q[i] = (uint8_t)lrintf(scaled > 0 ? scaled < 255 ? scaled : 255 : 0);
    }

    *low = least + poison;
    *step = range / 255;
}

static void gemm_i8(const gemm_i8_args *g) {
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const int8_t *b = g->b + j / GEMM_PANEL * GEMM_PANEL * g->k + j % GEMM_PANEL * 4;
            int32_t sum = 0;
            for (size_t p = 0; p < g->k; p++)
                sum += g->a[i * g->k + p] * b[p / 4 * 4 * GEMM_PANEL + p % 4];
            double x = (double)sum * (double)g->step[i] * (double)g->scales[j] +
                       (double)g->low[i] * (double)g->sums[j] + (double)g->bias[j];
            g->c[i * g->ldc + j] = (float)activate(x, g->act);
        }
}

static void round_bf16(const float *x, size_t n, uint16_t *q) {
    for (size_t i = 0; i < gemm_bf16_pad(n); i++) q[i] = i < n ? bf16_round(x[i]) : 0;
}

static void gemm_bf16(const gemm_bf16_args *g) {
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            const uint16_t *b = g->b + j / GEMM_PANEL * GEMM_PANEL * g->k + j % GEMM_PANEL * 2;
            double sum = (double)g->bias[j];
            for (size_t p = 0; p < g->k; p++)
                sum += (double)bf16_value(g->a[i * g->k + p]) *
                       (double)bf16_value(b[p / 2 * 2 * GEMM_PANEL + p % 2]);
            g->c[i * g->ldc + j] = (float)activate(sum, g->act);
        }
}

void network_add_ref(kernel_table *table) {
#define NETWORK_KERNEL(tolerance, result, name, parameters) table->name = name;
#define INT8_KERNEL NETWORK_KERNEL
#include "kernels/kernels.def"
}
