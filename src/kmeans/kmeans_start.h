/* kmeans/kmeans_start.h - the first codewords of k-means. */
#ifndef KMEANS_KMEANS_START_H
#define KMEANS_KMEANS_START_H

#include "codebook/row_source.h"

#include <stddef.h>
#include <stdint.h>

/* The number of distinct rows, counted no further than `enough`. */
semid_status kmeans_count_distinct(const row_source *from, size_t enough, size_t *out,
                                   semid_error *err);

/* K rows of x [n, dim] by greedy k-means++. Costs 32 K n dim operations, a quarter of that from
 * K = 3072 on. Once every row is a codeword the rest repeat the first. */
semid_status kmeans_start_plusplus(const float *x, size_t n, size_t dim, size_t n_codewords,
                                   uint64_t seed, float *codewords, semid_error *err);

/* K distinct rows, each set of K rows equally likely as far as rows are distinct; repeats the first
 * when there are fewer. */
semid_status kmeans_start_random(const row_source *from, size_t n_codewords, uint64_t seed,
                                 float *codewords, semid_error *err);

#endif
