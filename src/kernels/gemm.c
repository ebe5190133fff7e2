#include "kernels/gemm.h"

#include <math.h>
#include <string.h>

/* Packing of weights, once per model: a product reads B in the order in which it is stored. A panel
 * holds 16 columns, and of those one row after the other, so that the inner loop loads consecutive
 * vectors and multiplies them by one broadcast element of A. Narrow types keep as many rows of a
 * column together as one instruction adds up: 4 bytes (vpmaddubsw, vpdpbusd) or 2 halves
 * (vdpbf16ps).
 *
 * int8: an activation byte is at most 255. vpmaddubsw adds the products of two rows in 16 bits, and
 * the kernel adds two such sums, of the rows {0, 1, 4, 5} or {2, 3, 6, 7} of every eight, before it
 * widens them. The sum lies between 255 times the negative and 255 times the positive weights among
 * the four, so it fits if neither part exceeds 128: 255 * 128 = 32640 < 32768. The scale of a
 * column is the finest that keeps its real weights within that limit (and each within 127);
 * rounding to bytes may exceed it by up to 2, and restrain() takes that back. */

void gemm_pack_transposed(const float *src, size_t ld, size_t n, size_t k, float *packed) {
    for (size_t j = 0; j < gemm_pad(n); j++) {
        float *b = packed + j / GEMM_PANEL * GEMM_PANEL * k + j % GEMM_PANEL;
        for (size_t p = 0; p < k; p++) b[p * GEMM_PANEL] = j < n ? src[j * ld + p] : 0;
    }
}

void gemm_pack(const float *src, size_t ld, size_t n, size_t k, float *packed) {
    for (size_t j = 0; j < n; j += GEMM_PANEL) {
        size_t width = n - j < GEMM_PANEL ? n - j : GEMM_PANEL;
        for (size_t p = 0; p < k; p++, packed += GEMM_PANEL) {
            memcpy(packed, src + p * ld + j, width * sizeof(float));
            memset(packed + width, 0, (GEMM_PANEL - width) * sizeof(float));
        }
    }
}

/* ---- int8 ---- */

/* The rows of every eight whose products share a 16-bit sum. */
static const int sixteen_bit_sums[2][4] = {{0, 1, 4, 5}, {2, 3, 6, 7}};
enum { LARGEST_SUM = 128, LARGEST_WEIGHT = 127 };

/* The largest sum of the positive parts of sign * w in any group of four. */
static float largest_sum(const float *w, size_t k, float sign) {
    float largest = 0;

    for (size_t p = 0; p < k; p += GEMM_I8_STEP)
        for (int g = 0; g < 2; g++) {
            float sum = 0;
            for (int i = 0; i < 4; i++) {
                size_t at = p + (size_t)sixteen_bit_sums[g][i];
                if (at < k) sum += fmaxf(sign * w[at], 0);
            }
            largest = fmaxf(largest, sum);
        }
    return largest;
}

static float column_scale(const float *w, size_t k) {
    float largest = 0;
    for (size_t p = 0; p < k; p++) largest = fmaxf(largest, fabsf(w[p]));
    float sum = fmaxf(largest_sum(w, k, 1), largest_sum(w, k, -1));
    return fmaxf(largest / LARGEST_WEIGHT, sum / LARGEST_SUM);
}

/* Rounding can lift the sum of the weights of one sign above the limit: those that were rounded
 * away from zero the farthest are made smaller, one by one. */
static void restrain(const float *w, int32_t q[4], int32_t sign) {
    for (;;) {
        int32_t sum = 0;
        int worst = 0;
        float excess = -1;

        for (int i = 0; i < 4; i++) {
            if (q[i] * sign <= 0) continue;
            sum += q[i] * sign;
            if ((float)(q[i] * sign) - w[i] * (float)sign > excess)
                excess = (float)(q[i] * sign) - w[i] * (float)sign, worst = i;
        }

        if (sum <= LARGEST_SUM) return;
        q[worst] -= sign;
    }
}

/* Eight weights of one column, in units of its scale; returns the sum of their bytes. */
static int32_t round_group(const float *w, int8_t *packed) {
    int32_t sum = 0;

    for (int g = 0; g < 2; g++) {
        float part[4];
        int32_t q[4];
        for (int i = 0; i < 4; i++) {
            part[i] = w[sixteen_bit_sums[g][i]];
            q[i] = (int32_t)lrintf(part[i]);
        }
        /* the two signs do not interfere: each sum has its own weights */
        restrain(part, q, 1);
        restrain(part, q, -1);

        for (int i = 0; i < 4; i++) {
            int p = sixteen_bit_sums[g][i];
            packed[p / 4 * 4 * GEMM_PANEL + p % 4] = (int8_t)q[i];
            sum += q[i];
        }
    }
    return sum;
}

/* Returns the sum of the column's bytes. */
static int32_t pack_column_i8(const float *w, size_t k, float scale, int8_t *packed) {
    float inverse = scale > 0 ? 1 / scale : 0;
    int32_t sum = 0;
    for (size_t p = 0; p < k; p += GEMM_I8_STEP, packed += GEMM_I8_STEP * GEMM_PANEL) {
        float group[GEMM_I8_STEP];
        for (size_t i = 0; i < GEMM_I8_STEP; i++) group[i] = p + i < k ? w[p + i] * inverse : 0;
        sum += round_group(group, packed);
    }
    return sum;
}

void gemm_pack_i8(const float *src, size_t ld, size_t n, size_t k, int8_t *packed, float *scales,
                  float *sums) {
    size_t column_bytes = gemm_i8_pad(k);
    memset(packed, 0, gemm_pad(n) * column_bytes);
    for (size_t j = 0; j < gemm_pad(n); j++) {
        int8_t *column = packed + j / GEMM_PANEL * GEMM_PANEL * column_bytes + j % GEMM_PANEL * 4;
        scales[j] = j < n ? column_scale(src + j * ld, k) : 0;
        sums[j] = j < n ? (float)pack_column_i8(src + j * ld, k, scales[j], column) * scales[j] : 0;
    }
}

/* ---- bfloat16 ---- */

void gemm_pack_bf16(const float *src, size_t ld, size_t n, size_t k, uint16_t *packed) {
    size_t column = gemm_bf16_pad(k);
    memset(packed, 0, gemm_pad(n) * column * sizeof *packed);
    for (size_t j = 0; j < n; j++) {
        uint16_t *b = packed + j / GEMM_PANEL * GEMM_PANEL * column + j % GEMM_PANEL * 2;
        for (size_t p = 0; p < k; p++)
            b[p / 2 * 2 * GEMM_PANEL + p % 2] = bf16_round(src[j * ld + p]);
    }
}
