#include "kernels/kernels.h"

#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One table of function pointers per tier, built once, on first use. The tiers of an architecture
 * form a ladder: each contains the instructions of the one below it, so a table starts as a copy of
 * the one below and the families then overwrite what they accelerate. Hence every entry is set in
 * every table, and a family may skip a tier that would not help it. Code of a tier that the machine
 * lacks is never run, not even its `add` function: the compiler may have used the instructions
 * there too. */

static bool always(void) {
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_avx512vnni(void) {
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static bool has_avx512bf16(void) {
    return has_avx512vnni() && __builtin_cpu_supports("avx512bf16");
}
#endif

enum { N_FAMILIES = 2 };

static const struct tier {
    const char *name;
    bool (*supported)(void);
    void (*add[N_FAMILIES])(kernel_table *table); /* NULL: the family has nothing new here */
} tiers[] = {
    {"ref", always, {vectors_add_ref, network_add_ref}},
#if defined(__x86_64__)
    {"avx2", has_avx2, {vectors_add_avx2, network_add_avx2}},
    {"avx512", has_avx512, {vectors_add_avx512, network_add_avx512}},
    {"avx512vnni", has_avx512vnni, {vectors_add_avx512vnni, network_add_avx512vnni}},
    {"avx512bf16", has_avx512bf16, {NULL, network_add_avx512bf16}},
#elif defined(__aarch64__)
    {"neon", always, {vectors_add_neon, network_add_neon}},
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

    /* tables above the cap are built too: the tests walk all of them */
    for (size_t i = 0; i < N_TIERS; i++) {
        if (i > 0) tables[i] = tables[i - 1];
        tables[i].tier = tiers[i].name;
        if (!tiers[i].supported()) continue;

        for (size_t f = 0; f < N_FAMILIES; f++)
            if (tiers[i].add[f]) tiers[i].add[f](&tables[i]);
        if (i <= cap) chosen = &tables[i];
    }
}

const kernel_table *kernels(void) {
    pthread_once(&once, build_tables);
    return chosen;
}

const kernel_table *kernels_tier(size_t i, bool *supported) {
    pthread_once(&once, build_tables);
    if (i >= N_TIERS) return NULL;
    *supported = tiers[i].supported();
    return &tables[i];
}
