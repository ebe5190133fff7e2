/*
 * semid/rqvae.h - networks and codebooks trained together: an autoencoder with a residual quantizer
 * between encoder and decoder (RQ-VAE, Lee et al. 2022; as in TIGER, Rajput et al. 2023), or with
 * one level a VQ-VAE (van den Oord et al. 2017). The result is a model (model.h) and its codebook.
 *
 * Loss per row, in scaled vectors (model.h), with r_0 = z, r_l+1 = r_l - e_l and e_l the codeword
 * nearest to r_l:
 *
 *     |x - y|^2 + sum over levels of |sg(r_l) - e_l|^2 + beta |r_l - sg(e_l)|^2
 *
 * sg stops the gradient; r_l passes it to z alone. The quantizer has no gradient of its own: z
 * gets g = dloss/dq unchanged (straight through) or as (|q| / |z|) R^T g, where R rotates z into
 * the direction of q = sum of e_l (Fifty et al. 2024, "Restructuring Vector Quantization with the
 * Rotation Trick", equation 4).
 *
 * Networks learn by AdamW (Loshchilov and Hutter 2019), with decay of the weights only, not of
 * biases and codewords; the learning rate falls to 0 along half a cosine. Codewords follow moving
 * averages (ema.h; the second term is then only reported) or, by AdamW, the gradient of the second
 * term.
 *
 * The first tenth of the epochs trains the networks without a quantizer. Then codewords start by
 * k-means of the latents. They are revived as ema.h says, however they are learned.
 */
#ifndef SEMID_RQVAE_H
#define SEMID_RQVAE_H

#include "semid/ema.h"
#include "semid/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum semid_gradient {
    SEMID_GRADIENT_STE = 0, /* straight through */
    SEMID_GRADIENT_ROTATION = 1
} semid_gradient;

typedef enum semid_codebook_update {
    SEMID_UPDATE_EMA = 0, /* moving averages */
    SEMID_UPDATE_GRAD = 1 /* by gradient */
} semid_codebook_update;

typedef struct semid_rqvae_params {
    /* Levels, codewords, epochs, batches and seed, as ema.h says. init must be NULL. epsilon and
     * decay also apply with SEMID_UPDATE_GRAD, to the usage that decides on revivals. */
    semid_ema_params quantizer;
    size_t n_hidden;                       /* 1 .. SEMID_MODEL_MAX_HIDDEN */
    size_t hidden[SEMID_MODEL_MAX_HIDDEN]; /* widths from the vectors to the latents */
    size_t latent;                         /* dimension of the codebooks */
    semid_gradient gradient;
    semid_codebook_update update;
    double lr;           /* at the start, > 0 */
    double weight_decay; /* >= 0 */
    /* Start from these, borrowed, instead of new ones; n_hidden, hidden and latent are not
     * read then. Both or none. */
    const semid_model *start;
    const semid_codebook *start_codebook;
    /* File that training can be resumed from, written between epochs whenever checkpoint_s seconds
     * have passed, and never removed by the library; NULL: none. */
    const char *checkpoint;
    double checkpoint_s;
    bool resume;          /* continue from the checkpoint, if it exists */
    uint64_t reserved[8]; /* zero */
} semid_rqvae_params;

/* semid_ema_params_default with 200 epochs; hidden 512,256,128, latent 32, straight through, moving
 * averages, lr 1e-3, weight decay 0.5 (a low one lets small data be memorised), no checkpoint. */
SEMID_API semid_rqvae_params semid_rqvae_params_default(void);

/* Figures of an epoch, measured while it runs: means over rows, divided by dim, of scaled vectors
 * (whose variance per dimension is 1). commit and codebook are the same distance in two terms of
 * the loss; loss = recon + codebook (if learned by gradient) + beta commit - entropy_reg entropy.
 * commit, codebook and entropy are zero in epochs without a quantizer. */
typedef struct semid_rqvae_epoch {
    double loss, recon, commit, codebook, entropy;
    size_t n_revived; /* codewords that moved to a random row, all levels */
    uint64_t reserved[8];
} semid_rqvae_epoch;

/*
 * Train on x [n, dim]: finite rows, borrowed, fewer than 2^32. *codebook [L, K, latent] and *model
 * are the caller's. epochs: [quantizer.n_epochs], filled at the end, or NULL.
 * SEMID_ERR_ARGUMENT, SEMID_ERR_SHAPE (start of another shape), SEMID_ERR_DATA (fewer rows than
 * codewords; training overflows float32; a checkpoint of other parameters or data, naming the first
 * that differs), SEMID_ERR_FORMAT (checkpoint), SEMID_ERR_UNSUPPORTED (too many rows),
 * SEMID_ERR_IO, SEMID_ERR_INTERRUPTED, SEMID_ERR_NO_MEMORY.
 *
 * Threads: the context's; the same bits at any number, and the same whether interrupted and resumed
 * or not. Cost: 6 operations per weight, row and epoch, besides the quantizer's. Memory besides x:
 * four times the parameters, the activations of a batch, 4 bytes per row, 16384 + 64 K rows
 * with their latents while codewords start, and at the end 4 (latent + L) bytes per row.
 */
SEMID_API semid_status semid_rqvae_fit(semid_context *context, semid_codebook **codebook,
                                       semid_model **model, const float *x, size_t n, size_t dim,
                                       const semid_rqvae_params *params, semid_rqvae_epoch *epochs,
                                       semid_error *err);

/*
 * The same result, to the bit, from rows that need not fit into memory. They are read once per
 * epoch, in windows of 16 MB (or a batch, if that is larger), twice at a fresh start, once for the
 * checksum in a checkpoint, and once at the end. The failure of a read is passed on.
 */
SEMID_API semid_status semid_rqvae_fit_rows(semid_context *context, semid_codebook **codebook,
                                            semid_model **model, const semid_rows *rows, size_t dim,
                                            const semid_rqvae_params *params,
                                            semid_rqvae_epoch *epochs, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
