#include "assign/unique.h"

#include "base/memory.h"
#include "kernels/kernels.h"

semid_status unique_residual(const unique *u, size_t row, size_t n_levels, float *out,
                             semid_error *err) {
    TRY(u->source->read(u->source->user, row, 1, out, err));
    for (size_t l = 0; l < n_levels; l++) {
        size_t code = (size_t)u->codes[row * u->n_levels + l];
        kernels()->sub_f32(out, semid_codebook_level(u->cb, l) + code * u->dim, u->dim);
    }
    return SEMID_OK;
}

size_t unique_codes_below(size_t n_codewords, size_t n_levels) {
    size_t n = 1;
    for (size_t l = 0; l < n_levels; l++)
        if (!size_mul(n, n_codewords, &n)) return SIZE_MAX;
    return n;
}

semid_status unique_check_rows(size_t n_rows, size_t n_levels, size_t n_codewords,
                               semid_error *err) {
    size_t most = unique_codes_below(n_codewords, n_levels);
    if (n_rows > most)
        FAIL(SEMID_ERR_DATA,
             "expected at most K^L = %zu^%zu = %zu rows for distinct codes, found %zu", n_codewords,
             n_levels, most, n_rows);
    return SEMID_OK;
}

static semid_status check(const unique *u, semid_error *err) {
    size_t n = u->source->n_rows;
    TRY(unique_check_rows(n, u->n_levels, u->n_codewords, err));
    for (size_t i = 0; i < n * u->n_levels; i++)
        if (u->codes[i] < 0 || (size_t)u->codes[i] >= u->n_codewords)
            FAIL(SEMID_ERR_DATA, "row %zu, level %zu: expected a code under K = %zu, found %d",
                 i / u->n_levels, i % u->n_levels, u->n_codewords, (int)u->codes[i]);
    return SEMID_OK;
}

static void count_moved(const unique *u, semid_unique_report *report) {
    *report = (semid_unique_report){0};
    for (size_t i = 0; i < u->source->n_rows; i++) {
        report->n_moved += u->moved[i] > 0;
        report->n_spilled += u->moved[i] > 1;
    }
}

semid_status unique_assign(const semid_codebook *cb, const semid_rows *rows, const float *prices,
                           int32_t *codes, const shortlists *lists, float *errors,
                           semid_unique_report *report, semid_error *err) {
    semid_status status;
    unique u = {.cb = cb,
                .source = rows,
                .n_levels = semid_codebook_levels(cb),
                .n_codewords = semid_codebook_codewords(cb),
                .dim = semid_codebook_dim(cb),
                .prices = prices,
                .codes = codes,
                .lists = lists ? lists->of_row : NULL,
                .gaps = lists ? lists->gaps : NULL,
                .errors = errors};
    TRY(check(&u, err));
    TRY_GOTO(code_order_init(&u.order, codes, rows->n_rows, u.n_levels, u.n_codewords, err));
    TRY_GOTO(mem_calloc(&u.moved, rows->n_rows, sizeof *u.moved, err));
    code_order_sort(&u.order);
    for (size_t level = 0; level + 1 < u.n_levels; level++) TRY_GOTO(unique_spill(&u, level, err));
    TRY_GOTO(unique_match(&u, err));
    if (report) count_moved(&u, report);
done:
    code_order_release(&u.order);
    mem_free(u.moved);
    return status;
}

semid_status semid_assign_unique(const semid_codebook *cb, const semid_rows *rows, int32_t *codes,
                                 semid_unique_report *report, semid_error *err) {
    TRY(check_reserved(rows->reserved, sizeof rows->reserved, err));
    return unique_assign(cb, rows, NULL, codes, NULL, NULL, report, err);
}
