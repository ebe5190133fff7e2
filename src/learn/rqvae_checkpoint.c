#include "learn/rqvae_checkpoint.h"

#include "base/finite.h"
#include "base/memory.h"
#include "formats/safetensors.h"
#include "kernels/kernels.h"
#include "semid/version.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* A checkpoint is a safetensors file with all that the next epoch depends on: the networks, the
 * moments of AdamW, codewords with their averages or moments, and the figures of the epochs so far.
 * Nothing of the random numbers: each epoch draws from a stream of its own (rqvae.c). So a resumed
 * training gives the bits of one that ran through.
 *
 * That only holds for the same training. Tensor "run" describes it, as JSON: every parameter that
 * the result depends on, the library and its instruction set, and a checksum of the data. A
 * checkpoint with another description is refused, by the first difference. The file is data from
 * outside: shapes, types and numbers are checked before they are used. */

enum { MAX_TENSORS = 10, EPOCH_FIGURES = 6, TEXT_BYTES = 64 };

/* ---- the description of a training ---- */

semid_status rqvae_checkpoint_describe(rqvae_checkpoint *c, const semid_rqvae_params *p,
                                       const row_source *rows, semid_error *err) {
    const semid_ema_params *q = &p->quantizer;
    const mlp_shape *encoder = &c->trainer->model->encoder.shape;
    const float *x;
    uint32_t data = 0;
    json_int_t start = 0;
    for (size_t row = 0, n; row < rows->n; row += n) {
        TRY(row_source_block(rows, row, &x, &n, err));
        data = (uint32_t)crc32_z(data, (const uint8_t *)x, n * rows->dim * sizeof *x);
    }
    if (p->start)
        start = (json_int_t)crc32_z(model_codebook_mark(p->start_codebook),
                                    (const uint8_t *)p->start->params,
                                    p->start->n_params * sizeof(float));
    json_t *widths = json_array();
    for (size_t i = 0; i <= encoder->n_layers; i++)
        json_array_append_new(widths, json_integer((json_int_t)encoder->sizes[i]));

    /* In the order in which differences are looked for. */
    json_t *run = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:s, s:s, s:f, s:f, s:I, s:I, s:f, s:f, s:f, "
        "s:f, s:f, s:I}",
        "version", semid_version(), "instruction set", kernels()->tier, "rows", (json_int_t)rows->n,
        "data", (json_int_t)data, "seed", (json_int_t)q->seed, "L", (json_int_t)q->n_levels, "K",
        (json_int_t)q->n_codewords, "widths", widths, "gradient",
        p->gradient == SEMID_GRADIENT_ROTATION ? "rotation" : "ste", "codebook-update",
        p->update == SEMID_UPDATE_GRAD ? "grad" : "ema", "lr", p->lr, "weight-decay",
        p->weight_decay, "epochs", (json_int_t)q->n_epochs, "batch-size", (json_int_t)q->batch_rows,
        "beta", q->beta, "decay", q->decay, "entropy-reg", q->entropy_reg, "epsilon", q->epsilon,
        "dead-share", q->dead_share, "start", start);
    char *text = run ? json_dumps(run, JSON_COMPACT) : NULL;
    json_decref(run);
    if (!text) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the checkpoint");

    semid_status status = mem_strdup(&c->run, text, err);
    free(text);
    return status;
}

static const char *short_text(const json_t *v, char buf[TEXT_BYTES]) {
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    strncpy(buf, text ? text : "nothing", TEXT_BYTES - 1);
    buf[TEXT_BYTES - 1] = 0;
    free(text);
    return buf;
}

/* The first difference between our description and that in the file. */
static semid_status check_run(const rqvae_checkpoint *c, const safetensors *file,
                              semid_error *err) {
    semid_status status = SEMID_OK;
    array a;
    const char *key;
    json_t *value;
    char wanted[TEXT_BYTES], found[TEXT_BYTES];
    TRY(safetensors_get(file, "run", &a, err));
    if (a.type != DTYPE_U8)
        FAIL(SEMID_ERR_FORMAT, "%s: tensor run: expected bytes, found %s", c->path,
             dtype_name(a.type));

    json_t *ours = json_loads(c->run, 0, NULL);
    json_t *theirs = json_loadb(a.data, a.n_bytes, 0, NULL);
    if (!ours) FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: the checkpoint");
    if (!json_is_object(theirs))
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: expected a JSON object in tensor run", c->path);

    json_object_foreach(ours, key, value) {
        const json_t *other = json_object_get(theirs, key);
        if (json_equal(value, other)) continue;
        FAIL_GOTO(SEMID_ERR_DATA,
                  "%s: expected a checkpoint of this training (%s: %s), found one of another "
                  "(%s); delete it or give the same options and data",
                  c->path, key, short_text(value, wanted), short_text(other, found));
    }
done:
    json_decref(ours);
    json_decref(theirs);
    return status;
}

