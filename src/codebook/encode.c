#include "codebook/encode.h"

#include "base/context.h"
#include "base/finite.h"
#include "base/threads.h"
#include "codebook/beam.h"

/* Vectors to codes. Greedy encoding is one call of the searches that the codebook has prepared
 * (nearest.c) and allocates nothing. A beam needs its own packed copy of the codewords and room
 * per thread (beam.c), which semid_encode_beam makes for the call; who calls often keeps them in a
 * semid_encoder (encoder.c). */

void encode_greedy(const semid_codebook *cb, const float *x, size_t n, int32_t *codes,
                   float *errors, const shortlists *lists) {
    nearest_find_residual(codebook_searches(cb), semid_codebook_levels(cb), x, n, codes, errors,
                          lists);
}

semid_status encode_check_rows(const float *x, size_t n, size_t dim, semid_error *err) {
    size_t bad, n_bad = rows_not_finite(x, n, dim, &bad);
    if (n_bad > 0)
        FAIL(SEMID_ERR_DATA,
             "vectors: expected finite numbers, found NaN or Inf in %zu rows, first in row %zu",
             n_bad, bad);
    return SEMID_OK;
}

semid_status semid_encode(semid_context *context, const semid_codebook *cb, const float *x,
                          size_t n, int32_t *codes, semid_error *err) {
    TRY(encode_check_rows(x, n, semid_codebook_dim(cb), err));

    context_scope outer = context_enter(context);
    encode_greedy(cb, x, n, codes, NULL, NULL);
    context_leave(outer);
    return SEMID_OK;
}

semid_status semid_encode_beam(semid_context *context, const semid_codebook *cb, const float *x,
                               size_t n, size_t width, int32_t *codes, semid_error *err) {
    if (width == 0 || width > SEMID_BEAM_MAX)
        FAIL(SEMID_ERR_ARGUMENT, "beam: expected a width of 1 to %d, found %zu", SEMID_BEAM_MAX,
             width);
    if (width == 1) return semid_encode(context, cb, x, n, codes, err);
    TRY(encode_check_rows(x, n, semid_codebook_dim(cb), err));

    context_scope outer = context_enter(context);
    beam *b;
    semid_status status = beam_new(&b, cb, width, (size_t)threads_get(), err);
    if (status == SEMID_OK) {
        beam_encode(b, x, n, codes, NULL);
        beam_free(b);
    }
    context_leave(outer);
    return status;
}
