#include "learn/model_checkpoint.h"

#include "base/memory.h"
#include "formats/crc32.h"
#include "formats/embeddings.h"
#include "formats/safetensors.h"
#include "semid/codes.h"
#include "semid/version.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 10, EPOCH_FIGURES = 6, TEXT_BYTES = 64 };

/* ---- what was trained how ---- */

static json_t *widths(const mlp_shape *s) {
    json_t *list = json_array();
    for (size_t i = 0; i <= s->n_layers; i++)
        json_array_append_new(list, json_integer((json_int_t)s->sizes[i]));
    return list;
}

static json_int_t data_mark(const float *x, size_t n, size_t dim) {
    return (json_int_t)crc32_update(0, x, n * dim * sizeof *x);
}

static json_int_t start_mark(const semid_model_params *p) {
    if (!p->start) return 0;
    uint32_t crc = model_codebook_mark(p->start_codebook);
    return (json_int_t)crc32_update(crc, p->start->params, p->start->n_params * sizeof(float));
}

semid_status checkpoint_describe(checkpoint *c, const semid_model_params *p, const float *x,
                                 size_t n, size_t dim, semid_error *err) {
    const semid_ema_params *q = &p->quantizer;
    json_t *run = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:s, s:s, s:f, s:f, s:I, s:I, s:f, s:f, s:f, "
        "s:I}",
        "version", semid_version(), "instruction set", kernels()->tier, "rows", (json_int_t)n,
        "data", data_mark(x, n, dim), "seed", (json_int_t)q->seed, "L", (json_int_t)p->n_levels,
        "K", (json_int_t)q->n_codewords, "widths", widths(&c->trainer->model->encoder.shape),
        "gradient", p->gradient == SEMID_GRADIENT_ROTATION ? "rotation" : "ste", "codebook-update",
        p->update == SEMID_UPDATE_GRAD ? "grad" : "ema", "lr", p->lr, "weight-decay",
        p->weight_decay, "epochs", (json_int_t)q->n_epochs, "batch-size", (json_int_t)q->batch_rows,
        "beta", q->beta, "decay", q->decay, "entropy-reg", q->entropy_reg, "start", start_mark(p));
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

static semid_status compare_runs(const char *path, const json_t *ours, const json_t *theirs,
                                 semid_error *err) {
    const char *key;
    const json_t *value;
    char wanted[TEXT_BYTES], found[TEXT_BYTES];
    if (!json_is_object(theirs))
        FAIL(SEMID_ERR_FORMAT, "%s: expected a JSON object in tensor run", path);
    json_object_foreach((json_t *)(uintptr_t)ours, key, value) {
        const json_t *other = json_object_get(theirs, key);
        if (json_equal(value, other)) continue;
        FAIL(SEMID_ERR_DATA,
             "%s: expected a checkpoint of this training (%s: %s), found one of another (%s); "
             "delete it or give the same options and data",
             path, key, short_text(value, wanted), short_text(other, found));
    }
    return SEMID_OK;
}

static semid_status check_run(const checkpoint *c, const safetensors *file, semid_error *err) {
    array a;
    TRY(safetensors_get(file, "run", &a, err));
    if (a.type != DTYPE_U8)
        FAIL(SEMID_ERR_FORMAT, "%s: tensor run: expected bytes, found %s", c->path,
             dtype_name(a.type));
    json_t *ours = json_loads(c->run, 0, NULL);
    json_t *theirs = json_loadb(a.data, a.n_bytes, 0, NULL);
    semid_status status = ours ? compare_runs(c->path, ours, theirs, err) : SEMID_ERR_NO_MEMORY;
    json_decref(ours);
    json_decref(theirs);
    return status;
}

/* ---- the state as tensors ---- */

typedef struct piece {
    const char *name;
    dtype type;
    size_t n_dims;
    size_t shape[3];
    void *data;
} piece;

typedef struct pieces {
    piece list[MAX_TENSORS];
    size_t n;
    double *figures;  /* [n_done, EPOCH_FIGURES] */
    float *codewords; /* [L, K, latent] */
    double *usage;    /* [L, K] */
    float *mass;      /* [L, K, latent] */
} pieces;

