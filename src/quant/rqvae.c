#include "semid/rqvae.h"

#include "quant/ema_fit.h"

semid_status semid_rqvae_fit(semid_codebook **out, size_t n_levels, const semid_ema_params *params,
                             const float *x, size_t n, size_t dim, semid_ema_epoch *epochs,
                             semid_error *err) {
    ema_fit_shape shape = {.n_levels = n_levels, .vq = false, .n_rows = n, .dim = dim};
    return ema_fit(out, &shape, params, x, epochs, err);
}
