/* Rows are read from the caller whenever a residual is needed, and never kept as a whole: a
 * catalogue may be larger than memory, and only rows of prefixes that are too full or in which
 * codes collide are looked at. A residual is computed level by level in the order in which encoding
 * subtracted the codewords, so that it has the same bits. */
#include "assign/unique_state.h"

#include "base/memory.h"
#include "kernels/kernels.h"

size_t unique_capacity(size_t n_codewords, size_t n_levels) {
    size_t n = 1;
    for (size_t l = 0; l < n_levels; l++)
        if (!size_mul(n, n_codewords, &n)) return SIZE_MAX;
    return n;
}

semid_status unique_residual(const unique_state *u, size_t row, size_t n_levels, float *out,
                             semid_error *err) {
    TRY(u->rows->read(u->rows->user, row, 1, out, err));
    for (size_t l = 0; l < n_levels; l++) {
        size_t code = (size_t)u->codes[row * u->n_levels + l];
        kernels()->sub_f32(out, semid_codebook_level(u->cb, l) + code * u->dim, u->dim);
    }
    return SEMID_OK;
}
