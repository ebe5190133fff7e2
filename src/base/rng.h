/* base/rng.h - seeded random numbers: the same on every machine, at every thread count.
 * xoshiro256** (Blackman & Vigna 2018), seeded through splitmix64. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct rng {
    uint64_t s[4];
} rng;

/* The streams of a seed: independent sequences of numbers. A stream belongs to one use, for ever:
 * two uses of one stream would draw the same numbers, and another number would change the results
 * of old seeds. A new use gets a new line and a number that no line has. */
typedef enum rng_stream {
    RNG_SAMPLE_SHELVES = 0,     /* sample: how many items a shelf has */
    RNG_EMA_START = 100,        /* ema: the rows that the start sees */
    RNG_KMEANS_SAMPLE = 101,    /* k-means: the rows that the start sees */
    RNG_KMEANS_DRAWS = 102,     /* k-means: the codewords of k-means++ */
    RNG_KMEANS_RANDOM = 103,    /* k-means: the codewords of a random start */
    RNG_EMA_TRAIN = 104,        /* ema: order of rows and revivals */
    RNG_TRAIN_HOLDOUT = 200,    /* train: the rows of --holdout */
    RNG_PRINCIPAL_SAMPLE = 201, /* principal directions: the rows of the covariance */
    RNG_PRINCIPAL_START = 202,  /* principal directions: the first guess */
    RNG_TRAIN_SAMPLE = 203,     /* train: the rows of --max-train */
    RNG_RQVAE_WEIGHTS = 300,    /* rqvae: the networks */
    RNG_RQVAE_START = 301,      /* rqvae: the rows whose latents the codewords start from */
    RNG_FAISS_SAMPLE = 400,     /* build-faiss: the rows that the index is trained on */
    RNG_EVAL_SAMPLE = 500,      /* eval: the test rows */
    RNG_RQVAE_EPOCH = 1000      /* rqvae: order and revivals of epoch e with 1000 + e; the last */
} rng_stream;

/* Uses with a stream for each number below 2^56: above all streams of the list before. */
typedef enum rng_numbered_stream {
    RNG_SAMPLE_ITEM = 1, /* sample: what an item has */
    RNG_SAMPLE_LINE = 2, /* sample: what the items of a product line share */
    RNG_SAMPLE_USER = 3  /* sample: what a user reviews */
} rng_numbered_stream;

/* stream: an rng_stream. */
void rng_init(rng *r, uint64_t seed, uint64_t stream);
void rng_init_numbered(rng *r, uint64_t seed, rng_numbered_stream stream, uint64_t number);
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
