/* bench/peaks.h - what this machine can do at most: loops of multiply-adds that touch no memory,
 * and sums that do nothing but read it. */
#ifndef BENCH_PEAKS_H
#define BENCH_PEAKS_H

#include <stddef.h>

typedef struct peak {
    const char *tier; /* "avx2", "avx512vnni", ... */
    const char *name; /* "fp32 fma" */
    const char *unit; /* FLOP: a multiply and an add are two; OP likewise, of integers */
    double work;      /* of one step of one thread */
    int (*supported)(void);
    /* n steps in this thread; the result is of no use but must be used. */
    float (*run)(size_t n);
} peak;

/* Those built in, lower tiers first. */
extern const peak peaks[];
extern const size_t n_peaks;

/* A fixed number of steps on every thread in use, and the work that is. */
void peak_run(const peak *p);
double peak_work(const peak *p);

/* The fp32 peak of a tier; of `ref` too, whose compiler-made code has no peak of its own, it is the
 * machine's lowest vector tier. */
const peak *peak_fp32(const char *tier);

/* Reads a block much larger than the caches with every thread; its bytes. */
double peak_memory_bytes(void);
void peak_memory_run(void *user);

float peak_fma_f32_avx2(size_t n);
float peak_madd_i8_avx2(size_t n);
float peak_fma_f32_avx512(size_t n);
float peak_dot_i8_avx512vnni(size_t n);
float peak_dot_bf16_avx512bf16(size_t n);
float peak_fma_f32_neon(size_t n);

#endif
