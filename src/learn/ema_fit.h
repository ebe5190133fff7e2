/* learn/ema_fit.h - training of moving-average codebooks: start, batches, epochs. */
#ifndef LEARN_EMA_FIT_H
#define LEARN_EMA_FIT_H

#include "codebook/row_source.h"
#include "semid/ema.h"

/* As semid_rqvae_fit says. vq: stored as [K, dim]. */
semid_status ema_fit(semid_codebook **out, size_t n_levels, bool vq, const semid_ema_params *params,
                     const row_source *rows, semid_ema_epoch *epochs, semid_error *err);

#endif
