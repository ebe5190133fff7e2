#include "base/rng.h"

#include <math.h>

/* Every use of random numbers gets a generator of its own, made from the seed and a stream number:
 * what one use draws never depends on how much another has drawn, or on the order of threads. Both
 * numbers pass through splitmix64, so that neighbouring seeds and streams are unrelated. The
 * generator is xoshiro256** (Blackman and Vigna, 2018); all arithmetic is on integers, hence equal
 * on every machine, but for rng_normal, which takes a logarithm. */

__extension__ typedef unsigned __int128 u128;

static uint64_t splitmix64(uint64_t *x) {
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

void rng_init(rng *r, uint64_t seed, uint64_t stream) {
    uint64_t mix = stream;
    uint64_t x = seed ^ splitmix64(&mix);
    for (int i = 0; i < 4; i++) r->s[i] = splitmix64(&x);
}

void rng_init_numbered(rng *r, uint64_t seed, rng_numbered_stream stream, uint64_t number) {
    rng_init(r, seed, ((uint64_t)stream << 56) | number);
}

uint64_t rng_u64(rng *r) {
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Lemire 2019: multiply-shift with rejection of the biased low part. */
uint64_t rng_below(rng *r, uint64_t n) {
    u128 m = (u128)rng_u64(r) * n;
    if ((uint64_t)m < n) {
        uint64_t threshold = (0 - n) % n;
        while ((uint64_t)m < threshold) m = (u128)rng_u64(r) * n;
    }
    return (uint64_t)(m >> 64);
}

double rng_uniform(rng *r) {
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

/* Marsaglia's polar method; the second value is dropped to keep the state plain. */
double rng_normal(rng *r) {
    double u, v, s;
    do {
        u = 2 * rng_uniform(r) - 1;
        v = 2 * rng_uniform(r) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s == 0);
    return u * sqrt(-2 * log(s) / s);
}

void rng_shuffle_u32(rng *r, uint32_t *x, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
        uint32_t t = x[i - 1];
        x[i - 1] = x[j];
        x[j] = t;
    }
}

void rng_shuffle_u64(rng *r, uint64_t *x, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
        uint64_t t = x[i - 1];
        x[i - 1] = x[j];
        x[j] = t;
    }
}

/* Selection sampling (Knuth 3.4.2 S): one pass over the population, ascending by construction. */
void rng_sample_sorted(rng *r, uint64_t n, size_t k, uint64_t *out) {
    size_t chosen = 0;
    for (uint64_t i = 0; i < n && chosen < k; i++)
        if (rng_below(r, n - i) < k - chosen) out[chosen++] = i;
}
