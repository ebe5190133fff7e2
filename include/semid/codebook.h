/*
 * semid/codebook.h - trained codewords, and turning vectors into codes with them.
 *
 * A codebook has L levels of K codewords of dimension d. With L = 1 and a 2-D array in the file it
 * is a plain vector quantizer (VQ); else it is a residual quantizer (RQ): level l quantizes what
 * levels < l left over. A loaded codebook is read-only; encoding never changes it.
 */
#ifndef SEMID_CODEBOOK_H
#define SEMID_CODEBOOK_H

#include "semid/context.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_codebook semid_codebook;

/*
 * Read `codebooks.npz` (key "codebooks": [L,K,d] for RQ, [K,d] for VQ; float16, float32 or
 * float64).
 * *out is the caller's, released with semid_codebook_free.
 * SEMID_ERR_IO, SEMID_ERR_FORMAT, SEMID_ERR_SHAPE, SEMID_ERR_DATA (NaN), SEMID_ERR_UNSUPPORTED
 * (d > 32768), SEMID_ERR_NO_MEMORY.
 */
SEMID_API semid_status semid_codebook_load(semid_context *context, semid_codebook **out,
                                           const char *path, semid_error *err);

/*
 * Build one from codewords [n_levels, n_codewords, dim], which are copied.
 * vq: store as [K,d] (needs n_levels = 1).
 */
SEMID_API semid_status semid_codebook_new(semid_context *context, semid_codebook **out,
                                          size_t n_levels, size_t n_codewords, size_t dim, bool vq,
                                          const float *codewords, semid_error *err);

/* Write `codebooks.npz`, whole or not at all. */
SEMID_API semid_status semid_codebook_save(const semid_codebook *cb, const char *path,
                                           semid_error *err);

SEMID_API size_t semid_codebook_levels(const semid_codebook *cb);
SEMID_API size_t semid_codebook_codewords(const semid_codebook *cb);
SEMID_API size_t semid_codebook_dim(const semid_codebook *cb);
SEMID_API bool semid_codebook_is_vq(const semid_codebook *cb);
/* Codewords of a level, [K,d], borrowed. */
SEMID_API const float *semid_codebook_level(const semid_codebook *cb, size_t level);
SEMID_API void semid_codebook_free(semid_codebook *cb);

/*
 * Greedy residual encoding: x [n, d] -> codes [n, L]. Each level takes the nearest codeword
 * (squared Euclidean distance, ties to the lowest index) and subtracts it. SEMID_ERR_DATA if a row
 * holds NaN or Inf, naming the first; no other failure.
 * Threads: uses the library's; the codes are the same at any number.
 * Cost: 2*n*L*K*d floating-point operations, O(threads * block) memory.
 */
SEMID_API semid_status semid_encode(semid_context *context, const semid_codebook *cb,
                                    const float *x, size_t n, int32_t *codes, semid_error *err);

enum { SEMID_BEAM_MAX = 1024 };

/*
 * The same with a beam: after each level the `width` partial codes with the least squared distance
 * |x - sum of their codewords|^2 are kept (ties: the lexicographically lowest), and of the last
 * ones the nearest is taken. Width 1 is semid_encode, bit for bit; wider beams find codes of less
 * error. SEMID_ERR_ARGUMENT for a width outside 1..SEMID_BEAM_MAX, SEMID_ERR_NO_MEMORY, and as
 * semid_encode.
 * Cost: about `width` times that of semid_encode; memory: a copy of the codebook and, for each
 * thread, max(width, 96) * (K + 2 d) floats.
 */
SEMID_API semid_status semid_encode_beam(semid_context *context, const semid_codebook *cb,
                                         const float *x, size_t n, size_t width, int32_t *codes,
                                         semid_error *err);

/* Sum of the chosen codewords: codes [n, L] -> x [n, d]. SEMID_ERR_DATA if a code is not in [0,K).
 */
SEMID_API semid_status semid_decode(semid_context *context, const semid_codebook *cb,
                                    const int32_t *codes, size_t n, float *x, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
