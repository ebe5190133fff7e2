#include "train/train_model.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Few rows make few steps an epoch, and networks need many steps. */
enum { LATENT = 32, DEFAULT_STEPS = 4000, MIN_EPOCHS = 20 };

/* ---- options ---- */

static semid_status parse_hidden(const string_list *list, semid_rqvae_params *out,
                                 semid_error *err) {
    if (list->n_items > SEMID_MODEL_MAX_HIDDEN)
        FAIL(SEMID_ERR_USAGE, "--hidden: expected at most %d widths, found %zu",
             SEMID_MODEL_MAX_HIDDEN, list->n_items);
    for (size_t i = 0; i < list->n_items; i++) {
        char *end;
        errno = 0;
        long width = strtol(list->items[i], &end, 10);
        if (end == list->items[i] || *end || errno || width < 1 || width > SEMID_MODEL_MAX_WIDTH)
            FAIL(SEMID_ERR_USAGE,
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
    if (p->pca > 0 && (p->hidden.n_items > 0 || p->load || !p->train))
        FAIL(SEMID_ERR_USAGE, "--pca and %s: expected one of them, found both",
             p->load || !p->train ? "--load" : "--hidden");
    if (p->pca_whiten && p->pca == 0) FAIL(SEMID_ERR_USAGE, "--pca-whiten: expected --pca as well");
    bool networks = p->hidden.n_items > 0 || p->load;
    TRY(parse_hidden(&p->hidden, &unused, err));
    if (p->hidden.n_items > 0 && p->method == TRAIN_RQKMEANS)
        FAIL(SEMID_ERR_USAGE, "--hidden: expected --method rqvae or vqvae, found rqkmeans");
    if (p->hidden.n_items > 0 && p->init)
        FAIL(SEMID_ERR_USAGE, "--hidden: codewords start from latents, not from --init (--load "
                              "continues with networks and codewords)");
    if (p->latent > 0 && !networks) FAIL(SEMID_ERR_USAGE, "--latent: expected --hidden as well");
    if (p->resume && !networks) FAIL(SEMID_ERR_USAGE, "--resume: expected --hidden as well");
    return SEMID_OK;
}

semid_status train_model_check_start(const train_params *p, const semid_model *start,
                                     semid_error *err) {
    semid_rqvae_params asked;
    if (!start && p->load && p->hidden.n_items > 0)
        FAIL(SEMID_ERR_USAGE, "--hidden: expected model.safetensors beside %s, found none",
             p->load);
    if (!start) return SEMID_OK;
    if (train_model_is_linear(start) && p->hidden.n_items > 0)
        FAIL(SEMID_ERR_USAGE,
             "--hidden: expected model.safetensors with networks beside %s, found a linear map",
             p->load);
    TRY(parse_hidden(&p->hidden, &asked, err));
    if (p->method == TRAIN_RQKMEANS && p->train && !train_model_is_linear(start))
        FAIL(SEMID_ERR_USAGE, "%s has networks beside it: expected --method rqvae or vqvae",
             p->load);
    if (p->latent > 0 && (size_t)p->latent != semid_model_latent(start))
        FAIL(SEMID_ERR_SHAPE, "%s: expected latents of dimension %zu, found %zu", p->load,
             (size_t)p->latent, semid_model_latent(start));
    bool same = asked.n_hidden == 0 || asked.n_hidden == semid_model_hidden_count(start);
    for (size_t i = 0; same && i < asked.n_hidden; i++)
        same = asked.hidden[i] == semid_model_hidden(start, i);
    if (!same)
        FAIL(SEMID_ERR_SHAPE, "%s: the model beside it has other widths than --hidden says",
             p->load);
    return SEMID_OK;
}

static size_t epochs_of(const train_params *p, size_t n_rows) {
    if (p->epochs >= 0) return (size_t)p->epochs;
    size_t batches = (n_rows + (size_t)p->batch_size - 1) / (size_t)p->batch_size;
    size_t epochs = (DEFAULT_STEPS + batches - 1) / batches;
    return epochs > MIN_EPOCHS ? epochs : MIN_EPOCHS;
}

static semid_status params_of(const train_params *p, train_shape shape, size_t n_rows,
                              uint64_t seed, semid_rqvae_params *out, semid_error *err) {
    semid_rqvae_params m = semid_rqvae_params_default();
    TRY(parse_hidden(&p->hidden, &m, err));
    m.quantizer.n_codewords = shape.n_codewords;
    m.quantizer.n_epochs = epochs_of(p, n_rows);
    m.quantizer.batch_rows = (size_t)p->batch_size;
    m.quantizer.dist_chunk_rows = (size_t)p->dist_chunk;
    m.quantizer.beta = p->beta;
    m.quantizer.decay = p->decay;
    m.quantizer.entropy_reg = p->entropy_reg;
    m.quantizer.seed = seed;
    m.quantizer.n_levels = shape.n_levels;
    m.quantizer.vq = p->method == TRAIN_VQVAE;
    m.latent = p->latent > 0 ? (size_t)p->latent : LATENT;
    m.gradient = (semid_gradient)p->gradient;
    m.update = (semid_codebook_update)p->codebook_update;
    m.lr = p->lr;
    m.weight_decay = p->weight_decay;
    m.checkpoint_s = p->checkpoint_seconds;
    m.resume = p->resume;
    *out = m;
    return SEMID_OK;
}

/* ---- training ---- */

static semid_status report_epochs(json_t *report, const semid_rqvae_epoch *epochs, size_t n,
                                  semid_error *err) {
    json_t *list = json_array();
    int failed = !list;
    for (size_t e = 0; e < n; e++)
        failed |= json_array_append_new(
            list, json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:I}", "epoch", (json_int_t)e + 1,
                            "loss", epochs[e].loss, "recon", epochs[e].recon, "commit",
                            epochs[e].commit, "codebook", epochs[e].codebook, "entropy",
                            epochs[e].entropy, "revived", (json_int_t)epochs[e].n_revived));
    failed |= json_object_set_new(report, "epochs", list);
    if (failed) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return SEMID_OK;
}

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
    semid_rqvae_params p;
    TRY(params_of(params, shape, data->n_rows, seed, &p, err));
    p.start = start;
    p.start_codebook = start ? start_codebook : NULL;
    TRY_GOTO(checkpoint_path(&path, params->out, err));
    p.checkpoint = path;
    TRY_GOTO(mem_alloc(&epochs, p.quantizer.n_epochs, sizeof *epochs, err));
    if (data->rows.x)
        TRY_GOTO(semid_rqvae_fit(NULL, codebook, model, data->rows.x, data->n_rows, data->dim, &p,
                                 epochs, err));
    else
        TRY_GOTO(
            semid_rqvae_fit_rows(NULL, codebook, model, &data->from, data->dim, &p, epochs, err));
    TRY_GOTO(report_epochs(report, epochs, p.quantizer.n_epochs, err));
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
