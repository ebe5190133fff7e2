/* kernels/kernel_test.h - what the kernel tests share: every tier of this machine against `_ref`,
 * on misaligned arrays that end where the next page cannot be touched. Needs nothing but the
 * kernels and base/, so that test_neon.sh can build the tests for another machine. */
#ifndef KERNELS_KERNEL_TEST_H
#define KERNELS_KERNEL_TEST_H

#include "kernels/kernels.h"

#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef enum tolerance { EXACT, SUM } tolerance;

static const kernel_table *ref, *tested;
static rng random_source;

#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("%s:%d: %s: %s\n", __FILE__, __LINE__, tested ? tested->tier : "", #condition); \
            printf(" " __VA_ARGS__);                                                               \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* ---- arrays that end where the next page cannot be touched ---- */

enum { MAX_GUARDED = 64 };

static struct {
    void *base;
    size_t n_bytes;
} guarded[MAX_GUARDED];
static size_t n_guarded;

static inline void *guarded_alloc(size_t n_bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n_mapped = (n_bytes / page + 1) * page;
    char *base =
        mmap(NULL, n_mapped + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    REQUIRE(base != MAP_FAILED && n_guarded < MAX_GUARDED);
    REQUIRE(mprotect(base + n_mapped, page, PROT_NONE) == 0);
    guarded[n_guarded].base = base;
    guarded[n_guarded++].n_bytes = n_mapped + page;
    return base + n_mapped - n_bytes;
}

static inline void guarded_free_all(void) {
    while (n_guarded > 0) {
        n_guarded--;
        munmap(guarded[n_guarded].base, guarded[n_guarded].n_bytes);
    }
}

static inline float *guarded_random(size_t n) {
    float *x = guarded_alloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (float)rng_normal(&random_source);
    return x;
}

/* ---- the walk ---- */

/* Calls check_tier with `ref` and `tested` set, for each tier above `ref` that this machine has. */
static inline void for_each_tier(void (*check_tier)(void)) {
    bool supported;

    ref = kernels_tier(0, &supported);
    for (size_t i = 1; (tested = kernels_tier(i, &supported)); i++) {
        if (supported)
            check_tier();
        else
            printf("%s: skipped, this machine does not have it\n", tested->tier);
    }
}

static inline void seed_random_source(void) {
    const char *given = getenv("SEMID_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu (SEMID_TEST_SEED repeats it)\n", (unsigned long long)seed);
    rng_init(&random_source, seed, 0);
}

#endif
