/*
 * semid/ema.h - what the quantizers with moving-average codebooks (vqvae.h, rqvae.h) share.
 *
 * Per batch and level, with count_k rows r nearest to codeword k (van den Oord et al. 2017,
 * "Neural Discrete Representation Learning", appendix A; Lee et al. 2022 for residual levels):
 *
 *     n_k <- decay n_k + (1 - decay) count_k        m_k <- decay m_k + (1 - decay) sum of r
 *     c_k  = m_k / s_k,  s_k = (n_k + epsilon) / (N + K epsilon) N,  N = sum of n_k
 *
 * Start: codewords from `init`, else k-means level by level on a seeded sample; n_k is the count of
 * one assignment pass scaled to a batch and m_k = n_k c_k, so that a batch weighs the same from the
 * first step on. Dead codewords: n_k under dead_share of the mean (batch / K,
 * in expected rows a batch), unless its rows lie so far off that giving it up would cost much;
 * codeword k then moves to a random row of the batch that its own codeword does not meet already.
 * After the last epoch one pass over the rows moves codewords that no row is nearest to in the same
 * way, so that every codeword is used where the data allow it.
 *
 * Loss: recon + beta commit - entropy_reg entropy, where recon is the mean over rows and dimensions
 * of the squared error after the last level, commit the sum of the same over all levels, and
 * entropy the sum over levels of the entropy (nats) of codeword usage in the epoch.
 *
 * Entropy term: hard assignments give codebooks no gradient of the entropy, so the assignments of
 * training minimise the loss itself. Linearised at the running usage p_k = s_k / N it makes a row
 * pay (1 + beta) |r - c_k|^2 / dim + entropy_reg log p_k for codeword k: crowded codewords become
 * dearer, rare ones cheaper (the Lagrangian of entropy-constrained vector quantization, Chou,
 * Lookabaugh and Gray 1989, with the sign that rewards entropy). It is in units of the loss: useful
 * values are 0.01 to 1 times recon. Encoding with the finished codebook is plain nearest.
 */
#ifndef SEMID_EMA_H
#define SEMID_EMA_H

#include "semid/codebook.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_ema_params {
    size_t n_codewords;         /* K >= 1 */
    size_t n_epochs;            /* passes over the rows; 0 gives the start back */
    size_t batch_rows;          /* at most; rows are dealt evenly to the batches of an epoch */
    size_t dist_chunk_rows;     /* rows that distances are computed of at once; 0: the batch */
    double beta;                /* weight of the commitment, >= 0 */
    double decay;               /* 0 <= decay < 1 */
    double entropy_reg;         /* >= 0 */
    double epsilon;             /* of the smoothing, > 0 */
    double dead_share;          /* of the mean usage, 0 (never revive) to 1 */
    uint64_t seed;              /* of the start, the order of rows and revivals */
    const semid_codebook *init; /* start codewords [L,K,d], borrowed, or NULL */
} semid_ema_params;

/* K 256, 20 epochs, batches of 512, beta 0.25, decay 0.99, epsilon 1e-5, dead_share 0.1. */
SEMID_API semid_ema_params semid_ema_params_default(void);

/* What an epoch came to, measured while it ran (each batch before its update). */
typedef struct semid_ema_epoch {
    double loss, recon, commit, entropy;
    size_t n_revived; /* codewords that moved to a random row, all levels */
} semid_ema_epoch;

#ifdef __cplusplus
}
#endif
#endif
