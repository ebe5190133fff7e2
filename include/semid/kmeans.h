/*
 * semid/kmeans.h - k-means clustering: k-means++, Lloyd's iterations, no empty clusters.
 *
 * With more than 64 dimensions, k-means++ works in the 64 leading principal directions.
 *
 * With `shrink`, a codeword is not the mean of its rows but the posterior mean under a normal
 * prior, whose variance along each direction is estimated from the clusters (empirical Bayes; James
 * & Stein 1961): codewords of few rows are pulled towards the mean of all. With few rows per
 * codeword, the error on the given rows rises, the error on unseen rows falls, and residual levels
 * keep all codewords in use.
 *
 * Results depend on the data, the parameters and the instruction set, never on the number of
 * threads. Calls share nothing but their inputs: several may run at once.
 */
#ifndef SEMID_KMEANS_H
#define SEMID_KMEANS_H

#include "semid/context.h"
#include "semid/rows.h"
#include "semid/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum semid_kmeans_init {
    SEMID_KMEANS_PLUSPLUS = 0, /* greedy k-means++ (Arthur & Vassilvitskii 2007); on a small
                                  sample, the best of three starts */
    SEMID_KMEANS_RANDOM = 1    /* K distinct rows */
} semid_kmeans_init;

typedef struct semid_kmeans_params {
    size_t n_codewords;     /* K >= 1 */
    size_t max_iters;       /* Lloyd iterations at most */
    double tol;             /* >= 0: stop when the error changes by at most this share of itself */
    semid_kmeans_init init; /* how to start without `initial` */
    const float *initial;   /* codewords [K, dim] to start from, borrowed for the call; or NULL */
    bool shrink;            /* codewords by empirical Bayes, see above */
    bool balance;           /* 20 more iterations, towards clusters of about equal size */
    bool allow_fewer;       /* with fewer distinct rows than K: lower K instead of failing */
    uint64_t seed;
    uint64_t reserved[8]; /* zero */
} semid_kmeans_params;

/* K = 256, 100 iterations, tol 1e-4, k-means++, no shrinkage, seed 42. */
SEMID_API semid_kmeans_params semid_kmeans_params_default(void);

typedef struct semid_kmeans_report {
    size_t n_codewords; /* K, or fewer with allow_fewer */
    size_t n_iters;
    double mean_error; /* mean squared distance of a row to its codeword */
    uint64_t reserved[8];
} semid_kmeans_report;

/*
 * Cluster x [n, dim]. codewords [K, dim] and codes [n] are the caller's and hold the result: each
 * code is the codeword nearest to its row (ties: the lowest index). codes and report may be NULL.
 * All are written only on success. An empty cluster takes over the farthest row of the largest one.
 * SEMID_ERR_ARGUMENT (a parameter out of range), SEMID_ERR_DATA (NaN or Inf; fewer distinct rows
 * than K), SEMID_ERR_UNSUPPORTED (n >= 2^32, or dim > 32768), SEMID_ERR_NO_MEMORY,
 * SEMID_ERR_INTERRUPTED.
 * Numerics: distances in float32, sums of rows in float64.
 * Cost: 2*n*K*dim operations per iteration; O(n + K*dim) memory besides x.
 */
SEMID_API semid_status semid_kmeans_fit(semid_context *context, const float *x, size_t n,
                                        size_t dim, const semid_kmeans_params *params,
                                        float *codewords, int32_t *codes,
                                        semid_kmeans_report *report, semid_error *err);

/*
 * The same codewords and codes, to the bit, from rows that need not fit into memory: they are read
 * in blocks of 16 MB, once per iteration and a few times more. What `read` returns is passed on.
 * Memory: the sample that k-means++ starts on (64 rows per codeword), 12 bytes per row (20 with
 * SEMID_KMEANS_RANDOM), O(K*dim).
 */
SEMID_API semid_status semid_kmeans_fit_rows(semid_context *context, const semid_rows *rows,
                                             size_t dim, const semid_kmeans_params *params,
                                             float *codewords, int32_t *codes,
                                             semid_kmeans_report *report, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
