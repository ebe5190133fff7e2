/*
 * semid/rqkmeans.h - residual quantization by k-means: level l clusters what levels < l left over.
 */
#ifndef SEMID_RQKMEANS_H
#define SEMID_RQKMEANS_H

#include "semid/codebook.h"
#include "semid/kmeans.h"
#include "semid/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_rqkmeans_params {
    size_t n_levels;            /* L >= 1 */
    semid_kmeans_params kmeans; /* of each level; `initial` is not used */
    const semid_codebook *init; /* codewords to start from, L and K as here, or NULL */
} semid_rqkmeans_params;

/* L = 4, k-means as by default. */
SEMID_API semid_rqkmeans_params semid_rqkmeans_params_default(void);

/*
 * Train a codebook on x [n, dim]. x is the working memory: on return it holds the residuals that
 * all levels left over, so that no second copy is ever needed. *out is the caller's.
 * level_errors, [L] or NULL: mean squared norm of the residuals after each level.
 *
 * With fewer distinct rows than K: SEMID_ERR_DATA, or with kmeans.allow_fewer a codebook whose K is
 * that number at every level. Deeper levels may see fewer distinct residuals than K; their spare
 * codewords repeat the first one and are never chosen.
 * Other statuses, threads, numerics: as semid_kmeans_fit. Cost: L times that of k-means.
 */
SEMID_API semid_status semid_rqkmeans_fit(semid_codebook **out, float *x, size_t n, size_t dim,
                                          const semid_rqkmeans_params *params, double *level_errors,
                                          semid_error *err);

/*
 * The same codebook, to the bit, from rows that need not fit into memory: they are read in blocks
 * of 16 MB, once for each iteration. Memory: the samples that levels start on (64 rows a codeword),
 * 8 + 4 L bytes a row. What `read` returns is passed on.
 */
SEMID_API semid_status semid_rqkmeans_fit_rows(semid_codebook **out, const semid_rows *rows,
                                               size_t dim, const semid_rqkmeans_params *params,
                                               double *level_errors, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
