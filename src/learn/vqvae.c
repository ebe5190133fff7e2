#include "semid/vqvae.h"

#include "learn/ema_fit.h"

semid_status semid_vqvae_fit(semid_codebook **out, const semid_ema_params *params, const float *x,
                             size_t n, size_t dim, semid_ema_epoch *epochs, semid_error *err) {
    row_source rows = row_source_of(x, n, dim);
    return ema_fit(out, 1, true, params, &rows, epochs, err);
}

semid_status semid_vqvae_fit_rows(semid_codebook **out, const semid_ema_params *params,
                                  const semid_rows *from, size_t dim, semid_ema_epoch *epochs,
                                  semid_error *err) {
    row_source rows;
    TRY(row_source_open(&rows, from, dim, err));
    semid_status status = ema_fit(out, 1, true, params, &rows, epochs, err);
    row_source_release(&rows);
    return status;
}
