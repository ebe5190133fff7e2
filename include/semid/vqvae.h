/*
 * semid/vqvae.h - vector quantizer with a moving-average codebook (VQ-VAE, van den Oord 2017).
 */
#ifndef SEMID_VQVAE_H
#define SEMID_VQVAE_H

#include "semid/ema.h"
#include "semid/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Train one codebook, stored as [K, dim]: semid_rqvae_fit (rqvae.h) with one level. Parameters,
 * errors, threads and cost are the same.
 */
SEMID_API semid_status semid_vqvae_fit(semid_codebook **out, const semid_ema_params *params,
                                       const float *x, size_t n, size_t dim,
                                       semid_ema_epoch *epochs, semid_error *err);

/* As semid_rqvae_fit_rows, with one level. */
SEMID_API semid_status semid_vqvae_fit_rows(semid_codebook **out, const semid_ema_params *params,
                                            const semid_rows *rows, size_t dim,
                                            semid_ema_epoch *epochs, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
