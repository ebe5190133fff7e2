#include "kernels/kernels.h"

#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int always(void) {
    return 1;
}

#if defined(__x86_64__)
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static int has_avx512vnni(void) {
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static int has_avx512bf16(void) {
    return has_avx512vnni() && __builtin_cpu_supports("avx512bf16");
}
#endif

static const struct tier {
    const char *name;
    int (*supported)(void);
    void (*add)(kernel_table *table);
} tiers[] = {
    {"ref", always, kernels_add_ref},
#if defined(__x86_64__)
    {"avx2", has_avx2, kernels_add_avx2},
    {"avx512", has_avx512, kernels_add_avx512},
    {"avx512vnni", has_avx512vnni, kernels_add_avx512vnni},
    {"avx512bf16", has_avx512bf16, kernels_add_avx512vnni}, /* differs in the encoder's alone */
#elif defined(__aarch64__)
    {"neon", always, kernels_add_neon},
#endif
};
enum { N_TIERS = sizeof tiers / sizeof tiers[0] };

static kernel_table tables[N_TIERS];
static const kernel_table *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static size_t highest_tier(void) {
    const char *cap = getenv("SEMID_ISA");
    if (!cap || !*cap) return N_TIERS - 1;
    for (size_t i = 0; i < N_TIERS; i++)
        if (strcmp(tiers[i].name, cap) == 0) return i;
    log_warn("SEMID_ISA: expected one of ref, avx2, avx512, avx512vnni, avx512bf16 (x86) or ref, "
             "neon (ARM), found \"%s\"; ignored",
             cap);
    return N_TIERS - 1;
}

static void build_tables(void) {
    size_t cap = highest_tier();
    for (size_t i = 0; i < N_TIERS; i++) {
        if (i > 0) tables[i] = tables[i - 1];
        tables[i].tier = tiers[i].name;
        if (!tiers[i].supported()) continue; /* even `add` may hold instructions of its tier */
        tiers[i].add(&tables[i]);
        if (i <= cap) chosen = &tables[i];
    }
}

const kernel_table *kernels(void) {
    pthread_once(&once, build_tables);
    return chosen;
}

const kernel_table *kernels_tier(size_t i, int *supported) {
    pthread_once(&once, build_tables);
    if (i >= N_TIERS) return NULL;
    *supported = tiers[i].supported();
    return &tables[i];
}
