/* codebook/codebook.h - what the steps need of a codebook besides semid/codebook.h. */
#ifndef CODEBOOK_CODEBOOK_H
#define CODEBOOK_CODEBOOK_H

#include "codebook/nearest.h"
#include "semid/codebook.h"

/* semid_encode for rows known to be finite; `errors`, [n, L] or NULL, gets the squared norms of
 * what is left over after each level, `lists`, [n] or NULL, shortlists of the last level. */
void codebook_encode(const semid_codebook *cb, const float *x, size_t n, int32_t *codes,
                     float *errors, const shortlists *lists);

/* Are there shortlists (nearest.h)? */
bool codebook_makes_lists(const semid_codebook *cb);

/* What given codes [n, L] leave over: squared norms after each level, errors [n, L]. */
void codebook_errors(const semid_codebook *cb, const float *x, size_t n, const int32_t *codes,
                     float *errors);

/* The searches of all levels, [L], borrowed. */
const nearest *const *codebook_searches(const semid_codebook *cb);

#endif
