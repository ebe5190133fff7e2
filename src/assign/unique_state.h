/* assign/unique_state.h - the codes that semid_assign_unique is making distinct: what its two
 * stages (unique_spill.h, unique_match.h) share. */
#ifndef ASSIGN_UNIQUE_STATE_H
#define ASSIGN_UNIQUE_STATE_H

#include "codebook/code_order.h"
#include "codebook/shortlist.h"
#include "semid/assign.h"

/* What became of a row. */
enum { ROW_KEPT, ROW_MOVED /* to another last code */, ROW_SPILLED /* to another prefix */ };

typedef struct unique_state {
    const semid_codebook *cb;
    const semid_rows *rows;
    size_t n_levels, n_codewords, dim;
    const float *prices; /* [n_levels, n_codewords] added to squared errors, or NULL */
    int32_t *codes;      /* [n_rows, n_levels] */
    shortlist *lists;    /* [n_rows] of the last level, without prices; or NULL */
    float *gaps;         /* [n_rows] of the level before it (shortlist.h), or NULL */
    float *errors;       /* [n_rows, n_levels] squared errors after each level, or NULL */
    code_order order;    /* sorted by the codes at the start of a stage */
    uint8_t *moved;      /* [n_rows] ROW_KEPT, ROW_MOVED or ROW_SPILLED */
} unique_state;

/* K^n: the codes that n levels tell apart; SIZE_MAX where it is more than that. */
size_t unique_capacity(size_t n_codewords, size_t n_levels);

/* The residual of a row after the first n_levels of its codes. out: [dim] */
semid_status unique_residual(const unique_state *u, size_t row, size_t n_levels, float *out,
                             semid_error *err);

#endif
