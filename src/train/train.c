#include "train/train.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"
#include "input/file_rows.h"
#include "input/pca.h"
#include "kernels/kernels.h"
#include "kmeans/kmeans_start.h"
#include "pipeline/health.h"
#include "pipeline/output_check.h"
#include "pipeline/row_encoder.h"
#include "semid/quality.h"
#include "semid/version.h"
#include "train/train_data.h"
#include "train/train_fit.h"
#include "train/train_model.h"

/* The way of a training: check what is asked for, the outputs, the start and the files, in this
 * order, so that nothing that can be known before the fit fails after it; draw the sample; map it
 * to principal components or through the networks of --load; fit; encode the catalogue with what
 * was learned, as `encode` would; measure both; write all files.
 *
 * --load and --init both start from codewords of an earlier training. --load also takes the model
 * beside them, and with --no-train nothing is learned: the catalogue is encoded and measured. */

/* A plain quantizer needs many codewords, and each of them some rows to be learned from. */
enum { VQ_CODEWORDS = 4096, VQ_ROWS_PER_CODEWORD = 8, RQ_LEVELS = 4, RQ_CODEWORDS = 256 };

typedef struct training {
    const train_params *p;
    const step_context *ctx;
    json_t *report;
    semid_codebook *start;    /* of --load or --init, or NULL */
    semid_model *start_model; /* beside --load, or NULL */
    file_rows train_rows, other_rows;
    file_rows *encoded_rows; /* one of both */
    json_t *layout;          /* of the files side by side, or null */
    train_data data;
    train_shape shape;
    semid_codebook *codebook;
    semid_model *model; /* with networks or --pca */
    double pca_kept;    /* share of the variance */
    encode_options encode_options;
    encoded result;
    semid_quality quality, held_quality; /* of its codes */
    double fit_seconds, encode_seconds;
} training;

static const char *start_path(const train_params *p) {
    return p->load ? p->load : p->init;
}

/* ---- what is asked for ---- */

static semid_status check_usage(const train_params *p, semid_error *err) {
    if (p->load && p->init)
        FAIL(STATUS_USAGE, "--load and --init: expected one of them, found both");
    if (!p->train && !p->load)
        FAIL(STATUS_USAGE, "--no-train: expected --load codebooks.npz to encode with");
    if (!p->train && p->holdout > 0)
        FAIL(STATUS_USAGE, "--holdout: nothing is held out with --no-train");

    if (p->encode && p->holdout > 0)
        FAIL(STATUS_USAGE, "--holdout measures the training file: it excludes --encode");
    if (p->encode && p->concat.files.n_items > 0)
        FAIL(STATUS_USAGE, "--concat and --encode: expected one of them, found both; encode the "
                           "other vectors with semid encode");

    if (p->balance && p->beam > 1)
        FAIL(STATUS_USAGE, "--balance and --beam: expected one of them, found both");
    if (p->method == TRAIN_VQVAE && p->L > 1)
        FAIL(STATUS_USAGE, "--L: vqvae has one level, found %lld", (long long)p->L);
    return train_model_check(p, err);
}

/* The start must be of the method's kind and of the shape that was asked for, if any was. */
static semid_status load_start(training *t, semid_error *err) {
    const train_params *p = t->p;
    const char *path = start_path(p);
    if (!path) return SEMID_OK;

    TRY(semid_codebook_load(NULL, &t->start, path, err));
    size_t L = semid_codebook_levels(t->start), K = semid_codebook_codewords(t->start);
    size_t dim = semid_codebook_dim(t->start);
    size_t asked_L = p->L > 0 ? (size_t)p->L : L, asked_K = p->K > 0 ? (size_t)p->K : K;

    if (p->method == TRAIN_VQVAE && L != 1)
        FAIL(SEMID_ERR_SHAPE, "%s: expected [K, d] codewords for vqvae, found [%zu, %zu, %zu]",
             path, L, K, dim);
    if (p->method != TRAIN_VQVAE && semid_codebook_is_vq(t->start))
        FAIL(SEMID_ERR_SHAPE,
             "%s: expected [L, K, d] codewords for %s, found [%zu, %zu] (of vqvae?)", path,
             train_method_names[p->method], K, dim);
    /* what was not asked for is the start's */
    if (L != asked_L || K != asked_K)
        FAIL(SEMID_ERR_SHAPE, "%s: expected [%zu, %zu, d] codewords, found [%zu, %zu, %zu]", path,
             asked_L, asked_K, L, K, dim);

    if (p->load) TRY(semid_model_beside(NULL, &t->start_model, path, t->start, err));
    return train_model_check_start(p, t->start_model, err);
}

