/* codebook/beam.h - beam search over the levels of a codebook, see semid_encode_beam. */
#ifndef CODEBOOK_BEAM_H
#define CODEBOOK_BEAM_H

#include "semid/codebook.h"

/* A codebook prepared for beams of `width` >= 2, with room for its workers; cb must outlive it. */
typedef struct beam beam;

semid_status beam_new(beam **out, const semid_codebook *cb, size_t width, semid_error *err);
void beam_free(beam *b);

/* Finite rows x [n, dim] -> codes [n, L], and if `errors` is not NULL the squared norms of what is
 * left over after each level [n, L]. */
void beam_encode(const beam *b, const float *x, size_t n, int32_t *codes, float *errors);

#endif
