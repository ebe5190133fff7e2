/* assign/unique.h - semid_assign_unique for callers inside the library, who know more about the
 * codes than the codes themselves. */
#ifndef ASSIGN_UNIQUE_H
#define ASSIGN_UNIQUE_H

#include "assign/unique_match.h" /* UNIQUE_DENSE_ROWS */
#include "codebook/shortlist.h"
#include "semid/assign.h"

/* Are there codes for so many rows? SEMID_ERR_DATA with the numbers if not. */
semid_status unique_check_rows(size_t n_rows, size_t n_levels, size_t n_codewords,
                               semid_error *err);

/* semid_assign_unique for codes made with prices [L, K], or without (NULL). lists of n_rows rows,
 * or NULL: those of codes made without prices. errors [n_rows, L], or NULL: squared errors after
 * each level, as nearest_find_residual leaves them. Lists and errors of rows that move are updated.
 */
semid_status unique_assign(const semid_codebook *cb, const semid_rows *rows, const float *prices,
                           int32_t *codes, const shortlists *lists, float *errors,
                           semid_unique_report *report, semid_error *err);

#endif
