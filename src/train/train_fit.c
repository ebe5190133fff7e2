#include "train/train_fit.h"

#include "base/json_report.h"
#include "base/memory.h"
#include "semid/ema.h"
#include "semid/rqkmeans.h"

/* The options of the command become the parameters of a fit of the library. Rows that do not fit
 * into memory go to the same fit by callback, with the same result. RQ-KMeans gets its copy of the
 * rows to work in; the moving averages only read theirs. */

enum { DEFAULT_EPOCHS = 20 };

const char *const train_method_names[] = {"rqkmeans", "rqvae", "vqvae"};

static semid_status fit_rqkmeans(semid_codebook **out, const train_params *params,
                                 train_shape shape, const semid_codebook *start,
                                 const train_data *data, uint64_t seed, semid_error *err) {
    semid_rqkmeans_params p = semid_rqkmeans_params_default();
    p.n_levels = shape.n_levels;
    p.init = start;
    p.kmeans.n_codewords = shape.n_codewords;
    p.kmeans.max_iters = (size_t)params->iters;
    p.kmeans.tol = params->tol;
    p.kmeans.shrink = params->shrink;
    p.kmeans.balance = params->balance;
    p.kmeans.seed = seed;

    if (data->from.read)
        return semid_rqkmeans_fit_rows(NULL, out, &data->from, data->dim, &p, NULL, err);
    return semid_rqkmeans_fit(NULL, out, data->owned, data->n_rows, data->dim, &p, NULL, err);
}

static semid_status fit_ema(semid_codebook **out, const train_params *params, train_shape shape,
                            const semid_codebook *start, const train_data *data, uint64_t seed,
                            json_t *report, semid_error *err) {
    semid_status status = SEMID_OK;
    semid_ema_epoch *epochs = NULL;
    semid_ema_params p = semid_ema_params_default();
    p.n_levels = shape.n_levels;
    p.vq = params->method == TRAIN_VQVAE;
    p.n_codewords = shape.n_codewords;
    p.n_epochs = params->epochs >= 0 ? (size_t)params->epochs : DEFAULT_EPOCHS;
    p.batch_rows = (size_t)params->batch_size;
    p.dist_chunk_rows = (size_t)params->dist_chunk;
    p.beta = params->beta;
    p.decay = params->decay;
    p.entropy_reg = params->entropy_reg;
    p.seed = seed;
    p.init = start;

    TRY(mem_alloc(&epochs, p.n_epochs, sizeof *epochs, err));
    if (data->from.read)
        TRY_GOTO(semid_ema_fit_rows(NULL, out, &data->from, data->dim, &p, epochs, err));
    else
        TRY_GOTO(semid_ema_fit(NULL, out, data->rows.x, data->n_rows, data->dim, &p, epochs, err));

    TRY_GOTO(json_set(report, "epochs", json_array(), err));
    for (size_t e = 0; e < p.n_epochs; e++)
        TRY_GOTO(json_append(json_object_get(report, "epochs"),
                             json_pack("{s:I, s:f, s:f, s:f, s:f, s:I}", "epoch", (json_int_t)e + 1,
                                       "loss", epochs[e].loss, "recon", epochs[e].recon, "commit",
                                       epochs[e].commit, "entropy", epochs[e].entropy, "revived",
                                       (json_int_t)epochs[e].n_revived),
                             err));
done:
    mem_free(epochs);
    return status;
}

semid_status train_fit(semid_codebook **out, const train_params *params, train_shape shape,
                       const semid_codebook *start, const train_data *data, uint64_t seed,
                       json_t *report, semid_error *err) {
    if (params->method == TRAIN_RQKMEANS)
        return fit_rqkmeans(out, params, shape, start, data, seed, err);
    return fit_ema(out, params, shape, start, data, seed, report, err);
}
