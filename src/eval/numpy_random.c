#include "eval/numpy_random.h"

/* MT19937 (Matsumoto & Nishimura 1998). */
enum { STATE_WORDS = 624, MIDDLE = 397 };

typedef struct twister {
    uint32_t words[STATE_WORDS];
    int next;
} twister;

static void twister_init(twister *t, uint32_t seed) {
    for (uint32_t i = 0; i < STATE_WORDS; i++) {
        t->words[i] = seed;
        seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
    }
    t->next = STATE_WORDS;
}

static void twist(twister *t) {
    for (int i = 0; i < STATE_WORDS; i++) {
        uint32_t y = (t->words[i] & 0x80000000u) | (t->words[(i + 1) % STATE_WORDS] & 0x7fffffffu);
        t->words[i] = t->words[(i + MIDDLE) % STATE_WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    t->next = 0;
}

static uint32_t twister_u32(twister *t) {
    if (t->next == STATE_WORDS) twist(t);
    uint32_t y = t->words[t->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

/* Uniform in [0, most]: the low bits, drawn again until they are in range. */
static uint32_t interval(twister *t, uint32_t most) {
    uint32_t mask = most, value;
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    do value = twister_u32(t) & mask;
    while (value > most);
    return value;
}

void numpy_shuffle(uint32_t seed, uint64_t *x, size_t n) {
    twister t;
    twister_init(&t, seed);
    for (size_t i = n; i-- > 1;) {
        uint32_t j = interval(&t, (uint32_t)i);
        uint64_t kept = x[i];
        x[i] = x[j];
        x[j] = kept;
    }
}
