/* codebook/codebook.h - what the library needs of a codebook besides semid/codebook.h. */
#ifndef CODEBOOK_CODEBOOK_H
#define CODEBOOK_CODEBOOK_H

#include "codebook/nearest.h"
#include "semid/codebook.h"

/* The searches of all levels, [L], borrowed. */
const nearest *const *codebook_searches(const semid_codebook *cb);

/* Does encoding make shortlists (nearest.h)? */
bool codebook_makes_lists(const semid_codebook *cb);

/* Squared norms of the residuals that given codes [n, L] leave after each level: errors [n, L]. */
void codebook_errors(const semid_codebook *cb, const float *x, size_t n, const int32_t *codes,
                     float *errors);

#endif
