/* base/rng.h - seeded random numbers: the same on every machine, at every thread count.
 * xoshiro256** (Blackman & Vigna 2018), seeded through splitmix64. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct rng {
    uint64_t s[4];
} rng;

/* `stream` separates uses of one seed: give each purpose, level or chunk its own. */
void rng_init(rng *r, uint64_t seed, uint64_t stream);
uint64_t rng_u64(rng *r);
/* Uniform in [0, n), unbiased; n > 0. */
uint64_t rng_below(rng *r, uint64_t n);
/* Uniform in [0, 1), 53 bits. */
double rng_uniform(rng *r);
/* Standard normal. */
double rng_normal(rng *r);
/* Fisher-Yates. */
void rng_shuffle_u32(rng *r, uint32_t *x, size_t n);
void rng_shuffle_u64(rng *r, uint64_t *x, size_t n);
/* k distinct values of [0, n), ascending, each subset equally likely; k <= n. O(k) memory. */
void rng_sample_sorted(rng *r, uint64_t n, size_t k, uint64_t *out);

#endif
