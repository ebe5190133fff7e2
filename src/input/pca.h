/* input/pca.h - principal components: a linear map from vectors to fewer dimensions, and back. */
#ifndef INPUT_PCA_H
#define INPUT_PCA_H

#include "base/error.h"
#include "codebook/row_source.h"
#include "semid/model.h"

#include <stdbool.h>
#include <stddef.h>

/* The n_out directions along which the rows vary most, as a model of one layer without ReLU:
 * z = V (x - mean), y = mean + V^T z. whiten: each coordinate is divided by its standard deviation
 * (with n - 1), and multiplied by it on the way back. The largest number of each direction is
 * positive. *kept_ratio: their share of the variance.
 *
 * SEMID_ERR_SHAPE if n_out > dim; SEMID_ERR_DATA if the rows are to be whitened and vary along
 * fewer than n_out directions. Cost: n dim^2 operations and about 9 dim^3 on one thread; rows are
 * read twice; memory: 4 dim^2 doubles. The same bits whether rows are in memory or read. */
semid_status pca_fit(semid_model **out, const row_source *rows, size_t n_out, bool whiten,
                     double *kept_ratio, semid_error *err);

#endif
