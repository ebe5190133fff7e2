/*
 * semid/quality.h - quality figures of the codes of a catalogue: how evenly each level uses its
 * codewords, what error it leaves, and how often items share a code.
 *
 * With p_k the share of the rows that have codeword k at a level:
 *
 *     perplexity = exp(-sum p_k log p_k), from 1 (one codeword takes all) to K
 *     gini = sum over p_k in ascending order of (2 i - K - 1) p_i / K, i = 1..K, from 0 (all equal)
 *         to 1 - 1/K
 *     conditional perplexity = exp(H(c_l | c_1 .. c_l-1)): the effective number of codewords at a
 *         level, given the levels before it
 */
#ifndef SEMID_QUALITY_H
#define SEMID_QUALITY_H

#include "semid/codes.h"
#include "semid/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_level_quality {
    size_t n_used;                 /* codewords with at least one row */
    double used_ratio;             /* n_used / K */
    double perplexity;             /* 1 .. K */
    double gini;                   /* 0 .. 1 - 1/K */
    double largest_ratio;          /* share of rows with the most used codeword */
    double conditional_perplexity; /* 1 .. perplexity */
    double mse;                    /* mean squared error per dimension after this level, or NaN */
    double explained_ratio;        /* 1 - mse / variance, or NaN */
    uint64_t reserved[4];          /* zero */
} semid_level_quality;

typedef struct semid_quality {
    size_t n_rows, n_levels, n_codewords;
    semid_level_quality *levels; /* [n_levels], owned */
    size_t n_unique;             /* distinct codes */
    double collision_ratio;      /* 1 - n_unique / n_rows */
    size_t n_sharing;            /* rows whose code another row has too */
    size_t largest_bucket;       /* rows of the most common code */
    double entropy_bits;         /* of the full code */
    uint64_t reserved[8];        /* zero */
} semid_quality;

/*
 * All figures of codes [N, L] (N >= 1) over K codewords per level. mse [L]: mean squared errors per
 * dimension after each level, and variance: mean squared deviation per dimension from the mean
 * vector; mse may be NULL, then the figures of error are NaN. *out is the caller's, released with
 * semid_quality_release.
 * SEMID_ERR_DATA for no rows or a value that is not in [0, K), SEMID_ERR_UNSUPPORTED (N >= 2^32, L
 * >= 2^16), SEMID_ERR_NO_MEMORY.
 * The figures are the same at any number of threads. Cost: O(N L + L K log K) time, 22 bytes per
 * row.
 */
SEMID_API semid_status semid_quality_measure(semid_context *context, semid_quality *out,
                                             const semid_codes *codes, size_t n_codewords,
                                             const double *mse, double variance, semid_error *err);

SEMID_API void semid_quality_release(semid_quality *quality);

#ifdef __cplusplus
}
#endif
#endif
