/* codebook/scores.h - the score |c|^2 - 2 x.c of rows against every codeword of a set, for what
 * needs more than the nearest one. The squared distance is the score plus |x|^2. A row's scores
 * depend on the row and the codewords alone, not on the rows they are computed with. */
#ifndef CODEBOOK_SCORES_H
#define CODEBOOK_SCORES_H

#include "base/error.h"

#include <stddef.h>

typedef struct scores scores;

/* codewords [n_codewords, dim], copied. */
semid_status scores_new(scores **out, const float *codewords, size_t n_codewords, size_t dim,
                        semid_error *err);
void scores_free(scores *s);

/* Floats per row of scores: n_codewords rounded up. */
size_t scores_stride(const scores *s);

/* |c|^2 of the codewords, [stride], +inf after the last codeword. */
const float *scores_norms(const scores *s);

/* x [n, dim] -> out [n, stride], +inf after the last codeword. On the calling thread. */
void scores_measure(const scores *s, const float *x, size_t n, float *out);

#endif
