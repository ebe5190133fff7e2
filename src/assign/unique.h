/* assign/unique.h - the parts of semid_assign_unique: making room at the levels above, and matching
 * rows with codewords at the last one. */
#ifndef ASSIGN_UNIQUE_H
#define ASSIGN_UNIQUE_H

#include "codebook/code_order.h"
#include "codebook/shortlist.h"
#include "semid/assign.h"

/* Prefixes of so many rows are dense: the rows compete for so many columns that shortlists would
 * not do, and all costs are measured at once. */
enum { UNIQUE_DENSE_ROWS = 96 };

typedef struct unique {
    const semid_codebook *cb;
    const semid_rows *source;
    size_t n_levels, n_codewords, dim;
    const float *prices; /* [n_levels, n_codewords] added to squared errors, or NULL */
    int32_t *codes;      /* [n_rows, n_levels] */
    shortlist *lists;    /* [n_rows] of the last level, without prices; or NULL */
    float *gaps;         /* [n_rows] of the level before it (shortlist.h), or NULL */
    float *errors; /* [n_rows, n_levels] squared errors after each level, kept true; or NULL */
    code_order order;
    uint8_t *moved; /* [n_rows] 1: other last code, 2: left its prefix */
} unique;

/* K^n, or SIZE_MAX where it is more than that. */
size_t unique_codes_below(size_t n_codewords, size_t n_levels);

/* Are there codes for so many rows? SEMID_ERR_DATA with the numbers if not. */
semid_status unique_check_rows(size_t n_rows, size_t n_levels, size_t n_codewords,
                               semid_error *err);

/* semid_assign_unique for codes made with prices, or without (NULL). lists of n_rows rows, or
 * NULL: those of codes made without prices. errors [n_rows, n_levels], or NULL: squared errors
 * after each level, as nearest_find_residual leaves them. Lists and errors of rows that move
 * follow. */
semid_status unique_assign(const semid_codebook *cb, const semid_rows *rows, const float *prices,
                           int32_t *codes, const shortlists *lists, float *errors,
                           semid_unique_report *report, semid_error *err);

/* What the first n_levels codes of a row leave over. */
semid_status unique_residual(const unique *u, size_t row, size_t n_levels, float *out,
                             semid_error *err);

/* Make room at one level: afterwards no codeword of the level holds more rows of a prefix than
 * there are codes below it. Deeper codes of rows that moved are greedy. Rows are sorted before and
 * afterwards, and no prefix holds more rows than there are codes below it. */
semid_status unique_spill(unique *u, size_t level, semid_error *err);

/* Distinct last codes within each prefix; rows are sorted, no prefix holds more than K rows. */
semid_status unique_match(unique *u, semid_error *err);

#endif
