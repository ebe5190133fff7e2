#include "train/train_model.h"

#include "base/file.h"
#include "base/json_report.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Options of the networks, checked in two steps: those that contradict each other at once, those
 * that contradict the model of --load when it is known. The widths are text until they are used, so
 * that the option table needs no type of its own for them.
 *
 * The default number of epochs depends on the number of rows: networks need a number of steps, and
 * few rows make few steps per epoch. */

enum { LATENT = 32, DEFAULT_STEPS = 4000, MIN_EPOCHS = 20 };

/* ---- options ---- */

static semid_status parse_hidden(const string_list *list, semid_rqvae_params *out,
                                 semid_error *err) {
    if (list->n_items > SEMID_MODEL_MAX_HIDDEN)
        FAIL(STATUS_USAGE, "--hidden: expected at most %d widths, found %zu",
             SEMID_MODEL_MAX_HIDDEN, list->n_items);

    for (size_t i = 0; i < list->n_items; i++) {
        char *end;
        errno = 0;
        long width = strtol(list->items[i], &end, 10);
        if (end == list->items[i] || *end || errno || width < 1 || width > SEMID_MODEL_MAX_WIDTH)
            FAIL(STATUS_USAGE,
                 "--hidden: expected widths from 1 to %d as in 512,256,128, found "
                 "\"%s\"",
                 SEMID_MODEL_MAX_WIDTH, list->items[i]);
        out->hidden[i] = (size_t)width;
    }
    out->n_hidden = list->n_items;
    return SEMID_OK;
}

bool train_model_is_linear(const semid_model *model) {
    return semid_model_hidden_count(model) == 0;
}

semid_status train_model_check(const train_params *p, semid_error *err) {
    semid_rqvae_params unused;
    bool hidden = p->hidden.n_items > 0, networks = hidden || p->load;
    if (p->pca > 0 && (hidden || p->load || !p->train))
        FAIL(STATUS_USAGE, "--pca and %s: expected one of them, found both",
             p->load || !p->train ? "--load" : "--hidden");
    if (p->pca_whiten && p->pca == 0) FAIL(STATUS_USAGE, "--pca-whiten: expected --pca as well");

    TRY(parse_hidden(&p->hidden, &unused, err));
    if (hidden && p->method == TRAIN_RQKMEANS)
        FAIL(STATUS_USAGE, "--hidden: expected --method rqvae or vqvae, found rqkmeans");
    if (hidden && p->init)
        FAIL(STATUS_USAGE, "--hidden: codewords start from latents, not from --init (--load "
                           "continues with networks and codewords)");

    if (p->latent > 0 && !networks) FAIL(STATUS_USAGE, "--latent: expected --hidden as well");
    if (p->resume && !networks) FAIL(STATUS_USAGE, "--resume: expected --hidden as well");
    return SEMID_OK;
}

semid_status train_model_check_start(const train_params *p, const semid_model *start,
                                     semid_error *err) {
    semid_rqvae_params asked;
    bool hidden = p->hidden.n_items > 0;
    if (!start && p->load && hidden)
        FAIL(STATUS_USAGE, "--hidden: expected model.safetensors beside %s, found none", p->load);
    if (!start) return SEMID_OK;

    if (train_model_is_linear(start) && hidden)
        FAIL(STATUS_USAGE,
             "--hidden: expected model.safetensors with networks beside %s, found a linear map",
             p->load);
    if (p->method == TRAIN_RQKMEANS && p->train && !train_model_is_linear(start))
        FAIL(STATUS_USAGE, "%s has networks beside it: expected --method rqvae or vqvae", p->load);

    if (p->latent > 0 && (size_t)p->latent != semid_model_latent(start))
        FAIL(SEMID_ERR_SHAPE, "%s: expected latents of dimension %zu, found %zu", p->load,
             (size_t)p->latent, semid_model_latent(start));
    TRY(parse_hidden(&p->hidden, &asked, err));
    /* widths that are not given are the start's */
    bool same = !hidden || asked.n_hidden == semid_model_hidden_count(start);
    for (size_t i = 0; same && i < asked.n_hidden; i++)
        same = asked.hidden[i] == semid_model_hidden(start, i);
    if (!same)
        FAIL(SEMID_ERR_SHAPE, "%s: the model beside it has other widths than --hidden says",
             p->load);
    return SEMID_OK;
}

static size_t latent_of(const train_params *p) {
    return p->latent > 0 ? (size_t)p->latent : LATENT;
}

