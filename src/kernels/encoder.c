#include "kernels/encoder.h"

#include "kernels/encoder_tiers.h"

#include <string.h>

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

const encoder_kernels *encoder_kernels_of(const kernel_table *tier) {
#if defined(__x86_64__)
    if (strcmp(tier->tier, "avx2") == 0) return &encoder_kernels_avx2;
    if (strncmp(tier->tier, "avx512", 6) == 0) return &encoder_kernels_avx512;
#elif defined(__aarch64__)
    if (strcmp(tier->tier, "neon") == 0) return &encoder_kernels_neon;
#endif
    (void)tier;
    return &encoder_kernels_ref;
}
