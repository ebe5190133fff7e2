#include "codebook/model.h"

#include "base/context.h"
#include "base/finite.h"
#include "base/memory.h"
#include "formats/array.h"
#include "formats/safetensors.h"

#include <stdio.h>
#include <string.h>

/* model.safetensors, as docs/formats.md describes it: weights and biases of the two networks layer
 * by layer, mean and scale of the vectors, and a checksum of the codebook that the model belongs to
 * (codes of one codebook mean nothing to another).
 *
 * The file may be anybody's. The shapes of the encoder's weights fix all others, since the decoder
 * mirrors it; every tensor is then looked up by name, checked against its shape and for NaN, and
 * counted, so that a file with a tensor too many is refused too. In memory rows are padded to
 * multiples of GEMM_PANEL, in the file they are not. */

enum { NAME_BYTES = 32, MAX_TENSORS = 4 * MLP_MAX_LAYERS + 3 };

static const char mark_name[] = "codebooks.crc32";

static const char *tensor_name(char buf[NAME_BYTES], const char *net, size_t layer,
                               const char *what) {
    snprintf(buf, NAME_BYTES, "%s.%zu.%s", net, layer, what);
    return buf;
}

/* ---- reading ---- */

typedef struct model_reader {
    const char *label; /* the path, for messages */
    safetensors *file;
    size_t n_read; /* tensors */
} model_reader;

/* A floating-point tensor of n_dims dimensions as given in `shape` (0: any size). */
static semid_status find(model_reader *r, const char *name, size_t n_dims, const size_t *shape,
                         array *out, semid_error *err) {
    char found[ARRAY_SHAPE_TEXT_BYTES], wanted[ARRAY_SHAPE_TEXT_BYTES];
    TRY(safetensors_get(r->file, name, out, err));

    bool fits = out->n_dims == n_dims;
    for (size_t i = 0; fits && i < n_dims; i++)
        fits = out->shape[i] > 0 && out->shape[i] <= SEMID_MODEL_MAX_WIDTH &&
               (shape[i] == 0 || out->shape[i] == shape[i]);
    if (!fits)
        FAIL(SEMID_ERR_SHAPE, "%s: tensor %s: expected shape %s%s, found %s", r->label, name,
             shape_describe(n_dims, shape, wanted), shape[0] == 0 ? " (0: 1 to 32768)" : "",
             array_describe(out, found));
    if (out->type > DTYPE_F64)
        FAIL(SEMID_ERR_FORMAT, "%s: tensor %s: expected floating-point numbers, found %s", r->label,
             name, array_describe(out, found));
    r->n_read++;
    return SEMID_OK;
}

/* n numbers from `first` on, all finite. */
static semid_status take(const model_reader *r, const char *name, const array *a, size_t first,
                         size_t n, float *out, semid_error *err) {
    size_t bad;
    TRY(array_to_f32(a, first, n, out, err));
    if (rows_not_finite(out, n, 1, &bad) > 0)
        FAIL(SEMID_ERR_DATA, "%s: tensor %s: expected finite numbers, found NaN or Inf", r->label,
             name);
    return SEMID_OK;
}

/* The encoder's widths, from its weights. */
static semid_status read_shape(model_reader *r, mlp_shape *out, semid_error *err) {
    char name[NAME_BYTES];
    *out = (mlp_shape){0};
    do {
        array a;
        size_t l = out->n_layers, want[2] = {0, l > 0 ? out->sizes[l] : 0};
        if (l == MLP_MAX_LAYERS)
            FAIL(SEMID_ERR_UNSUPPORTED, "%s: expected at most %d layers, found more", r->label,
                 MLP_MAX_LAYERS);
        TRY(find(r, tensor_name(name, "encoder", l, "weight"), 2, want, &a, err));
        out->sizes[l] = a.shape[1];
        out->sizes[++out->n_layers] = a.shape[0];
    } while (safetensors_has(r->file, tensor_name(name, "encoder", out->n_layers, "weight")));

    r->n_read = 0; /* they are found again and read */
    return SEMID_OK;
}

static semid_status read_net(model_reader *r, const char *net, const mlp_shape *s, float *params,
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

static semid_status read_model(semid_model **out, model_reader *r, const semid_codebook *codebook,
                               semid_error *err) {
    semid_status status = SEMID_OK;
    semid_model *m = NULL;
    mlp_shape shape;
    array a;
    TRY(read_shape(r, &shape, err));
    TRY(model_new(&m, &shape, false, err));
    TRY_GOTO(read_net(r, "encoder", &m->encoder.shape, m->params, err));
    TRY_GOTO(read_net(r, "decoder", &m->decoder.shape, model_decoder_params(m), err));

    const size_t one[] = {1}, dim[] = {semid_model_dim(m)};
    TRY_GOTO(find(r, "mean", 1, dim, &a, err));
    TRY_GOTO(take(r, "mean", &a, 0, dim[0], m->mean, err));
    TRY_GOTO(find(r, "scale", 1, one, &a, err));
    TRY_GOTO(take(r, "scale", &a, 0, 1, &m->scale, err));
    if (!(m->scale > 0))
        FAIL_GOTO(SEMID_ERR_DATA, "%s: tensor scale: expected a positive number, found %g",
                  r->label, (double)m->scale);

    if (codebook && semid_codebook_dim(codebook) != semid_model_latent(m))
        FAIL_GOTO(SEMID_ERR_SHAPE,
                  "%s: expected latents of dimension %zu as the codewords have, found %zu",
                  r->label, semid_codebook_dim(codebook), semid_model_latent(m));

    /* Is the codebook the one that the model was written for, if it says? */
    if (safetensors_has(r->file, mark_name)) {
        int64_t mark;
        TRY_GOTO(safetensors_get(r->file, mark_name, &a, err));
        if (array_elements(&a) != 1)
            FAIL_GOTO(SEMID_ERR_SHAPE, "%s: tensor %s: expected one number", r->label, mark_name);
        TRY_GOTO(array_to_i64(&a, 0, 1, &mark, err));
        r->n_read++;
        if (codebook && mark >= 0 && mark != (int64_t)model_codebook_mark(codebook))
            FAIL_GOTO(SEMID_ERR_DATA,
                      "%s: expected the model of the codebooks beside it, found that of others",
                      r->label);
    }

    if (r->n_read != safetensors_count(r->file))
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: expected the %zu tensors of a model, found %zu", r->label,
                  r->n_read, safetensors_count(r->file));
    model_refresh(m);
    *out = m;
    m = NULL;
done:
    semid_model_free(m);
    return status;
}

