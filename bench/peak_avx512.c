#include "bench/peaks.h"

#include <immintrin.h>

enum { CHAINS = 16 };

float peak_fma_f32_avx512(size_t n) {
    __m512 a[CHAINS], x = _mm512_set1_ps(0.999F), y = _mm512_set1_ps(1e-3F);
    for (int i = 0; i < CHAINS; i++) a[i] = _mm512_set1_ps((float)i);
    for (; n > 0; n--)
        for (int i = 0; i < CHAINS; i++) a[i] = _mm512_fmadd_ps(a[i], x, y);
    for (int i = 1; i < CHAINS; i++) a[0] = _mm512_add_ps(a[0], a[i]);
    return _mm512_reduce_add_ps(a[0]);
}
