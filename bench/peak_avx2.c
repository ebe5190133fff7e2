#include "bench/peaks.h"

#include <immintrin.h>

/* Twelve chains hide the latency of two units and fit the registers; so do eight that need
 * temporaries. */
enum { CHAINS = 12, I8_CHAINS = 8 };

float peak_fma_f32_avx2(size_t n) {
    __m256 a[CHAINS], x = _mm256_set1_ps(0.999F), y = _mm256_set1_ps(1e-3F);
    for (int i = 0; i < CHAINS; i++) a[i] = _mm256_set1_ps((float)i);
    for (; n > 0; n--)
        for (int i = 0; i < CHAINS; i++) a[i] = _mm256_fmadd_ps(a[i], x, y);
    for (int i = 1; i < CHAINS; i++) a[0] = _mm256_add_ps(a[0], a[i]);
    return _mm256_cvtss_f32(a[0]);
}

/* What an int8 product costs without VNNI: bytes of seven bits, so that the sum of four products
 * fits 16 bits and one widening serves two multiplications. 64 multiply-adds a chain and step. */
float peak_madd_i8_avx2(size_t n) {
    __m256i sum[I8_CHAINS], x = _mm256_set1_epi8(3), y = _mm256_set1_epi8(5);
    __m256i ones = _mm256_set1_epi16(1);
    for (int i = 0; i < I8_CHAINS; i++) sum[i] = _mm256_set1_epi32(i);
    for (; n > 0; n--)
        for (int i = 0; i < I8_CHAINS; i++) {
            __m256i p, q; /* asm: a compiler would multiply once, before the loop */
            __asm__ volatile("vpmaddubsw %1, %2, %0" : "=x"(p) : "x"(x), "x"(y));
            __asm__ volatile("vpmaddubsw %1, %2, %0" : "=x"(q) : "x"(y), "x"(x));
            __m256i four = _mm256_add_epi16(p, q);
            sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(four, ones));
        }
    for (int i = 1; i < I8_CHAINS; i++) sum[0] = _mm256_add_epi32(sum[0], sum[i]);
    return (float)_mm256_extract_epi32(sum[0], 0);
}