semid_status semid_model_load(semid_context *context, semid_model **out, const char *path,
                              const semid_codebook *codebook, semid_error *err) {
    model_reader r = {.label = path};
    TRY(safetensors_open(&r.file, path, err));

    context_scope outer = context_enter(context);
    semid_status status = read_model(out, &r, codebook, err);
    context_leave(outer);
    safetensors_close(r.file);
    return status;
}

semid_status semid_model_load_memory(semid_context *context, semid_model **out, const void *bytes,
                                     size_t n_bytes, const semid_codebook *codebook,
                                     semid_error *err) {
    model_reader r = {.label = "model.safetensors"};
    TRY(safetensors_open_memory(&r.file, bytes, n_bytes, r.label, err));

    context_scope outer = context_enter(context);
    semid_status status = read_model(out, &r, codebook, err);
    context_leave(outer);
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

typedef struct model_tensors {
    safetensors_tensor list[MAX_TENSORS];
    char names[4 * MLP_MAX_LAYERS][NAME_BYTES];
    size_t n;
    float *unpadded; /* the parameters without their padding */
    uint32_t mark;
} model_tensors;

/* Copies a parameter to *to without its padding and adds it. */
static void add(model_tensors *t, const char *net, size_t layer, const char *what, size_t n_dims,
                const size_t *shape, const float *data, float **to) {
    safetensors_tensor *made = &t->list[t->n];
    *made = (safetensors_tensor){.name = tensor_name(t->names[t->n], net, layer, what),
                                 .type = DTYPE_F32,
                                 .n_dims = n_dims,
                                 .data = *to};
    memcpy(made->shape, shape, n_dims * sizeof *shape);
    t->n++;

    size_t n_rows = n_dims == 2 ? shape[0] : 1, len = shape[n_dims - 1];
    for (size_t i = 0; i < n_rows; i++, *to += len)
        memcpy(*to, data + i * gemm_pad(len), len * sizeof *data);
}

static void add_net(model_tensors *t, const char *net, const mlp *m, float **to) {
    const mlp_shape *s = &m->shape;
    for (size_t l = 0; l < s->n_layers; l++) {
        const size_t shape[2] = {s->sizes[l + 1], s->sizes[l]};
        add(t, net, l, "weight", 2, shape, m->params + mlp_weight_at(s, l), to);
        add(t, net, l, "bias", 1, shape, m->params + mlp_bias_at(s, l), to);
    }
}

/* All tensors of the file; unpadded is the caller's to free. */
static semid_status list_tensors(model_tensors *t, const semid_model *model,
                                 const semid_codebook *codebook, semid_error *err) {
    *t = (model_tensors){.mark = model_codebook_mark(codebook)};
    TRY(mem_alloc(&t->unpadded, model->n_params, sizeof(float), err));
    float *to = t->unpadded;
    add_net(t, "encoder", &model->encoder, &to);
    add_net(t, "decoder", &model->decoder, &to);
    t->list[t->n++] = (safetensors_tensor){.name = "mean",
                                           .type = DTYPE_F32,
                                           .n_dims = 1,
                                           .shape = {semid_model_dim(model)},
                                           .data = model->mean};
    t->list[t->n++] = (safetensors_tensor){
        .name = "scale", .type = DTYPE_F32, .n_dims = 1, .shape = {1}, .data = &model->scale};
    t->list[t->n++] = (safetensors_tensor){
        .name = mark_name, .type = DTYPE_U32, .n_dims = 1, .shape = {1}, .data = &t->mark};
    return SEMID_OK;
}

semid_status semid_model_save(const semid_model *model, const char *path,
                              const semid_codebook *codebook, semid_error *err) {
    model_tensors t;
    TRY(list_tensors(&t, model, codebook, err));
    semid_status status = safetensors_save(path, t.list, t.n, err);
    mem_free(t.unpadded);
    return status;
}

semid_status semid_model_save_memory(const semid_model *model, const semid_codebook *codebook,
                                     void **bytes, size_t *n_bytes, semid_error *err) {
    model_tensors t;
    byte_buffer buffer = {0};
    TRY(list_tensors(&t, model, codebook, err));
    semid_status status = safetensors_save_memory(&buffer, t.list, t.n, err);
    mem_free(t.unpadded);
    return byte_buffer_hand_over(&buffer, status, bytes, n_bytes);
}
