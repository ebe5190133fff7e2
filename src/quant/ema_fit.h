/* quant/ema_fit.h - training of moving-average codebooks: start, batches, epochs. */
#ifndef QUANT_EMA_FIT_H
#define QUANT_EMA_FIT_H

#include "semid/ema.h"

typedef struct ema_fit_shape {
    size_t n_levels;
    bool vq; /* stored as [K, dim] */
    size_t n_rows, dim;
} ema_fit_shape;

/* As semid_rqvae_fit says. x [n_rows, dim]. */
semid_status ema_fit(semid_codebook **out, const ema_fit_shape *shape,
                     const semid_ema_params *params, const float *x, semid_ema_epoch *epochs,
                     semid_error *err);

#endif
