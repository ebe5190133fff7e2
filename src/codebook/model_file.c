/* model.safetensors, as docs/formats.md describes it. */
#include "base/context.h"
#include "base/finite.h"
#include "base/memory.h"
#include "codebook/model.h"
#include "formats/array.h"
#include "formats/safetensors.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 32, MAX_TENSORS = 4 * MLP_MAX_LAYERS + 3 };

static const char mark_name[] = "codebooks.crc32";

static const char *tensor_name(char buf[NAME_BYTES], const char *net, size_t layer,
                               const char *what) {
    snprintf(buf, NAME_BYTES, "%s.%zu.%s", net, layer, what);
    return buf;
}

/* ---- reading ---- */

typedef struct reader {
    const char *path;
    safetensors *file;
    size_t n_read; /* tensors */
} reader;

/* A floating-point tensor; n_dims of `shape` (0: any size) are checked. */
static semid_status find(reader *r, const char *name, size_t n_dims, const size_t *shape,
                         array *out, semid_error *err) {
    char found[ARRAY_SHAPE_TEXT_BYTES], wanted[ARRAY_SHAPE_TEXT_BYTES];
    TRY(safetensors_get(r->file, name, out, err));
    bool fits = out->n_dims == n_dims;
    for (size_t i = 0; fits && i < n_dims; i++)
        fits = out->shape[i] > 0 && out->shape[i] <= SEMID_MODEL_MAX_WIDTH &&
               (shape[i] == 0 || out->shape[i] == shape[i]);
    if (!fits)
        FAIL(SEMID_ERR_SHAPE, "%s: tensor %s: expected shape %s%s, found %s", r->path, name,
             shape_describe(n_dims, shape, wanted), shape[0] == 0 ? " (0: 1 to 32768)" : "",
             array_describe(out, found));
    if (out->type > DTYPE_F64)
        FAIL(SEMID_ERR_FORMAT, "%s: tensor %s: expected floating-point numbers, found %s", r->path,
             name, array_describe(out, found));
    r->n_read++;
    return SEMID_OK;
}

/* n numbers from `first` on, all finite. */
static semid_status take(const reader *r, const char *name, const array *a, size_t first, size_t n,
                         float *out, semid_error *err) {
    size_t bad;
    TRY(array_to_f32(a, first, n, out, err));
    if (rows_not_finite(out, n, 1, &bad) > 0)
        FAIL(SEMID_ERR_DATA, "%s: tensor %s: expected finite numbers, found NaN or Inf", r->path,
             name);
    return SEMID_OK;
}

/* The encoder's widths, from its weights. */
static semid_status read_shape(reader *r, mlp_shape *out, semid_error *err) {
    char name[NAME_BYTES];
    *out = (mlp_shape){0};
    do {
        array a;
        size_t l = out->n_layers, want[2] = {0, l > 0 ? out->sizes[l] : 0};
        if (l == MLP_MAX_LAYERS)
            FAIL(SEMID_ERR_UNSUPPORTED, "%s: expected at most %d layers, found more", r->path,
                 MLP_MAX_LAYERS);
        TRY(find(r, tensor_name(name, "encoder", l, "weight"), 2, want, &a, err));
        out->sizes[l] = a.shape[1];
        out->sizes[++out->n_layers] = a.shape[0];
    } while (safetensors_has(r->file, tensor_name(name, "encoder", out->n_layers, "weight")));
    r->n_read = 0;
    return SEMID_OK;
}

static semid_status read_net(reader *r, const char *net, const mlp_shape *s, float *params,
                             semid_error *err) {
    char name[NAME_BYTES];
    array a;
    for (size_t l = 0; l < s->n_layers; l++) {
        size_t in = s->sizes[l], shape[2] = {s->sizes[l + 1], in};
        float *weights = params + mlp_weight_at(s, l);
        TRY(find(r, tensor_name(name, net, l, "weight"), 2, shape, &a, err));
        for (size_t o = 0; o < shape[0]; o++)
            TRY(take(r, name, &a, o * in, in, weights + o * gemm_pad(in), err));
        TRY(find(r, tensor_name(name, net, l, "bias"), 1, shape, &a, err));
        TRY(take(r, name, &a, 0, shape[0], params + mlp_bias_at(s, l), err));
    }
    return SEMID_OK;
}

static semid_status read_numbers(reader *r, semid_model *m, semid_error *err) {
    static const size_t one[] = {1};
    const size_t dim[] = {semid_model_dim(m)};
    array a;
    TRY(read_net(r, "encoder", &m->encoder.shape, m->params, err));
    TRY(read_net(r, "decoder", &m->decoder.shape, model_decoder_params(m), err));
    TRY(find(r, "mean", 1, dim, &a, err));
    TRY(take(r, "mean", &a, 0, dim[0], m->mean, err));
    TRY(find(r, "scale", 1, one, &a, err));
    TRY(take(r, "scale", &a, 0, 1, &m->scale, err));
    if (!(m->scale > 0))
        FAIL(SEMID_ERR_DATA, "%s: tensor scale: expected a positive number, found %g", r->path,
             (double)m->scale);
    return SEMID_OK;
}

