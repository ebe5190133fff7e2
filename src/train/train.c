#include "train/train.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/log.h"
#include "base/memory.h"
#include "formats/npy.h"
#include "input/pca.h"
#include "input/vectors.h"
#include "kernels/kernels.h"
#include "kmeans/kmeans_start.h"
#include "pipeline/health.h"
#include "pipeline/train_encode.h"
#include "semid/quality.h"
#include "semid/version.h"
#include "train/train_data.h"
#include "train/train_fit.h"
#include "train/train_model.h"

/* A plain quantizer needs many codewords, and each of them some rows to be learned from. */
enum { VQ_CODEWORDS = 4096, VQ_ROWS_PER_CODEWORD = 8, RQ_LEVELS = 4, RQ_CODEWORDS = 256 };

typedef struct training {
    const train_params *p;
    const step_context *ctx;
    json_t *report;
    semid_codebook *start;    /* of --load or --init, or NULL */
    semid_model *start_model; /* beside --load, or NULL */
    vectors train_vectors, encode_vectors;
    json_t *layout;                 /* of the files side by side, or null */
    const vectors *encoded_vectors; /* the one of both that is encoded */
    train_data data;
    train_shape shape;
    semid_codebook *codebook;
    semid_model *model; /* with networks or --pca */
    double pca_kept;    /* share of the variance */
    encoded result;
    semid_quality quality, held_quality; /* of its codes */
    double fit_seconds, encode_seconds;
} training;

/* ---- what is asked for ---- */

static semid_status check_usage(const train_params *p, semid_error *err) {
    if (p->load && p->init)
        FAIL(SEMID_ERR_USAGE, "--load and --init: expected one of them, found both");
    if (!p->train && !p->load)
        FAIL(SEMID_ERR_USAGE, "--no-train: expected --load codebooks.npz to encode with");
    if (!p->train && p->holdout > 0)
        FAIL(SEMID_ERR_USAGE, "--holdout: nothing is held out with --no-train");
    if (p->encode && p->holdout > 0)
        FAIL(SEMID_ERR_USAGE, "--holdout measures the training file: it excludes --encode");
    if (p->encode && p->concat.files.n_items > 0)
        FAIL(SEMID_ERR_USAGE, "--concat and --encode: expected one of them, found both; encode the "
                              "other vectors with semid encode");
    if (p->balance && p->beam > 1)
        FAIL(SEMID_ERR_USAGE, "--balance and --beam: expected one of them, found both");
    if (p->method == TRAIN_VQVAE && p->L > 1)
        FAIL(SEMID_ERR_USAGE, "--L: vqvae has one level, found %lld", (long long)p->L);
    return train_model_check(p, err);
}

static const char *start_path(const train_params *p) {
    return p->load ? p->load : p->init;
}

/* The start must be of the method's kind and of the shape that was asked for, if any was. */
static semid_status check_start(const training *t, semid_error *err) {
    const train_params *p = t->p;
    size_t L = semid_codebook_levels(t->start), K = semid_codebook_codewords(t->start);
    size_t d = semid_codebook_dim(t->start), want_L = p->L > 0 ? (size_t)p->L : L;
    size_t want_K = p->K > 0 ? (size_t)p->K : K;
    if (p->method == TRAIN_VQVAE && L != 1)
        FAIL(SEMID_ERR_SHAPE, "%s: expected [K, d] codewords for vqvae, found [%zu, %zu, %zu]",
             start_path(p), L, K, d);
    if (p->method != TRAIN_VQVAE && semid_codebook_is_vq(t->start))
        FAIL(SEMID_ERR_SHAPE,
             "%s: expected [L, K, d] codewords for %s, found [%zu, %zu] (of vqvae?)", start_path(p),
             train_method_names[p->method], K, d);
    if (L != want_L || K != want_K)
        FAIL(SEMID_ERR_SHAPE, "%s: expected [%zu, %zu, d] codewords, found [%zu, %zu, %zu]",
             start_path(p), want_L, want_K, L, K, d);
    return SEMID_OK;
}

