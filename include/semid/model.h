/*
 * semid/model.h - networks before and after the quantizer (RQ-VAE as in TIGER, Rajput et al. 2023).
 *
 * An encoder maps a vector x to a latent z, the codebook quantizes z, and a decoder maps q, the sum
 * of the chosen codewords, back to a vector. Both are multilayer perceptrons with ReLU between
 * their layers. They work on scaled vectors, (x - mean) scale, so that training does not depend on
 * the unit of x:
 *
 *     z = encoder((x - mean) scale)        y = mean + decoder(q) / scale
 *
 * Without hidden layers both are linear: principal components (semid train --pca) are stored as
 * such a model.
 *
 * A model is stored as `model.safetensors` in the folder of its `codebooks.npz` [L,K,latent]. For
 * training see rqvae.h.
 *
 * Threads: a model is read-only once it is made. Any number of threads may use it at the same time.
 */
#ifndef SEMID_MODEL_H
#define SEMID_MODEL_H

#include "semid/codebook.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_model semid_model;

/* Hidden layers, and units of a layer. */
enum { SEMID_MODEL_MAX_HIDDEN = 15, SEMID_MODEL_MAX_WIDTH = 32768 };

/* ---- loading and saving ---- */

/*
 * Read `model.safetensors` (docs/formats.md). codebook: the one it must belong to, or NULL to leave
 * that unchecked. *out is the caller's, released with semid_model_free.
 * SEMID_ERR_IO, SEMID_ERR_FORMAT (not safetensors, missing or unknown tensors), SEMID_ERR_SHAPE,
 * SEMID_ERR_UNSUPPORTED (more than 16 layers), SEMID_ERR_DATA (NaN, or made for codebooks with
 * other codewords), SEMID_ERR_NO_MEMORY.
 */
SEMID_API semid_status semid_model_load(semid_context *context, semid_model **out, const char *path,
                                        const semid_codebook *codebook, semid_error *err);

/* The same from the bytes of such a file, which are not needed afterwards. */
SEMID_API semid_status semid_model_load_memory(semid_context *context, semid_model **out,
                                               const void *bytes, size_t n_bytes,
                                               const semid_codebook *codebook, semid_error *err);

/* The same for the model.safetensors in the folder of codebook_path; *out = NULL if there is none.
 */
SEMID_API semid_status semid_model_beside(semid_context *context, semid_model **out,
                                          const char *codebook_path, const semid_codebook *codebook,
                                          semid_error *err);

/* Write it, completely or not at all, with the checksum of the codebook that it belongs to.
 * SEMID_ERR_IO, SEMID_ERR_NO_MEMORY. */
SEMID_API semid_status semid_model_save(const semid_model *model, const char *path,
                                        const semid_codebook *codebook, semid_error *err);

/* The bytes that semid_model_save writes; release *bytes with semid_free. SEMID_ERR_NO_MEMORY. */
SEMID_API semid_status semid_model_save_memory(const semid_model *model,
                                               const semid_codebook *codebook, void **bytes,
                                               size_t *n_bytes, semid_error *err);

SEMID_API size_t semid_model_dim(const semid_model *model);
SEMID_API size_t semid_model_latent(const semid_model *model); /* dimension of the codebooks */
/* Hidden layers of the encoder, and the width of the i-th. */
SEMID_API size_t semid_model_hidden_count(const semid_model *model);
SEMID_API size_t semid_model_hidden(const semid_model *model, size_t i);
SEMID_API void semid_model_free(semid_model *model);

/* ---- use ---- */

/*
 * Vectors into the space of the codebooks: x [n, dim] -> z [n, latent], for semid_encode.
 * SEMID_ERR_DATA if a row holds NaN or Inf or overflows float32 in the networks, naming the first;
 * SEMID_ERR_NO_MEMORY.
 * A row's result depends on the row and the model alone, to the last bit, on any CPU of the same
 * instruction set. Cost: 2 operations per weight and row; memory: 4 blocks of 96 rows of the widest
 * layer per thread.
 */
SEMID_API semid_status semid_model_project(semid_context *context, const semid_model *model,
                                           const float *x, size_t n, float *z, semid_error *err);

/* From the space of the codebooks to vectors: sums of codewords (semid_decode) z [n, latent] ->
 * x [n, dim]. As semid_model_project. */
SEMID_API semid_status semid_model_reconstruct(semid_context *context, const semid_model *model,
                                               const float *z, size_t n, float *x,
                                               semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