static void add(pieces *s, piece p) {
    s->list[s->n++] = p;
}

static void add_networks(pieces *s, const model_trainer *t) {
    size_t n = t->model->n_params;
    add(s, (piece){"parameters", DTYPE_F32, 1, {n}, t->model->params});
    add(s, (piece){"adamw.m", DTYPE_F32, 1, {n}, t->m});
    add(s, (piece){"adamw.v", DTYPE_F32, 1, {n}, t->v});
}

static semid_status add_codewords(pieces *s, const model_trainer *t, size_t K, semid_error *err) {
    size_t L = t->n_levels, latent = semid_model_latent(t->model);
    TRY(mem_alloc(&s->codewords, L * K, latent * sizeof(float), err));
    TRY(mem_alloc(&s->usage, L, K * sizeof(double), err));
    add(s, (piece){"codewords", DTYPE_F32, 3, {L, K, latent}, s->codewords});
    add(s, (piece){"usage", DTYPE_F64, 2, {L, K}, s->usage});
    if (t->codes_by_gradient) {
        add(s, (piece){"codewords.m", DTYPE_F32, 3, {L, K, latent}, t->code_m});
        add(s, (piece){"codewords.v", DTYPE_F32, 3, {L, K, latent}, t->code_v});
        return SEMID_OK;
    }
    TRY(mem_alloc(&s->mass, L * K, latent * sizeof(float), err));
    add(s, (piece){"mass", DTYPE_F32, 3, {L, K, latent}, s->mass});
    return SEMID_OK;
}

static void copy_levels(pieces *s, model_trainer *t, bool to_levels) {
    for (size_t l = 0; l < t->n_levels; l++) {
        ema_level *level = &t->levels[l];
        size_t K = level->n_codewords, n = K * level->dim;
        float *codewords = s->codewords + l * n, *mass = s->mass ? s->mass + l * n : NULL;
        double *usage = s->usage + l * K;
        memcpy(to_levels ? level->codewords : codewords, to_levels ? codewords : level->codewords,
               n * sizeof(float));
        memcpy(to_levels ? level->n : usage, to_levels ? usage : level->n, K * sizeof(double));
        if (mass)
            memcpy(to_levels ? level->m : mass, to_levels ? mass : level->m, n * sizeof(float));
    }
}

static void release_pieces(pieces *s) {
    mem_free(s->figures);
    mem_free(s->codewords);
    mem_free(s->usage);
    mem_free(s->mass);
}

/* ---- saving ---- */

static void store_figures(const checkpoint *c, double *out) {
    for (size_t e = 0; e < c->n_done; e++, out += EPOCH_FIGURES) {
        const semid_model_epoch *f = &c->epochs[e];
        const double figures[EPOCH_FIGURES] = {f->loss,     f->recon,   f->commit,
                                               f->codebook, f->entropy, (double)f->n_revived};
        memcpy(out, figures, sizeof figures);
    }
}

semid_status checkpoint_save(const checkpoint *c, semid_error *err) {
    semid_status status = SEMID_OK;
    safetensors_tensor tensors[MAX_TENSORS];
    pieces s = {0};
    TRY_GOTO(mem_alloc(&s.figures, c->n_done, EPOCH_FIGURES * sizeof(double), err));
    store_figures(c, s.figures);
    add(&s, (piece){"run", DTYPE_U8, 1, {strlen(c->run)}, c->run});
    add(&s, (piece){"epochs", DTYPE_F64, 2, {c->n_done, EPOCH_FIGURES}, s.figures});
    add_networks(&s, c->trainer);
    if (c->quantizes) {
        TRY_GOTO(add_codewords(&s, c->trainer, c->trainer->levels[0].n_codewords, err));
        copy_levels(&s, c->trainer, false);
    }
    for (size_t i = 0; i < s.n; i++) {
        tensors[i] = (safetensors_tensor){
            s.list[i].name, s.list[i].type, s.list[i].n_dims, {0}, s.list[i].data};
        memcpy(tensors[i].shape, s.list[i].shape, sizeof s.list[i].shape);
    }
    TRY_GOTO(safetensors_save(c->path, tensors, s.n, err));
done:
    release_pieces(&s);
    return status;
}