/* ---- the state as tensors ---- */

typedef struct state_tensor {
    const char *name;
    dtype type;
    size_t n_dims;
    size_t shape[3];
    void *data;
} state_tensor;

/* Tensors to be written or read, and those of their buffers that the trainer does not hold as one:
 * levels have their own. */
typedef struct training_state {
    state_tensor list[MAX_TENSORS];
    size_t n;
    double *figures;  /* [n_done, EPOCH_FIGURES] */
    float *codewords; /* [L, K, latent] */
    double *usage;    /* [L, K] n_k */
    float *mass;      /* [L, K, latent] m_k */
} training_state;

static void add(training_state *s, state_tensor tensor) {
    s->list[s->n++] = tensor;
}

static void add_networks(training_state *s, const rqvae_trainer *t) {
    size_t n = t->model->n_params;
    add(s, (state_tensor){"parameters", DTYPE_F32, 1, {n}, t->model->params});
    add(s, (state_tensor){"adamw.m", DTYPE_F32, 1, {n}, t->m});
    add(s, (state_tensor){"adamw.v", DTYPE_F32, 1, {n}, t->v});
}

static semid_status add_codewords(training_state *s, const rqvae_trainer *t, semid_error *err) {
    const codebook_trainer *c = &t->codebooks;
    size_t L = c->params->n_levels, K = c->params->n_codewords, latent = c->dim;
    TRY(mem_alloc(&s->codewords, L * K, latent * sizeof(float), err));
    TRY(mem_alloc(&s->usage, L, K * sizeof(double), err));
    add(s, (state_tensor){"codewords", DTYPE_F32, 3, {L, K, latent}, s->codewords});
    add(s, (state_tensor){"usage", DTYPE_F64, 2, {L, K}, s->usage});

    if (t->codes_by_gradient) {
        add(s, (state_tensor){"codewords.m", DTYPE_F32, 3, {L, K, latent}, t->code_m});
        add(s, (state_tensor){"codewords.v", DTYPE_F32, 3, {L, K, latent}, t->code_v});
        return SEMID_OK;
    }
    TRY(mem_alloc(&s->mass, L * K, latent * sizeof(float), err));
    add(s, (state_tensor){"mass", DTYPE_F32, 3, {L, K, latent}, s->mass});
    return SEMID_OK;
}

static void copy(void *levels, void *state, size_t n_bytes, bool to_levels) {
    memcpy(to_levels ? levels : state, to_levels ? state : levels, n_bytes);
}

static void copy_levels(training_state *s, const codebook_trainer *c, bool to_levels) {
    for (size_t l = 0; l < c->params->n_levels; l++) {
        level_state *level = &c->levels[l];
        size_t K = level->n_codewords, n = K * level->dim;
        copy(level->codewords, s->codewords + l * n, n * sizeof(float), to_levels);
        copy(level->n, s->usage + l * K, K * sizeof(double), to_levels);
        if (s->mass) copy(level->m, s->mass + l * n, n * sizeof(float), to_levels);
    }
}

static void release_state(training_state *s) {
    mem_free(s->figures);
    mem_free(s->codewords);
    mem_free(s->usage);
    mem_free(s->mass);
}

/* ---- saving ---- */

semid_status rqvae_checkpoint_save(const rqvae_checkpoint *c, semid_error *err) {
    semid_status status = SEMID_OK;
    safetensors_tensor tensors[MAX_TENSORS];
    training_state s = {0};
    TRY_GOTO(mem_alloc(&s.figures, c->n_done, EPOCH_FIGURES * sizeof(double), err));
    for (size_t e = 0; e < c->n_done; e++) {
        const semid_rqvae_epoch *f = &c->epochs[e];
        const double figures[EPOCH_FIGURES] = {f->loss,     f->recon,   f->commit,
                                               f->codebook, f->entropy, (double)f->n_revived};
        memcpy(s.figures + e * EPOCH_FIGURES, figures, sizeof figures);
    }

    add(&s, (state_tensor){"run", DTYPE_U8, 1, {strlen(c->run)}, c->run});
    add(&s, (state_tensor){"epochs", DTYPE_F64, 2, {c->n_done, EPOCH_FIGURES}, s.figures});
    add_networks(&s, c->trainer);
    if (c->quantizes) {
        TRY_GOTO(add_codewords(&s, c->trainer, err));
        copy_levels(&s, &c->trainer->codebooks, false);
    }

    for (size_t i = 0; i < s.n; i++) {
        tensors[i] = (safetensors_tensor){
            s.list[i].name, s.list[i].type, s.list[i].n_dims, {0}, s.list[i].data};
        memcpy(tensors[i].shape, s.list[i].shape, sizeof s.list[i].shape);
    }
    TRY_GOTO(safetensors_save(c->path, tensors, s.n, err));
done:
    release_state(&s);
    return status;
}

