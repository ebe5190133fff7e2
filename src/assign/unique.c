/* Distinct codes for all rows, at little more error than the nearest codewords have.
 *
 * Codes form a tree with K branches per level, and a node at level l has space for K^(L-1-l) rows.
 * The codes of least error would be an assignment of n rows to K^L leaves, too large a problem; two
 * stages come close to it:
 *   1. unique_spill, top down, level by level: a node that holds too many rows gives up those that
 *      lose least. Afterwards every prefix of L-1 codes holds at most K rows.
 *   2. unique_match: within each prefix, rows and last codewords are matched at the least sum of
 *      errors, which is exact (the assignment problem).
 * Both look at nothing but prefixes that are too full or in which codes collide: few of them, with
 * the usual shapes. Rows are kept in the order of their codes, so that a prefix is a run of rows.
 */
#include "assign/unique.h"

#include "assign/unique_match.h"
#include "assign/unique_spill.h"
#include "assign/unique_state.h"
#include "base/context.h"
#include "base/memory.h"

semid_status unique_check_rows(size_t n_rows, size_t n_levels, size_t n_codewords,
                               semid_error *err) {
    size_t most = unique_capacity(n_codewords, n_levels);
    if (n_rows > most)
        FAIL(SEMID_ERR_DATA,
             "expected at most K^L = %zu^%zu = %zu rows for distinct codes, found %zu", n_codewords,
             n_levels, most, n_rows);
    return SEMID_OK;
}

semid_status unique_assign(const semid_codebook *cb, const semid_rows *rows, const float *prices,
                           int32_t *codes, const shortlists *lists, float *errors,
                           semid_unique_report *report, semid_error *err) {
    semid_status status;
    size_t n_rows = rows->n_rows;
    unique_state u = {.cb = cb,
                      .rows = rows,
                      .n_levels = semid_codebook_levels(cb),
                      .n_codewords = semid_codebook_codewords(cb),
                      .dim = semid_codebook_dim(cb),
                      .prices = prices,
                      .codes = codes,
                      .lists = lists ? lists->of_row : NULL,
                      .gaps = lists ? lists->gaps : NULL,
                      .errors = errors};

    TRY(unique_check_rows(n_rows, u.n_levels, u.n_codewords, err));
    for (size_t i = 0; i < n_rows * u.n_levels; i++)
        if (codes[i] < 0 || (size_t)codes[i] >= u.n_codewords)
            FAIL(SEMID_ERR_DATA, "row %zu, level %zu: expected a code under K = %zu, found %d",
                 i / u.n_levels, i % u.n_levels, u.n_codewords, (int)codes[i]);

    TRY_GOTO(code_order_init(&u.order, codes, n_rows, u.n_levels, u.n_codewords, err));
    TRY_GOTO(mem_calloc(&u.moved, n_rows, sizeof *u.moved, err));

    /* unique_spill sorts again where it moved rows. */
    code_order_sort(&u.order);
    for (size_t level = 0; level + 1 < u.n_levels; level++) TRY_GOTO(unique_spill(&u, level, err));
    TRY_GOTO(unique_match(&u, err));

    if (report) {
        *report = (semid_unique_report){0};
        for (size_t i = 0; i < n_rows; i++) {
            report->n_moved += u.moved[i] != ROW_KEPT;
            report->n_spilled += u.moved[i] == ROW_SPILLED;
        }
    }
done:
    code_order_release(&u.order);
    mem_free(u.moved);
    return status;
}

semid_status semid_assign_unique(semid_context *context, const semid_codebook *cb,
                                 const semid_rows *rows, int32_t *codes,
                                 semid_unique_report *report, semid_error *err) {
    TRY(check_reserved(rows->reserved, sizeof rows->reserved, err));
    context_scope outer = context_enter(context);
    semid_status status = unique_assign(cb, rows, NULL, codes, NULL, NULL, report, err);
    context_leave(outer);
    return status;
}
