/* codebook/beam.h - beam search over the levels of a codebook, see semid_encode_beam. */
#ifndef CODEBOOK_BEAM_H
#define CODEBOOK_BEAM_H

#include "semid/codebook.h"

/* A codebook prepared for beams of one width, and workspaces. The codebook must outlive it. Threads
 * share it, each with another workspace. */
typedef struct beam beam;

/* width >= 2. */
semid_status beam_new(beam **out, const semid_codebook *cb, size_t width, size_t n_workspaces,
                      semid_error *err);
void beam_free(beam *b);

/* Finite rows x [n, dim] -> codes [n, L], and if `errors` is not NULL the squared norms of the
 * residuals after each level [n, L]. In parallel: needs a workspace per thread (threads_get). */
void beam_encode(const beam *b, const float *x, size_t n, int32_t *codes, float *errors);

/* The same for at most beam_block_rows rows, on the calling thread with the workspace that is
 * given. */
size_t beam_block_rows(const beam *b);
void beam_search(const beam *b, size_t workspace, const float *x, size_t n, int32_t *codes,
                 float *errors);

#endif