/* ---- the vectors ---- */

static semid_status open_rows(training *t, file_rows *out, const char *path,
                              const concat_params *concat, semid_error *err) {
    embeddings *file;
    json_t *layout;
    TRY(concat_open(&file, &layout, path, concat, start_path(t->p), err));
    *out = file_rows_of(file);
    json_decref(t->layout);
    t->layout = layout;
    return file_rows_scan(out, t->p->skip_bad_rows, err);
}

/* ---- training ---- */

static train_shape choose_shape(const training *t) {
    const train_params *p = t->p;
    if (t->start)
        return (train_shape){semid_codebook_levels(t->start), semid_codebook_codewords(t->start)};

    bool vq = p->method == TRAIN_VQVAE;
    size_t K = RQ_CODEWORDS, rq_levels = p->L > 0 ? (size_t)p->L : RQ_LEVELS;
    if (vq) {
        K = t->data.n_rows / VQ_ROWS_PER_CODEWORD; /* of the rows that are trained on */
        K = K > VQ_CODEWORDS ? VQ_CODEWORDS : K > 0 ? K : 1;
    }
    return (train_shape){.n_levels = vq ? 1 : rq_levels,
                         .n_codewords = p->K > 0 ? (size_t)p->K : K};
}

/* There can be as many different codewords as there are different rows. */
static semid_status check_distinct(training *t, semid_error *err) {
    size_t n = 0, K = t->shape.n_codewords;
    const char *path = embeddings_path(t->train_rows.file);
    TRY(kmeans_count_distinct(&t->data.rows, K, &n, err));
    if (n >= K) return SEMID_OK;

    if (t->start || !t->p->allow_fewer)
        FAIL(SEMID_ERR_DATA, "%s: expected at least K = %zu distinct training rows, found %zu; %s",
             path, K, n,
             t->start ? "start with fewer codewords" : "lower --K or give --allow-fewer");
    log_warn("%s: %zu distinct training rows: K is %zu instead of %zu", path, n, n, K);
    t->shape.n_codewords = n;
    return SEMID_OK;
}

static semid_status fit(training *t, semid_error *err) {
    const train_params *p = t->p;
    uint64_t seed = t->ctx->seed;
    bool networks =
        p->hidden.n_items > 0 || (t->start_model && !train_model_is_linear(t->start_model));

    TRY(train_data_take(&t->data, &t->train_rows, p, seed, err));
    t->shape = choose_shape(t);
    train_memory memory = {.n_levels = t->shape.n_levels,
                           .n_codewords = t->shape.n_codewords,
                           .latent = (size_t)p->pca};
    if (networks || t->start_model) train_model_memory(&memory, p, t->start_model, t->data.dim);
    TRY(train_data_check_memory(&t->data, p, &memory, err));
    double start_s = clock_seconds();

    /* A linear map is not trained: the method works on the latents that it gives. */
    if (p->pca > 0) {
        if (pca_fit(&t->model, &t->data.rows, (size_t)p->pca, p->pca_whiten, &t->pca_kept, err) !=
            SEMID_OK)
            return error_prefix(err, "%s: --pca", embeddings_path(t->train_rows.file));
        log_info("pca: %lld of %zu dimensions keep %.1f%% of the variance", (long long)p->pca,
                 t->data.dim, 100 * t->pca_kept);
    }

    /* Codewords to start from must have the dimension of what they will quantize. */
    size_t found = t->model ? semid_model_latent(t->model) : t->data.dim, dim = found;
    if (t->start) dim = semid_codebook_dim(t->start);
    if (t->start_model) dim = semid_model_dim(t->start_model);
    if (dim != found)
        FAIL(SEMID_ERR_SHAPE, "%s: expected %s of dimension %zu as in %s, found %zu", p->in,
             t->model ? "principal components" : "vectors", dim, start_path(p), found);

    if (t->start_model && !networks) {
        t->model = t->start_model;
        t->start_model = NULL;
    }
    if (t->model) TRY(train_data_project(&t->data, t->model, err));

    TRY(check_distinct(t, err));
    if (p->unique)
        TRY(encode_check_unique(t->encoded_rows, t->shape.n_levels, t->shape.n_codewords, err));

    if (networks)
        TRY(train_model_fit(&t->codebook, &t->model, p, t->shape, t->start_model, t->start,
                            &t->data, seed, t->report, err));
    else
        TRY(train_fit(&t->codebook, p, t->shape, t->start, &t->data, seed, t->report, err));
    t->fit_seconds = clock_seconds() - start_s;

    train_data_drop_rows(&t->data); /* not needed while encoding */
    return SEMID_OK;
}