/* ---- loading ---- */

static semid_status load_tensor(const rqvae_checkpoint *c, const safetensors *file,
                                const state_tensor *t, semid_error *err) {
    array a;
    char wanted[ARRAY_SHAPE_TEXT_BYTES], found[ARRAY_SHAPE_TEXT_BYTES];
    TRY(safetensors_get(file, t->name, &a, err));
    if (a.type != t->type || a.n_dims != t->n_dims ||
        memcmp(a.shape, t->shape, t->n_dims * sizeof *a.shape) != 0)
        FAIL(SEMID_ERR_SHAPE, "%s: tensor %s: expected shape %s %s, found %s", c->path, t->name,
             shape_describe(t->n_dims, t->shape, wanted), dtype_name(t->type),
             array_describe(&a, found));
    memcpy(t->data, a.data, a.n_bytes);
    return SEMID_OK;
}

static semid_status load_epochs(rqvae_checkpoint *c, const safetensors *file, semid_error *err) {
    array a;
    char found[ARRAY_SHAPE_TEXT_BYTES];
    size_t max_epochs = c->trainer->codebooks.params->n_epochs;
    TRY(safetensors_get(file, "epochs", &a, err));
    if (a.type != DTYPE_F64 || a.n_dims != 2 || a.shape[0] > max_epochs ||
        a.shape[1] != EPOCH_FIGURES)
        FAIL(SEMID_ERR_SHAPE, "%s: tensor epochs: expected at most [%zu, %d] float64, found %s",
             c->path, max_epochs, EPOCH_FIGURES, array_describe(&a, found));

    /* n_revived: converting a number out of the range of size_t is undefined. */
    const double *f = a.data;
    c->n_done = a.shape[0];
    for (size_t e = 0; e < c->n_done; e++, f += EPOCH_FIGURES)
        c->epochs[e] =
            (semid_rqvae_epoch){.loss = f[0],
                                .recon = f[1],
                                .commit = f[2],
                                .codebook = f[3],
                                .entropy = f[4],
                                .n_revived = f[5] >= 0 && f[5] < 1e15 ? (size_t)f[5] : 0};
    return SEMID_OK;
}

semid_status rqvae_checkpoint_load(rqvae_checkpoint *c, semid_error *err) {
    semid_status status = SEMID_OK;
    safetensors *file = NULL;
    training_state s = {0};
    TRY_GOTO(safetensors_open(&file, c->path, err));
    TRY_GOTO(check_run(c, file, err));
    TRY_GOTO(load_epochs(c, file, err));

    add_networks(&s, c->trainer);
    for (size_t i = 0; i < s.n; i++) TRY_GOTO(load_tensor(c, file, &s.list[i], err));
    c->quantizes = safetensors_has(file, "codewords");
    if (c->quantizes) {
        codebook_trainer *t = &c->trainer->codebooks;
        size_t first = s.n, K = t->params->n_codewords;
        TRY_GOTO(add_codewords(&s, c->trainer, err));
        for (size_t i = first; i < s.n; i++) TRY_GOTO(load_tensor(c, file, &s.list[i], err));

        for (size_t l = 0; l < t->params->n_levels; l++)
            TRY_GOTO(level_init(&t->levels[l], K, t->dim, s.codewords + l * K * t->dim,
                                t->params->entropy_reg > 0, err));
        copy_levels(&s, t, true);
    }

    /* One NaN would spread to every weight. */
    for (size_t i = 0; i < s.n; i++) {
        const state_tensor *t = &s.list[i];
        size_t n = 1, bad;
        if (t->type != DTYPE_F32) continue;
        for (size_t d = 0; d < t->n_dims; d++) n *= t->shape[d];
        if (rows_not_finite(t->data, n, 1, &bad) > 0)
            FAIL_GOTO(SEMID_ERR_DATA, "%s: tensor %s: expected finite numbers, found NaN or Inf",
                      c->path, t->name);
    }
    model_refresh(c->trainer->model);
done:
    release_state(&s);
    safetensors_close(file);
    return status;
}
