/* kmeans/rqkmeans.h - k-means level by level, on the residuals of the levels before. */
#ifndef KMEANS_RQKMEANS_H
#define KMEANS_RQKMEANS_H

#include "codebook/row_source.h"
#include "semid/rqkmeans.h"

/* semid_rqkmeans_fit for rows that were checked (kmeans_check), into codewords [L, K, dim]. x: the
 * rows where they are in memory, then overwritten by their residuals, and codes is [n]; NULL where
 * they are read, and codes is [L, n], to which `rows` refers. */
semid_status rqkmeans_fit_levels(row_source *rows, float *x, const semid_rqkmeans_params *params,
                                 float *codewords, int32_t *codes, double *level_errors,
                                 semid_error *err);

/* Subtract from rows x [n, dim] their codewords: codes [n] are indices into codewords [K, dim]. */
void rqkmeans_subtract(float *x, size_t n, size_t dim, const float *codewords,
                       const int32_t *codes);

#endif
