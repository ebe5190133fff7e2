/* kmeans/rqkmeans.h - k-means level by level, on what the levels before leave over. */
#ifndef KMEANS_RQKMEANS_H
#define KMEANS_RQKMEANS_H

#include "codebook/row_source.h"
#include "semid/rqkmeans.h"

/* Codewords [L, K, dim], for rows that have been checked. x: the rows where they are in memory,
 * then left holding the residuals, and codes is [n]; NULL where they are read, and codes is [L, n].
 */
semid_status rqkmeans_fit_levels(row_source *rows, float *x, const semid_rqkmeans_params *params,
                                 float *codewords, int32_t *codes, double *level_errors,
                                 semid_error *err);

#endif