/* The codebook that the model was written for is the one at hand. */
static semid_status check_codebook(reader *r, const semid_model *m, const semid_codebook *cb,
                                   semid_error *err) {
    int64_t mark = -1;
    array a;
    if (safetensors_has(r->file, mark_name)) {
        TRY(safetensors_get(r->file, mark_name, &a, err));
        if (array_elements(&a) != 1)
            FAIL(SEMID_ERR_SHAPE, "%s: tensor %s: expected one number", r->path, mark_name);
        TRY(array_to_i64(&a, 0, 1, &mark, err));
        r->n_read++;
    }
    if (cb && semid_codebook_dim(cb) != semid_model_latent(m))
        FAIL(SEMID_ERR_SHAPE,
             "%s: expected latents of dimension %zu as the codewords have, found %zu", r->path,
             semid_codebook_dim(cb), semid_model_latent(m));
    if (cb && mark >= 0 && mark != (int64_t)model_codebook_mark(cb))
        FAIL(SEMID_ERR_DATA,
             "%s: expected the model of the codebooks beside it, found that of others", r->path);
    return SEMID_OK;
}

static semid_status read_model(reader *r, semid_model *m, const semid_codebook *cb,
                               semid_error *err) {
    TRY(read_numbers(r, m, err));
    TRY(check_codebook(r, m, cb, err));
    if (r->n_read != safetensors_count(r->file))
        FAIL(SEMID_ERR_FORMAT, "%s: expected the %zu tensors of a model, found %zu", r->path,
             r->n_read, safetensors_count(r->file));
    model_refresh(m);
    return SEMID_OK;
}

semid_status semid_model_load(semid_context *context, semid_model **out, const char *path,
                              const semid_codebook *codebook, semid_error *err) {
    semid_status status = SEMID_OK;
    reader r = {.path = path};
    semid_model *m = NULL;
    mlp_shape shape;
    context_scope outer = context_enter(context);
    TRY_GOTO(safetensors_open(&r.file, path, err));
    TRY_GOTO(read_shape(&r, &shape, err));
    TRY_GOTO(model_new(&m, &shape, false, err));
    TRY_GOTO(read_model(&r, m, codebook, err));
    *out = m;
    m = NULL;
done:
    context_leave(outer);
    semid_model_free(m);
    safetensors_close(r.file);
    return status;
}

semid_status semid_model_beside(semid_context *context, semid_model **out,
                                const char *codebook_path, const semid_codebook *codebook,
                                semid_error *err) {
    char *path;
    semid_status status = SEMID_OK;
    size_t dir_len = (size_t)(path_basename(codebook_path) - codebook_path);
    TRY(mem_format(&path, err, "%.*smodel.safetensors", (int)dir_len, codebook_path));
    if (path_exists(path))
        status = semid_model_load(context, out, path, codebook, err);
    else
        *out = NULL;
    mem_free(path);
    return status;
}

/* ---- writing ---- */

typedef struct writer {
    safetensors_tensor tensors[MAX_TENSORS];
    char names[4 * MLP_MAX_LAYERS][NAME_BYTES];
    size_t n;
    float *unpadded;
} writer;

/* Adds one whose numbers are copied to *to without their padding. */
static void add(writer *w, const char *net, size_t layer, const char *what, size_t n_dims,
                const size_t *shape, const float *data, float **to) {
    size_t rows = n_dims == 2 ? shape[0] : 1, len = shape[n_dims - 1];
    safetensors_tensor *t = &w->tensors[w->n];
    *t = (safetensors_tensor){.name = tensor_name(w->names[w->n], net, layer, what),
                              .type = DTYPE_F32,
                              .n_dims = n_dims,
                              .data = *to};
    memcpy(t->shape, shape, n_dims * sizeof *shape);
    for (size_t i = 0; i < rows; i++, *to += len)
        memcpy(*to, data + i * gemm_pad(len), len * sizeof *data);
    w->n++;
}

static void add_net(writer *w, const char *net, const mlp *m, float **to) {
    const mlp_shape *s = &m->shape;
    for (size_t l = 0; l < s->n_layers; l++) {
        const size_t shape[2] = {s->sizes[l + 1], s->sizes[l]};
        add(w, net, l, "weight", 2, shape, m->params + mlp_weight_at(s, l), to);
        add(w, net, l, "bias", 1, shape, m->params + mlp_bias_at(s, l), to);
    }
}

semid_status semid_model_save(const semid_model *model, const char *path,
                              const semid_codebook *codebook, semid_error *err) {
    uint32_t mark = model_codebook_mark(codebook);
    writer w = {0};
    TRY(mem_alloc(&w.unpadded, model->n_params, sizeof(float), err));
    float *to = w.unpadded;
    add_net(&w, "encoder", &model->encoder, &to);
    add_net(&w, "decoder", &model->decoder, &to);
    w.tensors[w.n++] = (safetensors_tensor){.name = "mean",
                                            .type = DTYPE_F32,
                                            .n_dims = 1,
                                            .shape = {semid_model_dim(model)},
                                            .data = model->mean};
    w.tensors[w.n++] = (safetensors_tensor){
        .name = "scale", .type = DTYPE_F32, .n_dims = 1, .shape = {1}, .data = &model->scale};
    w.tensors[w.n++] = (safetensors_tensor){
        .name = mark_name, .type = DTYPE_U32, .n_dims = 1, .shape = {1}, .data = &mark};
    semid_status status = safetensors_save(path, w.tensors, w.n, err);
    mem_free(w.unpadded);
    return status;
}