void train_model_memory(train_memory *out, const train_params *p, const semid_model *start,
                        size_t dim) {
    semid_rqvae_params asked = {0};
    bool valid =
        parse_hidden(&p->hidden, &asked, NULL) == SEMID_OK; /* as train_model_check found */
    size_t n_hidden = start ? semid_model_hidden_count(start) : valid ? asked.n_hidden : 0;
    size_t width = dim;
    out->latent = start ? semid_model_latent(start) : latent_of(p);
    if (n_hidden == 0) return; /* a linear map */

    for (size_t i = 0; i <= n_hidden; i++) {
        size_t next = i == n_hidden ? out->latent
                      : start       ? semid_model_hidden(start, i)
                                    : asked.hidden[i];
        out->n_weights += 2 * width * next; /* of the encoder and the decoder */
        width = next;
    }
}

/* ---- training ---- */

static semid_status checkpoint_path(char **out, const char *dir, semid_error *err) {
    return path_join(out, dir, "checkpoint.safetensors", err);
}

semid_status train_model_fit(semid_codebook **codebook, semid_model **model,
                             const train_params *params, train_shape shape,
                             const semid_model *start, const semid_codebook *start_codebook,
                             const train_data *data, uint64_t seed, json_t *report,
                             semid_error *err) {
    semid_status status = SEMID_OK;
    semid_rqvae_epoch *epochs = NULL;
    char *path = NULL;

    semid_rqvae_params p = semid_rqvae_params_default();
    TRY(parse_hidden(&params->hidden, &p, err));
    p.quantizer.n_codewords = shape.n_codewords;
    p.quantizer.batch_rows = (size_t)params->batch_size;
    p.quantizer.dist_chunk_rows = (size_t)params->dist_chunk;
    p.quantizer.beta = params->beta;
    p.quantizer.decay = params->decay;
    p.quantizer.entropy_reg = params->entropy_reg;
    p.quantizer.seed = seed;
    p.quantizer.n_levels = shape.n_levels;
    p.quantizer.vq = params->method == TRAIN_VQVAE;
    p.latent = latent_of(params);
    p.gradient = (semid_gradient)params->gradient;
    p.update = (semid_codebook_update)params->codebook_update;
    p.lr = params->lr;
    p.weight_decay = params->weight_decay;
    p.start = start;
    p.start_codebook = start ? start_codebook : NULL;

    p.quantizer.n_epochs = (size_t)params->epochs;
    if (params->epochs < 0) { /* not given: as many as make the default number of steps */
        size_t n_batches = (data->n_rows + p.quantizer.batch_rows - 1) / p.quantizer.batch_rows;
        size_t n_epochs = (DEFAULT_STEPS + n_batches - 1) / n_batches;
        p.quantizer.n_epochs = n_epochs > MIN_EPOCHS ? n_epochs : MIN_EPOCHS;
    }

    /* beside the outputs, so that --resume finds it by --out */
    TRY_GOTO(checkpoint_path(&path, params->out, err));
    p.checkpoint = path;
    p.checkpoint_s = params->checkpoint_seconds;
    p.resume = params->resume;
    TRY_GOTO(mem_alloc(&epochs, p.quantizer.n_epochs, sizeof *epochs, err));
    if (data->from.read)
        TRY_GOTO(
            semid_rqvae_fit_rows(NULL, codebook, model, &data->from, data->dim, &p, epochs, err));
    else
        TRY_GOTO(semid_rqvae_fit(NULL, codebook, model, data->rows.x, data->n_rows, data->dim, &p,
                                 epochs, err));

    TRY_GOTO(json_set(report, "epochs", json_array(), err));
    for (size_t e = 0; e < p.quantizer.n_epochs; e++)
        TRY_GOTO(
            json_append(json_object_get(report, "epochs"),
                        json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:I}", "epoch", (json_int_t)e + 1,
                                  "loss", epochs[e].loss, "recon", epochs[e].recon, "commit",
                                  epochs[e].commit, "codebook", epochs[e].codebook, "entropy",
                                  epochs[e].entropy, "revived", (json_int_t)epochs[e].n_revived),
                        err));
done:
    mem_free(epochs);
    mem_free(path);
    return status;
}

/* ---- files ---- */

semid_status train_model_save(const char *dir, const semid_model *model,
                              const semid_codebook *codebook, semid_error *err) {
    semid_status status = SEMID_OK;
    char *path = NULL, *checkpoint = NULL;

    TRY_GOTO(path_join(&path, dir, "model.safetensors", err));
    TRY_GOTO(checkpoint_path(&checkpoint, dir, err));
    if (model)
        TRY_GOTO(semid_model_save(model, path, codebook, err));
    else
        TRY_GOTO(file_remove(path, err));
    TRY_GOTO(file_remove(checkpoint, err));
done:
    mem_free(path);
    mem_free(checkpoint);
    return status;
}
