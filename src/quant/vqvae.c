#include "semid/vqvae.h"

#include "quant/ema_fit.h"

semid_status semid_vqvae_fit(semid_codebook **out, const semid_ema_params *params, const float *x,
                             size_t n, size_t dim, semid_ema_epoch *epochs, semid_error *err) {
    ema_fit_shape shape = {.n_levels = 1, .vq = true, .n_rows = n, .dim = dim};
    return ema_fit(out, &shape, params, x, epochs, err);
}