static semid_status load_start(training *t, semid_error *err) {
    if (!start_path(t->p)) return SEMID_OK;
    TRY(semid_codebook_load(NULL, &t->start, start_path(t->p), err));
    TRY(check_start(t, err));
    if (t->p->load) TRY(semid_model_beside(NULL, &t->start_model, t->p->load, t->start, err));
    return train_model_check_start(t->p, t->start_model, err);
}

/* ---- training ---- */

static train_shape choose_shape(const training *t) {
    if (t->start)
        return (train_shape){semid_codebook_levels(t->start), semid_codebook_codewords(t->start)};
    bool vq = t->p->method == TRAIN_VQVAE;
    size_t K = RQ_CODEWORDS;
    if (vq) {
        K = t->data.n_rows / VQ_ROWS_PER_CODEWORD;
        K = K > VQ_CODEWORDS ? VQ_CODEWORDS : K > 0 ? K : 1;
    }
    return (train_shape){.n_levels = vq            ? 1
                                     : t->p->L > 0 ? (size_t)t->p->L
                                                   : RQ_LEVELS,
                         .n_codewords = t->p->K > 0 ? (size_t)t->p->K : K};
}

/* As many codewords as there are different rows can be told apart, no more. */
static semid_status check_distinct(training *t, semid_error *err) {
    size_t n = 0, K = t->shape.n_codewords;
    const char *path = embeddings_path(t->train_vectors.file);
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

static semid_status check_start_dim(const training *t, semid_error *err) {
    size_t found = t->model ? semid_model_latent(t->model) : t->data.dim;
    size_t dim = t->start_model ? semid_model_dim(t->start_model)
                 : t->start     ? semid_codebook_dim(t->start)
                                : found;
    if (dim != found)
        FAIL(SEMID_ERR_SHAPE, "%s: expected %s of dimension %zu as in %s, found %zu", t->p->in,
             t->model ? "principal components" : "vectors", dim, start_path(t->p), found);
    return SEMID_OK;
}

static semid_status open_file(training *t, vectors *out, const char *path,
                              const concat_params *sources, semid_error *err) {
    embeddings *file;
    json_t *layout;
    TRY(concat_open(&file, &layout, path, sources, start_path(t->p), err));
    json_decref(t->layout);
    t->layout = layout;
    return vectors_scan(out, file, t->p->skip_bad_rows, err);
}

/* What is encoded in the end is opened before the fit: a mistake there must not cost one. */
static semid_status open_vectors(training *t, semid_error *err) {
    const train_params *p = t->p;
    static const concat_params alone = {0};
    if (p->train) TRY(open_file(t, &t->train_vectors, p->in, &p->concat, err));
    t->encoded_vectors = &t->train_vectors;
    if (p->train && !p->encode) return SEMID_OK;
    t->encoded_vectors = &t->encode_vectors;
    if (p->encode) return open_file(t, &t->encode_vectors, p->encode, &alone, err);
    return open_file(t, &t->encode_vectors, p->in, &p->concat, err);
}

static semid_status fit_pca(training *t, semid_error *err) {
    const train_params *p = t->p;
    if (p->pca == 0) return SEMID_OK;
    if (pca_fit(&t->model, t->data.rows.x, t->data.n_rows, t->data.dim, (size_t)p->pca,
                p->pca_whiten, &t->pca_kept, err) != SEMID_OK)
        return error_prefix(err, "%s: --pca", embeddings_path(t->train_vectors.file));
    log_info("pca: %lld of %zu dimensions keep %.1f%% of the variance", (long long)p->pca,
             t->data.dim, 100 * t->pca_kept);
    return SEMID_OK;
}

/* A linear map stays as it is, and the method works on what it gives. */
static semid_status project(training *t, semid_error *err) {
    if (t->start_model && train_model_is_linear(t->start_model)) {
        t->model = t->start_model;
        t->start_model = NULL;
    }
    return t->model ? train_data_project(&t->data, t->model, err) : SEMID_OK;
}

static semid_status take_rows(training *t, semid_error *err) {
    bool at_hand = t->start_model || t->p->hidden.n_items > 0 || t->p->pca > 0;
    TRY(train_data_take(&t->data, &t->train_vectors, t->p, t->ctx->seed, err));
    t->shape = choose_shape(t);
    return train_data_check_memory(&t->data, t->p, t->shape.n_levels, t->shape.n_codewords, at_hand,
                                   err);
}

static semid_status fit(training *t, semid_error *err) {
    TRY(take_rows(t, err));
    double start_s = clock_seconds();
    TRY(fit_pca(t, err));
    TRY(check_start_dim(t, err));
    TRY(project(t, err));
    TRY(check_distinct(t, err));
    if (t->p->unique)
        TRY(encode_check_unique(t->encoded_vectors, t->shape.n_levels, t->shape.n_codewords, err));
    if (t->start_model || t->p->hidden.n_items > 0)
        TRY(train_model_fit(&t->codebook, &t->model, t->p, t->shape, t->start_model, t->start,
                            &t->data, t->ctx->seed, t->report, err));
    else
        TRY(train_fit(&t->codebook, t->p, t->shape, t->start, &t->data, t->ctx->seed, t->report,
                      err));
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

static encode_choice choice_of(const training *t) {
    return (encode_choice){.beam = (size_t)t->p->beam,
                           .balance = t->p->balance,
                           .unique = t->p->unique,
                           .model = final_model(t)};
}

static semid_status encode(training *t, semid_error *err) {
    double start_s = clock_seconds();
    encode_choice choice = choice_of(t);
    TRY(train_encode(&t->result, final_codebook(t), t->encoded_vectors, &choice,
                     (size_t)t->p->encode_batch_size, t->data.held, t->data.n_held, err));
    t->encode_seconds = clock_seconds() - start_s;
    return SEMID_OK;
}

static semid_status measure_rows(const training *t, const encoded_rows *r, semid_quality *out,
                                 semid_error *err) {
    return semid_quality_measure(NULL, out, &r->codes, semid_codebook_codewords(final_codebook(t)),
                                 r->mse, t->encoded_vectors->variance, err);
}

static semid_status measure(training *t, semid_error *err) {
    TRY(measure_rows(t, &t->result.all, &t->quality, err));
    if (t->data.n_held == 0) return SEMID_OK;
    return measure_rows(t, &t->result.held, &t->held_quality, err);
}

/* ---- report ---- */

static json_t *options_json(const train_params *p) {
    return json_pack("{s:I, s:I, s:I, s:f, s:I, s:f, s:b, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:b, "
                     "s:b, s:s?, s:s?}",
                     "L", (json_int_t)p->L, "K", (json_int_t)p->K, "max_train",
                     (json_int_t)p->max_train, "holdout", p->holdout, "iters", (json_int_t)p->iters,
                     "tol", p->tol, "shrink", (int)p->shrink, "epochs", (json_int_t)p->epochs,
                     "batch_size", (json_int_t)p->batch_size, "dist_chunk",
                     (json_int_t)p->dist_chunk, "beta", p->beta, "decay", p->decay, "entropy_reg",
                     p->entropy_reg, "beam", (json_int_t)p->beam, "balance", (int)p->balance,
                     "unique", (int)p->unique, "init", p->init, "load", p->load);
}

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

static semid_status report_inputs(const training *t, semid_error *err) {
    const vectors *trained = t->p->train ? &t->train_vectors : &t->encode_vectors;
    json_t *inputs = json_pack(
        "{s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:O, s:o, s:o, s:o}", "method",
        train_method_names[t->p->method], "version", semid_version(), "seed",
        (json_int_t)t->ctx->seed, "isa", kernels()->tier, "input", t->p->in, "encoded",
        embeddings_path(t->encoded_vectors->file), "train_rows", (json_int_t)t->data.n_rows,
        "skipped_rows", (json_int_t)t->encoded_vectors->n_bad, "K",
        (json_int_t)t->quality.n_codewords, "dim", (json_int_t)t->encoded_vectors->dim,
        "input_unit_norm", (int)trained->unit_norm, "concat", t->layout, "network", network_json(t),
        "pca", pca_json(t), "options", options_json(t->p));
    int failed = !inputs || json_object_update(t->report, inputs) != 0;
    json_decref(inputs);
    if (failed) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return SEMID_OK;
}

static semid_status report_results(const training *t, semid_error *err) {
    json_t *timings = json_pack("{s:f, s:f}", "train", t->fit_seconds, "encode", t->encode_seconds);
    if (json_object_set_new(t->report, "timings", timings) != 0)
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    encode_choice choice = choice_of(t);
    TRY(health_add(t->report, &t->quality, err));
    TRY(encoded_report(&t->result, &choice, t->report, err));
    if (t->data.n_held == 0) return SEMID_OK;
    json_t *held = json_object();
    if (json_object_set_new(t->report, "holdout", held) != 0)
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return health_add(held, &t->held_quality, err);
}

/* Which rows of the file the codes belong to, where some were left out; else no list of an earlier
 * training stays. */
static semid_status save_rows(const training *t, semid_error *err) {
    const vectors *v = t->encoded_vectors;
    char *path = NULL;
    semid_status status = SEMID_OK;
    TRY(path_join(&path, t->p->out, "codes.rows.npy", err));
    if (v->usable)
        TRY_GOTO(npy_save(path, DTYPE_I64, 1, &v->n_rows, v->usable, err));
    else
        TRY_GOTO(file_remove(path, err));
done:
    mem_free(path);
    return status;
}

static semid_status save(const training *t, semid_error *err) {
    semid_status status = SEMID_OK;
    char *codebooks = NULL, *codes = NULL, *metrics = NULL;
    TRY_GOTO(path_join(&codebooks, t->p->out, "codebooks.npz", err));
    TRY_GOTO(path_join(&codes, t->p->out, "codes.npy", err));
    TRY_GOTO(path_join(&metrics, t->p->out, "metrics.json", err));
    TRY_GOTO(train_model_save(t->p->out, final_model(t), final_codebook(t), err));
    TRY_GOTO(semid_codebook_save(final_codebook(t), codebooks, err));
    TRY_GOTO(semid_codes_save(&t->result.all.codes, codes, err));
    TRY_GOTO(save_rows(t, err));
    TRY_GOTO(json_file_save(t->report, metrics, err));
done:
    mem_free(codebooks);
    mem_free(codes);
    mem_free(metrics);
    return status;
}

static void release(training *t) {
    encoded_release(&t->result);
    semid_quality_release(&t->quality);
    semid_quality_release(&t->held_quality);
    semid_codebook_free(t->codebook);
    semid_model_free(t->model);
    semid_model_free(t->start_model);
    semid_codebook_free(t->start);
    train_data_release(&t->data);
    vectors_close(&t->train_vectors);
    vectors_close(&t->encode_vectors);
    json_decref(t->layout);
    json_decref(t->report);
}

semid_status step_train(const train_params *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    semid_status status = SEMID_OK;
    step_timer timer = step_begin();
    training t = {.p = params, .ctx = ctx};
    TRY(check_usage(params, err));
    if (path_exists(params->out) && !path_is_dir(params->out))
        FAIL(SEMID_ERR_IO, "%s: expected a folder to write into, found a file", params->out);
    t.report = json_object();
    if (!t.report) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    TRY_GOTO(load_start(&t, err));
    TRY_GOTO(open_vectors(&t, err));
    if (params->train) TRY_GOTO(fit(&t, err));
    TRY_GOTO(encode(&t, err));
    TRY_GOTO(measure(&t, err));
    TRY_GOTO(report_inputs(&t, err));
    TRY_GOTO(report_results(&t, err));
    TRY_GOTO(step_end(timer, t.report, err));
    TRY_GOTO(save(&t, err));
    *report = json_incref(t.report);
done:
    release(&t);
    return status;
}
