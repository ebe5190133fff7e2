/* learn/ema_start.h - the first codewords of moving-average training. */
#ifndef LEARN_EMA_START_H
#define LEARN_EMA_START_H

#include "base/error.h"
#include "semid/codebook.h"

/* Brief k-means, level by level, on x [n, dim], which is left holding the residuals. Codewords that
 * the data have no distinct rows for repeat the first one. */
semid_status ema_start_kmeans(semid_codebook **out, size_t n_levels, size_t n_codewords, float *x,
                              size_t n, size_t dim, uint64_t seed, semid_error *err);

#endif
