/*
 * semid/model.h - networks before and after the quantizer (RQ-VAE as in TIGER, Rajput et al. 2023).
 *
 * An encoder takes a vector x to a latent z, the codebooks quantize z, a decoder takes the sum of
 * the chosen codewords q back to a vector. Both are multilayer perceptrons with ReLU between their
 * layers; they see (x - mean) scale, so that training does not depend on the unit of x:
 *
 *     z = encoder((x - mean) scale)        y = mean + decoder(q) / scale
 *
 * Without hidden layers both are linear: principal components (semid train --pca) are such a model.
 *
 * A model is kept as `model.safetensors` beside the `codebooks.npz` [L,K,latent] it belongs to.
 *
 * Loss of a row, in scaled vectors, r_0 = z and r_l+1 = r_l - e_l with e_l the nearest codeword:
 *
 *     |x - y|^2 + sum over levels of |sg(r_l) - e_l|^2 + beta |r_l - sg(e_l)|^2
 *
 * sg stops the gradient; r_l passes it to z alone. Past the quantizer, g = dloss/dq goes on to z as
 * it is (straight through) or as (|q| / |z|) R^T g with R the rotation that takes z to q (Fifty et
 * al. 2024, "Restructuring Vector Quantization with the Rotation Trick"; equation 4), the rotation
 * of the whole sum. Networks learn by AdamW (decay of weights, not of biases and codewords); the
 * learning rate falls to 0 along half a cosine. Codewords follow moving averages (ema.h; then the
 * second term is reported but has no gradient) or the gradient of the second term by AdamW.
 *
 * The first tenth of the epochs trains the networks without a quantizer; then codewords start by
 * k-means of the latents, and are revived as ema.h says: in both ways of learning them.
 */
#ifndef SEMID_MODEL_H
#define SEMID_MODEL_H

#include "semid/ema.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_model semid_model;

/* ---- use ---- */

/*
 * Read `model.safetensors` (docs/formats.md). *out is the caller's, released with semid_model_free.
 * SEMID_ERR_IO, SEMID_ERR_FORMAT (not safetensors, tensors missing or too many), SEMID_ERR_SHAPE,
 * SEMID_ERR_DATA (NaN, or made for codebooks with other codewords), SEMID_ERR_NO_MEMORY.
 * codebook: the one it must belong to, or NULL to leave that unchecked.
 */
SEMID_API semid_status semid_model_load(semid_context *context, semid_model **out, const char *path,
                                        const semid_codebook *codebook, semid_error *err);

/* The same for the model.safetensors in the folder of codebook_path; *out = NULL if there is none.
 */
SEMID_API semid_status semid_model_beside(semid_context *context, semid_model **out,
                                          const char *codebook_path, const semid_codebook *codebook,
                                          semid_error *err);

/* Write it, whole or not at all, with the mark of the codebook it belongs to. */
SEMID_API semid_status semid_model_save(const semid_model *model, const char *path,
                                        const semid_codebook *codebook, semid_error *err);

SEMID_API size_t semid_model_dim(const semid_model *model);
SEMID_API size_t semid_model_latent(const semid_model *model); /* dimension of the codebooks */
/* Hidden layers of the encoder, and the width of the i-th. */
SEMID_API size_t semid_model_hidden_count(const semid_model *model);
SEMID_API size_t semid_model_hidden(const semid_model *model, size_t i);
SEMID_API void semid_model_free(semid_model *model);

/*
 * Vectors into the space of the codebooks: x [n, dim] -> z [n, latent], for semid_encode.
 * SEMID_ERR_DATA if a row holds NaN or Inf or leaves float32 on its way, naming the first;
 * SEMID_ERR_NO_MEMORY. Threads: the library's. A row's result depends on nothing but the row and
 * the model, to the last bit (of the same instruction set).
 * Cost: 2 operations a weight and row; memory: a few blocks of rows a thread.
 */
SEMID_API semid_status semid_model_project(semid_context *context, const semid_model *model,
                                           const float *x, size_t n, float *z, semid_error *err);

/* And back: sums of codewords (semid_decode) z [n, latent] -> x [n, dim]. As semid_model_project.
 */
SEMID_API semid_status semid_model_reconstruct(semid_context *context, const semid_model *model,
                                               const float *z, size_t n, float *x,
                                               semid_error *err);

/* ---- training ---- */

enum { SEMID_MODEL_MAX_HIDDEN = 15, SEMID_MODEL_MAX_WIDTH = 32768 };

typedef enum semid_gradient { SEMID_GRADIENT_STE, SEMID_GRADIENT_ROTATION } semid_gradient;
typedef enum semid_codebook_update { SEMID_UPDATE_EMA, SEMID_UPDATE_GRAD } semid_codebook_update;

typedef struct semid_model_params {
    semid_ema_params quantizer; /* as ema.h says; init must be NULL. epsilon, decay: EMA alone */
    size_t n_levels;
    bool vq; /* store codewords as [K, latent]; needs n_levels = 1 */
    size_t n_hidden;
    size_t hidden[SEMID_MODEL_MAX_HIDDEN]; /* widths from the vectors to the latents */
    size_t latent;
    semid_gradient gradient;
    semid_codebook_update update;
    double lr, weight_decay;
    /* Continue with these, borrowed, instead of a fresh start; n_hidden, hidden and latent are not
     * read then. Both or none. */
    const semid_model *start;
    const semid_codebook *start_codebook;
    /* File that training can go on from, written between epochs whenever checkpoint_s seconds have
     * passed, and never removed here; NULL: none. resume: begin with what it holds if it is there.
     */
    const char *checkpoint;
    double checkpoint_s;
    bool resume;
} semid_model_params;

/* semid_ema_params_default with 200 epochs; 4 levels, hidden 512,256,128, latent 32, straight
 * through, EMA, lr 1e-3, weight decay 0.5 (little of it memorises few rows), no checkpoint. */
SEMID_API semid_model_params semid_model_params_default(void);

/* An epoch, measured while it ran: means over rows, divided by dim, of scaled vectors (whose
 * variance a dimension is 1). commit and codebook are the same distance in two terms of the loss;
 * loss = recon + codebook (if learned by gradient) + beta commit - entropy_reg entropy. Zero
 * commit, codebook and entropy: no quantizer yet. */
typedef struct semid_model_epoch {
    double loss, recon, commit, codebook, entropy;
    size_t n_revived;
} semid_model_epoch;

/*
 * x [n, dim]: finite rows, borrowed. epochs [quantizer.n_epochs] or NULL. *codebook and *model are
 * the caller's. SEMID_ERR_ARGUMENT, SEMID_ERR_SHAPE (start of other shape), SEMID_ERR_DATA (fewer
 * rows than codewords; training left float32; a checkpoint of other options or data, naming the
 * first that differs), SEMID_ERR_FORMAT (checkpoint), SEMID_ERR_IO, SEMID_ERR_INTERRUPTED,
 * SEMID_ERR_NO_MEMORY.
 * Threads: the library's; the same bits at any number, and the same whether interrupted and resumed
 * or not. Cost: 6 operations a weight and row an epoch besides the quantizer's; memory: four times
 * the parameters, the activations of a batch, 4 latent bytes a row at the end.
 */
SEMID_API semid_status semid_model_fit(semid_codebook **codebook, semid_model **model,
                                       const semid_model_params *params, const float *x, size_t n,
                                       size_t dim, semid_model_epoch *epochs, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
