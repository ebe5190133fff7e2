/*
 * semid/rqkmeans.h - residual quantization by k-means: each level clusters the residuals that the
 * levels before it leave. Threads and results: as in kmeans.h; threads may share `init`.
 */
#ifndef SEMID_RQKMEANS_H
#define SEMID_RQKMEANS_H

#include "semid/codebook.h"
#include "semid/context.h"
#include "semid/kmeans.h"
#include "semid/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_rqkmeans_params {
    size_t n_levels;            /* L >= 1 */
    semid_kmeans_params kmeans; /* of each level; `initial` is not used */
    const semid_codebook *init; /* codewords to start from, with the same L and K; or NULL */
    uint64_t reserved[8];       /* zero */
} semid_rqkmeans_params;

/* L = 4, k-means with its default parameters. */
SEMID_API semid_rqkmeans_params semid_rqkmeans_params_default(void);

/*
 * Train a codebook on x [n, dim]. x is overwritten: on return it holds the residuals after the last
 * level, so that no second copy is needed. *out is the caller's, released with semid_codebook_free.
 * level_errors, [L] or NULL: mean squared norm of the residuals after each level.
 *
 * With fewer distinct rows than K: SEMID_ERR_DATA, or with kmeans.allow_fewer a codebook whose K is
 * that number at every level. Deeper levels may have fewer distinct residuals than K; their spare
 * codewords repeat the first one and are never chosen.
 * SEMID_ERR_SHAPE (`init` has another shape). Other statuses, numerics: as semid_kmeans_fit.
 * Cost: L times that of k-means.
 */
SEMID_API semid_status semid_rqkmeans_fit(semid_context *context, semid_codebook **out, float *x,
                                          size_t n, size_t dim, const semid_rqkmeans_params *params,
                                          double *level_errors, semid_error *err);

/*
 * The same codebook, to the bit, from rows that need not fit into memory: they are read in blocks
 * of 16 MB, once per iteration and a few times more. What `read` returns is passed on.
 * Memory: the sample that a level starts on (64 rows per codeword), 8 + 4 L bytes per row.
 */
SEMID_API semid_status semid_rqkmeans_fit_rows(semid_context *context, semid_codebook **out,
                                               const semid_rows *rows, size_t dim,
                                               const semid_rqkmeans_params *params,
                                               double *level_errors, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
