/* codebook/nearest.h - the nearest codeword of each row: the inner loop of training and encoding.
 *
 * argmin_k |x - c_k|^2 with ties to the lowest index, never holding an [n, K] matrix. The result is
 * that of float32 arithmetic in a fixed order (kernels.h, codeword_panels): a row's code depends on
 * the row and the codewords alone, not on the batch or the number of threads. Callers check that
 * rows hold no NaN or Inf. */
#ifndef CODEBOOK_NEAREST_H
#define CODEBOOK_NEAREST_H

#include "base/error.h"
#include "codebook/shortlist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NEAREST_MAX_DIM = 32768 };

/* A set of codewords prepared for searching: packed copy and squared norms. May be set again when
 * the codewords have changed. */
typedef struct nearest nearest;

/* SEMID_ERR_UNSUPPORTED if dim > NEAREST_MAX_DIM, SEMID_ERR_ARGUMENT if a size is 0. */
semid_status nearest_new(nearest **out, size_t n_codewords, size_t dim, semid_error *err);
/* Never screens (screen.h); the codes are the same. For tests and benchmarks. */
semid_status nearest_new_plain(nearest **out, size_t n_codewords, size_t dim, semid_error *err);
/* codewords [n_codewords, dim], copied. */
void nearest_set(nearest *s, const float *codewords);
/* The same with `bias` [n_codewords] added to the squared distances when they are compared: prices
 * of codewords, +inf for those that may not be taken. Distances that are returned are without it.
 * At least one bias is finite. */
void nearest_set_biased(nearest *s, const float *codewords, const float *bias);
/* Other biases, for the codewords that were set: as if set again with these, but without packing.
 */
void nearest_set_bias(nearest *s, const float *bias);
void nearest_free(nearest *s);

/* x [n, dim] -> codes [n], and if `distances` is not NULL the squared distances [n] (>= 0).
 * Parallel over fixed chunks of rows; x need not be aligned. */
void nearest_find(const nearest *s, const float *x, size_t n, int32_t *codes, float *distances);

/* The same through several levels of equal shape, each quantizing the residuals of the one
 * before: codes [n, n_levels], and if `errors` is not NULL the squared residual norms after each
 * level [n, n_levels], and if `lists` is not NULL shortlists of the last level [n]; gaps only
 * together with errors. Reads x once. */
void nearest_find_residual(const nearest *const *levels, size_t n_levels, const float *x, size_t n,
                           int32_t *codes, float *errors, const shortlists *lists);

/* Does a search fill shortlists? Only screened ones do, of at most 2^16 codewords. */
bool nearest_makes_lists(const nearest *s);

#endif
