/* codebook/encode.h - greedy encoding for callers inside the library, see semid_encode. */
#ifndef CODEBOOK_ENCODE_H
#define CODEBOOK_ENCODE_H

#include "codebook/codebook.h"

/* semid_encode in the current context, for rows known to be finite. `errors`, [n, L] or NULL, gets
 * the squared norms of the residuals after each level, `lists`, or NULL, shortlists of the last
 * level and more (shortlist.h). */
void encode_greedy(const semid_codebook *cb, const float *x, size_t n, int32_t *codes,
                   float *errors, const shortlists *lists);

/* SEMID_ERR_DATA if a number of x [n, dim] is NaN or Inf. */
semid_status encode_check_rows(const float *x, size_t n, size_t dim, semid_error *err);

#endif
