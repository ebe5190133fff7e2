/* kmeans/clusters.h - the rows of each codeword: how many, which, and their sum.
 *
 * Sums are the same bits at any number of threads, and whether rows come all at once or block by
 * block. */
#ifndef KMEANS_CLUSTERS_H
#define KMEANS_CLUSTERS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct clusters {
    size_t n_codewords, dim, max_rows;
    uint32_t *counts; /* [n_codewords] */
    size_t *starts;   /* [n_codewords + 1] into order */
    uint32_t *order;  /* [max_rows] rows by code, then by row */
    double *sums;     /* [n_codewords, dim] */
} clusters;

/* For up to max_rows rows. SEMID_ERR_UNSUPPORTED if max_rows >= 2^32. */
semid_status clusters_init(clusters *c, size_t n_codewords, size_t dim, size_t max_rows,
                           semid_error *err);
void clusters_release(clusters *c);

/* No rows: counts and sums are 0. */
void clusters_clear(clusters *c);
/* Add rows x [n, dim] to counts and sums; n <= max_rows. */
void clusters_add(clusters *c, const int32_t *codes, const float *x, size_t n);
/* Fill starts and order from codes [n], each in [0, n_codewords); n <= max_rows. */
void clusters_sort(clusters *c, const int32_t *codes, size_t n);

#endif
