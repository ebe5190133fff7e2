/*
 * semid/rqvae.h - residual quantizer with moving-average codebooks (RQ-VAE, Lee et al. 2022).
 */
#ifndef SEMID_RQVAE_H
#define SEMID_RQVAE_H

#include "semid/ema.h"
#include "semid/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Train n_levels codebooks together: each batch passes all levels, level l on what levels < l left.
 * x [n, dim]: finite rows, borrowed. epochs [params->n_epochs] or NULL: filled as they end.
 * *out is the caller's, released with semid_codebook_free.
 * SEMID_ERR_ARGUMENT (a parameter out of range), SEMID_ERR_SHAPE (init differs from [n_levels, K,
 * dim]), SEMID_ERR_DATA (fewer rows than codewords), SEMID_ERR_INTERRUPTED, SEMID_ERR_NO_MEMORY.
 * Threads: the library's; the same bits at any number. Cost: 2 n L K dim operations an epoch;
 * memory: a batch, three codebooks and 4 (1 + L) bytes a row beside x.
 */
SEMID_API semid_status semid_rqvae_fit(semid_codebook **out, size_t n_levels,
                                       const semid_ema_params *params, const float *x, size_t n,
                                       size_t dim, semid_ema_epoch *epochs, semid_error *err);

/*
 * The same codebook, to the bit, from rows that need not fit into memory: each batch is read as it
 * comes. What `read` returns is passed on.
 */
SEMID_API semid_status semid_rqvae_fit_rows(semid_codebook **out, size_t n_levels,
                                            const semid_ema_params *params, const semid_rows *rows,
                                            size_t dim, semid_ema_epoch *epochs, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
