#include "bench/peaks.h"

#include "base/threads.h"
#include "bench/bench.h"

#include <string.h>

/* Many short pieces, as the kernels have: a thread that is held up delays the others little. */
enum { STEPS = 1 << 16, PIECES_A_THREAD = 32 };
enum { MEMORY_FLOATS = 1 << 26, MEMORY_CHUNK = 1 << 18 };

#if defined(__x86_64__)
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}
static int has_vnni(void) {
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}
static int has_bf16(void) {
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}
#else
static int always(void) {
    return 1;
}
#endif

const peak peaks[] = {
#if defined(__x86_64__)
    {"avx2", "fp32 fma", "FLOP", 12 * 8 * 2, has_avx2, peak_fma_f32_avx2},
    {"avx2", "int8 vpmaddubsw", "OP", 8 * 64 * 2, has_avx2, peak_madd_i8_avx2},
    {"avx512", "fp32 fma", "FLOP", 16 * 16 * 2, has_avx512, peak_fma_f32_avx512},
    {"avx512vnni", "int8 vpdpbusd", "OP", 16 * 64 * 2, has_vnni, peak_dot_i8_avx512vnni},
    {"avx512bf16", "bf16 vdpbf16ps", "FLOP", 16 * 32 * 2, has_bf16, peak_dot_bf16_avx512bf16},
#elif defined(__aarch64__)
    {"neon", "fp32 fma", "FLOP", 16 * 4 * 2, always, peak_fma_f32_neon},
#else
#error "no peak is known for this architecture: configure with -DSEMID_BENCH=OFF"
#endif
};
const size_t n_peaks = sizeof peaks / sizeof peaks[0];

static volatile float sink;

static void one_thread(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk, (void)begin, (void)end;
    sink = ((const peak *)user)->run(STEPS);
}

void peak_run(const peak *p) {
    peak copy = *p;
    parallel_chunks((size_t)threads_get() * PIECES_A_THREAD, 1, one_thread, &copy);
}

double peak_work(const peak *p) {
    return p->work * STEPS * PIECES_A_THREAD * threads_get();
}

const peak *peak_fp32(const char *tier) {
    const peak *best = &peaks[0];
    for (size_t i = 0; i < n_peaks; i++)
        if (strcmp(peaks[i].name, best->name) == 0 &&
            strncmp(tier, peaks[i].tier, strlen(peaks[i].tier)) == 0)
            best = &peaks[i];
    return best;
}

static float *block;

static void sum_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)user, (void)chunk;
    float sums[64] = {0};
    for (size_t i = begin; i + 64 <= end; i += 64)
        for (size_t j = 0; j < 64; j++) sums[j] += block[i + j];
    sink = sums[0] + sums[63];
}

double peak_memory_bytes(void) {
    return (double)MEMORY_FLOATS * sizeof *block;
}

void peak_memory_run(void *user) {
    (void)user;
    if (!block) {
        block = bench_alloc(MEMORY_FLOATS, sizeof *block);
        for (size_t i = 0; i < MEMORY_FLOATS; i += 512) block[i] = 1; /* pages of their own */
    }
    parallel_chunks(MEMORY_FLOATS, MEMORY_CHUNK, sum_chunk, NULL);
}