/* ---- encoding ---- */

static const semid_codebook *final_codebook(const training *t) {
    return t->p->train ? t->codebook : t->start;
}

static const semid_model *final_model(const training *t) {
    return t->p->train ? t->model : t->start_model;
}

static semid_status measure(const training *t, const encoded_rows *r, semid_quality *out,
                            semid_error *err) {
    return semid_quality_measure(NULL, out, &r->codes, semid_codebook_codewords(final_codebook(t)),
                                 r->mse, t->encoded_rows->variance, err);
}

static semid_status encode(training *t, semid_error *err) {
    const train_params *p = t->p;
    double start_s = clock_seconds();
    t->encode_options = (encode_options){.model = final_model(t),
                                         .beam = (size_t)p->beam,
                                         .balance = p->balance,
                                         .unique = p->unique,
                                         .batch_rows = (size_t)p->encode_batch_size,
                                         .held = t->data.held,
                                         .n_held = t->data.n_held};
    TRY(encode_rows(&t->result, final_codebook(t), t->encoded_rows, &t->encode_options, err));
    t->encode_seconds = clock_seconds() - start_s;

    /* held-out rows have the codes that they have among all rows */
    TRY(measure(t, &t->result.all, &t->quality, err));
    return t->data.n_held > 0 ? measure(t, &t->result.held, &t->held_quality, err) : SEMID_OK;
}

/* ---- report ---- */

/* What vectors pass on their way to the quantizer: null, networks, or a linear map. */
static json_t *network_json(const training *t) {
    const train_params *p = t->p;
    const semid_model *m = final_model(t);
    if (!m || train_model_is_linear(m)) return json_null();

    json_t *hidden = json_array();
    for (size_t i = 0; i < semid_model_hidden_count(m); i++)
        json_array_append_new(hidden, json_integer((json_int_t)semid_model_hidden(m, i)));
    return json_pack("{s:o, s:I, s:s, s:s, s:f, s:f}", "hidden", hidden, "latent",
                     (json_int_t)semid_model_latent(m), "gradient",
                     p->gradient == SEMID_GRADIENT_ROTATION ? "rotation" : "ste", "codebook_update",
                     p->codebook_update == SEMID_UPDATE_GRAD ? "grad" : "ema", "lr", p->lr,
                     "weight_decay", p->weight_decay);
}

static json_t *pca_json(const training *t) {
    const semid_model *m = final_model(t);
    if (!m || !train_model_is_linear(m)) return json_null();
    if (t->p->pca == 0)
        return json_pack("{s:I, s:s}", "dim", (json_int_t)semid_model_latent(m), "from",
                         start_path(t->p));
    return json_pack("{s:I, s:b, s:f}", "dim", (json_int_t)t->p->pca, "whiten",
                     (int)t->p->pca_whiten, "variance_kept_ratio", t->pca_kept);
}