/* ---- loading ---- */

static semid_status load_piece(const checkpoint *c, const safetensors *file, const piece *p,
                               semid_error *err) {
    array a;
    char wanted[ARRAY_SHAPE_TEXT_BYTES], found[ARRAY_SHAPE_TEXT_BYTES];
    TRY(safetensors_get(file, p->name, &a, err));
    if (a.type != p->type || a.n_dims != p->n_dims ||
        memcmp(a.shape, p->shape, p->n_dims * sizeof *a.shape) != 0)
        FAIL(SEMID_ERR_SHAPE, "%s: tensor %s: expected shape %s %s, found %s", c->path, p->name,
             shape_describe(p->n_dims, p->shape, wanted), dtype_name(p->type),
             array_describe(&a, found));
    memcpy(p->data, a.data, a.n_bytes);
    return SEMID_OK;
}

static semid_status load_epochs(checkpoint *c, const safetensors *file, size_t max_epochs,
                                semid_error *err) {
    array a;
    char found[ARRAY_SHAPE_TEXT_BYTES];
    TRY(safetensors_get(file, "epochs", &a, err));
    if (a.type != DTYPE_F64 || a.n_dims != 2 || a.shape[0] > max_epochs ||
        a.shape[1] != EPOCH_FIGURES)
        FAIL(SEMID_ERR_SHAPE, "%s: tensor epochs: expected at most [%zu, %d] float64, found %s",
             c->path, max_epochs, EPOCH_FIGURES, array_describe(&a, found));
    c->n_done = a.shape[0];
    const double *f = a.data;
    for (size_t e = 0; e < c->n_done; e++, f += EPOCH_FIGURES)
        c->epochs[e] = (semid_model_epoch){f[0], f[1], f[2],
                                           f[3], f[4], f[5] >= 0 && f[5] < 1e15 ? (size_t)f[5] : 0};
    return SEMID_OK;
}

static semid_status check_finite(const checkpoint *c, const pieces *s, semid_error *err) {
    for (size_t i = 0; i < s->n; i++) {
        const piece *p = &s->list[i];
        size_t n = 1, bad;
        if (p->type != DTYPE_F32) continue;
        for (size_t d = 0; d < p->n_dims; d++) n *= p->shape[d];
        if (rows_not_finite(p->data, n, 1, &bad) > 0)
            FAIL(SEMID_ERR_DATA, "%s: tensor %s: expected finite numbers, found NaN or Inf",
                 c->path, p->name);
    }
    return SEMID_OK;
}

static semid_status load_levels(checkpoint *c, pieces *s, const safetensors *file, size_t K,
                                bool biased, semid_error *err) {
    model_trainer *t = c->trainer;
    size_t first = s->n, latent = semid_model_latent(t->model);
    TRY(add_codewords(s, t, K, err));
    for (size_t i = first; i < s->n; i++) TRY(load_piece(c, file, &s->list[i], err));
    for (size_t l = 0; l < t->n_levels; l++)
        TRY(ema_level_init(&t->levels[l], K, latent, s->codewords + l * K * latent, biased, err));
    copy_levels(s, t, true);
    return SEMID_OK;
}

semid_status checkpoint_load(checkpoint *c, size_t max_epochs, size_t n_codewords,
                             semid_error *err) {
    semid_status status = SEMID_OK;
    safetensors *file = NULL;
    pieces s = {0};
    TRY_GOTO(safetensors_open(&file, c->path, err));
    TRY_GOTO(check_run(c, file, err));
    TRY_GOTO(load_epochs(c, file, max_epochs, err));
    add_networks(&s, c->trainer);
    for (size_t i = 0; i < s.n; i++) TRY_GOTO(load_piece(c, file, &s.list[i], err));
    c->quantizes = safetensors_has(file, "codewords");
    if (c->quantizes)
        TRY_GOTO(load_levels(c, &s, file, n_codewords, c->trainer->rules.usage_cost > 0, err));
    TRY_GOTO(check_finite(c, &s, err));
    model_refresh(c->trainer->model);
done:
    release_pieces(&s);
    safetensors_close(file);
    return status;
}
