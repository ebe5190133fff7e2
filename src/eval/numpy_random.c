#include "eval/numpy_random.h"

/* The legacy generator of NumPy, kept bit for bit since 2006 (NEP 19 freezes RandomState): MT19937
 * (Matsumoto & Nishimura 1998) seeded by init_genrand(), integers in a range by masked rejection
 * (legacy_random_interval: the smallest mask 2^b - 1 that holds the maximum, drawn again until the
 * value is in range), and the shuffle of Fisher & Yates from the last element down to the second.
 *
 * pandas' DataFrame.sample(k, random_state=seed) without replacement is choice(), which takes the
 * first k of permutation(n), which is this shuffle of 0 .. n-1. */

enum { STATE_WORDS = 624, MIDDLE = 397 };

typedef struct twister {
    uint32_t words[STATE_WORDS];
    int next;
} twister;

static uint32_t twister_u32(twister *t) {
    /* All words are used up: the recurrence makes the next 624. */
    if (t->next == STATE_WORDS) {
        for (int i = 0; i < STATE_WORDS; i++) {
            uint32_t y =
                (t->words[i] & 0x80000000u) | (t->words[(i + 1) % STATE_WORDS] & 0x7fffffffu);
            t->words[i] = t->words[(i + MIDDLE) % STATE_WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        t->next = 0;
    }

    /* Tempering. */
    uint32_t y = t->words[t->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

void numpy_shuffle(uint32_t seed, uint64_t *x, size_t n) {
    twister t = {.next = STATE_WORDS};
    for (uint32_t i = 0; i < STATE_WORDS; i++) {
        t.words[i] = seed;
        seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
    }

    for (size_t i = n; i-- > 1;) {
        /* Uniform in [0, i]: the low bits of a word, drawn again until they are in range. */
        uint32_t mask = (uint32_t)i, j;
        for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
        do j = twister_u32(&t) & mask;
        while (j > i);

        uint64_t kept = x[i];
        x[i] = x[j];
        x[j] = kept;
    }
}