static semid_status make_report(const training *t, semid_error *err) {
    const train_params *p = t->p;
    const file_rows *trained = p->train ? &t->train_rows : &t->other_rows;
    json_t *options = json_pack(
        "{s:I, s:I, s:I, s:f, s:I, s:f, s:b, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:b, "
        "s:b, s:s?, s:s?}",
        "L", (json_int_t)p->L, "K", (json_int_t)p->K, "max_train", (json_int_t)p->max_train,
        "holdout", p->holdout, "iters", (json_int_t)p->iters, "tol", p->tol, "shrink",
        (int)p->shrink, "epochs", (json_int_t)p->epochs, "batch_size", (json_int_t)p->batch_size,
        "dist_chunk", (json_int_t)p->dist_chunk, "beta", p->beta, "decay", p->decay, "entropy_reg",
        p->entropy_reg, "beam", (json_int_t)p->beam, "balance", (int)p->balance, "unique",
        (int)p->unique, "init", p->init, "load", p->load);

    TRY(json_merge(
        t->report,
        json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:O, s:o, s:o, s:o}",
                  "method", train_method_names[p->method], "version", semid_version(), "seed",
                  (json_int_t)t->ctx->seed, "isa", kernels()->tier, "input", p->in, "encoded",
                  embeddings_path(t->encoded_rows->file), "train_rows", (json_int_t)t->data.n_rows,
                  "skipped_rows", (json_int_t)t->encoded_rows->n_bad, "K",
                  (json_int_t)t->quality.n_codewords, "dim", (json_int_t)t->encoded_rows->dim,
                  "input_unit_norm", (int)trained->unit_norm, "concat", t->layout, "network",
                  network_json(t), "pca", pca_json(t), "options", options),
        err));

    TRY(json_set(t->report, "timings",
                 json_pack("{s:f, s:f}", "train", t->fit_seconds, "encode", t->encode_seconds),
                 err));
    TRY(health_add(t->report, &t->quality, err));
    TRY(encoded_report(&t->result, &t->encode_options, t->report, err));
    if (t->data.n_held == 0) return SEMID_OK;

    TRY(json_set(t->report, "holdout", json_object(), err));
    return health_add(json_object_get(t->report, "holdout"), &t->held_quality, err);
}

/* ---- the step ---- */

static semid_status save(training *t, semid_error *err) {
    semid_status status = SEMID_OK;
    char *codebooks = NULL, *codes = NULL, *metrics = NULL;
    TRY_GOTO(path_join(&codebooks, t->p->out, "codebooks.npz", err));
    TRY_GOTO(path_join(&codes, t->p->out, "codes.npy", err));
    TRY_GOTO(path_join(&metrics, t->p->out, "metrics.json", err));

    /* the model before the codebooks that belong to it; metrics.json, which describes all, last */
    TRY_GOTO(train_model_save(t->p->out, final_model(t), final_codebook(t), err));
    TRY_GOTO(semid_codebook_save(final_codebook(t), codebooks, err));
    TRY_GOTO(encoded_save(&t->result, t->encoded_rows, codes, err));
    TRY_GOTO(json_file_save(t->report, metrics, err));
done:
    mem_free(codebooks);
    mem_free(codes);
    mem_free(metrics);
    return status;
}

semid_status step_train(const train_params *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    static const char *const outputs[] = {"codebooks.npz",
                                          "codes.npy",
                                          "codes.rows.npy",
                                          "metrics.json",
                                          "model.safetensors",
                                          "checkpoint.safetensors",
                                          NULL};
    semid_status status = SEMID_OK;
    step_timer timer = step_begin();
    training t = {.p = params, .ctx = ctx};
    TRY(check_usage(params, err));
    TRY(output_check_folder(params->out, outputs, err));

    TRY_GOTO(json_made(&t.report, json_object(), err));
    TRY_GOTO(load_start(&t, err));

    /* The rows to encode are opened before the fit: a mistake there must not cost one. */
    static const concat_params alone = {0};
    if (params->train) TRY_GOTO(open_rows(&t, &t.train_rows, params->in, &params->concat, err));
    if (params->encode)
        TRY_GOTO(open_rows(&t, &t.other_rows, params->encode, &alone, err));
    else if (!params->train)
        TRY_GOTO(open_rows(&t, &t.other_rows, params->in, &params->concat, err));
    t.encoded_rows = params->train && !params->encode ? &t.train_rows : &t.other_rows;

    if (params->train) TRY_GOTO(fit(&t, err));
    TRY_GOTO(encode(&t, err));

    TRY_GOTO(make_report(&t, err));
    TRY_GOTO(step_end(timer, t.report, err));
    TRY_GOTO(save(&t, err));
    *report = json_incref(t.report);
done:
    encoded_release(&t.result);
    semid_quality_release(&t.quality);
    semid_quality_release(&t.held_quality);
    semid_codebook_free(t.codebook);
    semid_codebook_free(t.start);
    semid_model_free(t.model);
    semid_model_free(t.start_model);
    train_data_release(&t.data);
    file_rows_close(&t.train_rows);
    file_rows_close(&t.other_rows);
    json_decref(t.layout);
    json_decref(t.report);
    return status;
}
