#include "kernels/encoder.h"

#include "kernels/encoder_tiers.h"

#include <stdlib.h>
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

const encoder_kernels *encoder_kernels_named(const char *isa) {
    if (strcmp(isa, "ref") == 0) return &encoder_kernels_ref;
#if defined(__x86_64__)
    if (strcmp(isa, "avx2") == 0 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &encoder_kernels_avx2;
    if (strcmp(isa, "avx512") == 0 && __builtin_cpu_supports("avx512f"))
        return &encoder_kernels_avx512;
#endif
    return NULL;
}

const encoder_kernels *encoder_kernels_get(void) {
    static const char *const tiers[] = {"avx512", "avx2", "ref"};
    const char *cap = getenv("SEMID_ISA");
    bool reached = !cap;
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        reached |= cap && strcmp(cap, tiers[i]) == 0;
        const encoder_kernels *found = reached ? encoder_kernels_named(tiers[i]) : NULL;
        if (found) return found;
    }
    return &encoder_kernels_ref;
}
