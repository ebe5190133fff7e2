/*
 * semid/ema.h - codebooks that follow moving averages of their rows: the quantizers of VQ-VAE (one
 * level, van den Oord et al. 2017, "Neural Discrete Representation Learning", appendix A.1) and of
 * RQ-VAE (residual levels trained together, Lee et al. 2022, "Autoregressive Image Generation using
 * Residual Quantization"), without networks. rqvae.h trains networks around them.
 *
 * Each batch passes through all levels; level l quantizes the residuals that the levels before it
 * leave. Per batch and level, with the count_k rows r nearest to codeword k:
 *
 *     n_k <- decay n_k + (1 - decay) count_k        m_k <- decay m_k + (1 - decay) sum of r
 *     c_k  = m_k / s_k,  s_k = (n_k + epsilon) / (N + K epsilon) N,  N = sum of n_k
 *
 * Start: codewords from `init`, else from k-means, level by level, on a seeded sample. n_k starts
 * as the count of one assignment pass, scaled to a batch, and m_k as n_k c_k, so that a batch has
 * the same weight from the first step on.
 *
 * Dead codewords: n_k below dead_share of the mean usage (batch / K rows), unless the error of its
 * rows would rise much without it. Codeword k then moves to a random row of the batch that differs
 * from the row's codeword. After the last epoch, unused codewords move to random rows in the same
 * way, in a few passes over all rows, so that every codeword is used if the data allow it.
 *
 * Loss: recon + beta commit - entropy_reg entropy, where recon is the mean over rows and dimensions
 * of the squared error after the last level, commit the sum of these means after each level, and
 * entropy the sum over levels of the entropy (nats) of codeword usage in the epoch.
 *
 * Entropy term: hard assignments give codebooks no gradient of the entropy, so in training, rows
 * are assigned to minimise the loss. Linearised at the current usage p_k = s_k / N, the cost of
 * codeword k to a row is (1 + beta) |r - c_k|^2 / dim + entropy_reg log p_k: higher for common
 * codewords, lower for rare ones (the Lagrangian of entropy-constrained vector quantization, Chou,
 * Lookabaugh and Gray 1989, with the sign that rewards entropy). entropy_reg is in units of the
 * loss: useful values are 0.01 to 1 times recon. Encoding with the finished codebook takes the
 * nearest codeword.
 */
#ifndef SEMID_EMA_H
#define SEMID_EMA_H

#include "semid/codebook.h"
#include "semid/context.h"
#include "semid/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_ema_params {
    size_t n_levels;        /* L >= 1 */
    size_t n_codewords;     /* K >= 1, per level */
    bool vq;                /* store the codewords as [K, dim]; needs n_levels = 1 */
    size_t n_epochs;        /* passes over the rows; 0: the initial codewords */
    size_t batch_rows;      /* at most; rows are spread evenly over the batches */
    size_t dist_chunk_rows; /* rows per distance computation; 0: the batch. No effect on results */
    double beta;            /* weight of the commitment, >= 0 */
    double decay;           /* 0 <= decay < 1 */
    double entropy_reg;     /* >= 0 */
    double epsilon;         /* of the smoothing, > 0 */
    double dead_share;      /* of the mean usage, 0 (never revive) to 1 */
    uint64_t seed;          /* of the start, the order of rows and revivals */
    const semid_codebook *init; /* start codewords [L, K, dim], borrowed, or NULL */
    uint64_t reserved[8];       /* zero */
} semid_ema_params;

/* 4 levels of 256 codewords, 20 epochs, batches of 512, beta 0.25, decay 0.99, epsilon 1e-5,
 * dead_share 0.1. */
SEMID_API semid_ema_params semid_ema_params_default(void);

/* Figures of an epoch, measured while it runs (each batch before its update). */
typedef struct semid_ema_epoch {
    double loss, recon, commit, entropy;
    size_t n_revived; /* codewords that moved to a random row, all levels */
    uint64_t reserved[8];
} semid_ema_epoch;

/*
 * Train a codebook on x [n, dim]: finite rows, borrowed, fewer than 2^32. *out is the caller's,
 * released with semid_codebook_free. epochs: [params->n_epochs], filled as they end, or NULL.
 * SEMID_ERR_ARGUMENT (a parameter out of range), SEMID_ERR_SHAPE (init differs from [L, K, dim]),
 * SEMID_ERR_DATA (fewer rows than codewords), SEMID_ERR_UNSUPPORTED (too many rows),
 * SEMID_ERR_INTERRUPTED, SEMID_ERR_NO_MEMORY.
 *
 * Threads: the context's; the same bits at any number. Cost: 2 n L K dim operations per epoch.
 * Memory besides x: a batch, three codebooks, 4 (1 + L) bytes per row and, while k-means starts, a
 * sample of 16 rows per codeword, at most max(n / 8, 16384).
 */
SEMID_API semid_status semid_ema_fit(semid_context *context, semid_codebook **out, const float *x,
                                     size_t n, size_t dim, const semid_ema_params *params,
                                     semid_ema_epoch *epochs, semid_error *err);

/*
 * The same codebook, to the bit, from rows that need not fit into memory. They are read once per
 * epoch, in windows of 16 MB (or a batch, if that is larger), and at most 9 times per level at the
 * end. The failure of a read is passed on.
 */
SEMID_API semid_status semid_ema_fit_rows(semid_context *context, semid_codebook **out,
                                          const semid_rows *rows, size_t dim,
                                          const semid_ema_params *params, semid_ema_epoch *epochs,
                                          semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
