/* quant/clusters.h - the rows of each codeword: how many, which, and their sum.
 *
 * Rows are sorted by code (stable) and every cluster is summed in row order in float64: the result
 * does not depend on the thread count. */
#ifndef QUANT_CLUSTERS_H
#define QUANT_CLUSTERS_H

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

/* Fill counts, starts and order from codes [n], each in [0, n_codewords); n <= max_rows. */
void clusters_sort(clusters *c, const int32_t *codes, size_t n);
/* After it: sums of the rows of x [n, dim] by code. */
void clusters_sum(clusters *c, const float *x);

#endif
