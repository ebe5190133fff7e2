/*
 * semid/codebook.h - trained codewords, and turning vectors into codes with them.
 *
 * A codebook has L levels of K codewords of dimension d. With L = 1 and a 2-D array in the file it
 * is a plain vector quantizer (VQ), otherwise a residual quantizer (RQ): level l quantizes the
 * residuals that the levels before it leave.
 *
 * Threads: a codebook is read-only once it is made. Any number of threads may encode and decode
 * with it at the same time. Codes do not depend on the number of threads.
 */
#ifndef SEMID_CODEBOOK_H
#define SEMID_CODEBOOK_H

#include "semid/context.h"
#include "semid/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_codebook semid_codebook;

/* ---- making, loading and saving ---- */

/*
 * Make a codebook from codewords [n_levels, n_codewords, dim], which are copied. vq: it is saved as
 * [K,d]; needs n_levels = 1. *out is the caller's, released with semid_codebook_free.
 * SEMID_ERR_SHAPE (a size is 0 or too large), SEMID_ERR_DATA (NaN or Inf), SEMID_ERR_UNSUPPORTED
 * (d > 32768), SEMID_ERR_NO_MEMORY.
 * Cost: packs the codewords for searching; memory: twice that of the codewords.
 */
SEMID_API semid_status semid_codebook_new(semid_context *context, semid_codebook **out,
                                          size_t n_levels, size_t n_codewords, size_t dim, bool vq,
                                          const float *codewords, semid_error *err);

/*
 * Read `codebooks.npz`: array "codebooks", [L,K,d] for RQ or [K,d] for VQ, in float16, float32 or
 * float64. SEMID_ERR_IO, SEMID_ERR_FORMAT, and as semid_codebook_new.
 */
SEMID_API semid_status semid_codebook_load(semid_context *context, semid_codebook **out,
                                           const char *path, semid_error *err);

/* The same from the bytes of such a file, which are not needed afterwards. */
SEMID_API semid_status semid_codebook_load_memory(semid_context *context, semid_codebook **out,
                                                  const void *bytes, size_t n_bytes,
                                                  semid_error *err);

/* Write `codebooks.npz` in float32, completely or not at all. SEMID_ERR_IO, SEMID_ERR_NO_MEMORY. */
SEMID_API semid_status semid_codebook_save(const semid_codebook *cb, const char *path,
                                           semid_error *err);

/* The bytes that semid_codebook_save writes; release *bytes with semid_free. SEMID_ERR_NO_MEMORY.
 */
SEMID_API semid_status semid_codebook_save_memory(const semid_codebook *cb, void **bytes,
                                                  size_t *n_bytes, semid_error *err);

SEMID_API size_t semid_codebook_levels(const semid_codebook *cb);
SEMID_API size_t semid_codebook_codewords(const semid_codebook *cb); /* K, per level */
SEMID_API size_t semid_codebook_dim(const semid_codebook *cb);
SEMID_API bool semid_codebook_is_vq(const semid_codebook *cb);
/* Codewords of a level, [K,d], borrowed. */
SEMID_API const float *semid_codebook_level(const semid_codebook *cb, size_t level);
SEMID_API void semid_codebook_free(semid_codebook *cb);

/* ---- encoding and decoding; for many small requests see encoder.h ---- */

/*
 * Greedy residual encoding: x [n, d] -> codes [n, L]. Each level takes the codeword nearest to the
 * residual (squared Euclidean distance, ties to the lowest index) and subtracts it.
 * SEMID_ERR_DATA if a row holds NaN or Inf, naming the first; no other failure.
 * A row's codes depend on the row and the codebook alone, to the last bit, on any CPU of the same
 * instruction set. Cost: at most 2 n L K d floating-point operations; allocates nothing.
 */
SEMID_API semid_status semid_encode(semid_context *context, const semid_codebook *cb,
                                    const float *x, size_t n, int32_t *codes, semid_error *err);

enum { SEMID_BEAM_MAX = 1024 };

/*
 * The same with a beam: each level keeps the `width` prefixes (partial codes) with the least
 * squared distance |x - sum of their codewords|^2 (ties: the lexicographically lowest); of those
 * at the last level the nearest is taken. Width 1 is semid_encode, bit for bit; wider beams find
 * codes of less error.
 * SEMID_ERR_ARGUMENT for a width outside 1..SEMID_BEAM_MAX, SEMID_ERR_NO_MEMORY, and as
 * semid_encode.
 * Cost: about `width` times that of semid_encode; memory: a copy of the codebook and, per thread,
 * max(width, 96) * (K + 2 d) floats.
 */
SEMID_API semid_status semid_encode_beam(semid_context *context, const semid_codebook *cb,
                                         const float *x, size_t n, size_t width, int32_t *codes,
                                         semid_error *err);

/* Sums of the chosen codewords: codes [n, L] -> x [n, d]. SEMID_ERR_DATA if a value is not in
 * [0,K). */
SEMID_API semid_status semid_decode(semid_context *context, const semid_codebook *cb,
                                    const int32_t *codes, size_t n, float *x, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
