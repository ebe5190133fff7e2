#include "codebook/model.h"

#include "base/context.h"
#include "base/memory.h"
#include "base/threads.h"
#include "formats/embeddings.h"

#include <string.h>
#include <zlib.h>

enum { ROWS_PER_CHUNK = 96 };

size_t semid_model_dim(const semid_model *model) {
    return model->encoder.shape.sizes[0];
}

size_t semid_model_latent(const semid_model *model) {
    return model->decoder.shape.sizes[0];
}

size_t semid_model_hidden_count(const semid_model *model) {
    return model->encoder.shape.n_layers - 1;
}

size_t semid_model_hidden(const semid_model *model, size_t i) {
    return model->encoder.shape.sizes[i + 1];
}

/* ---- life ---- */

semid_status model_new(semid_model **out, const mlp_shape *encoder, bool trains, semid_error *err) {
    semid_status status = SEMID_OK;
    semid_model *m;
    mlp_shape decoder = mlp_mirror(encoder);
    TRY(mem_calloc(&m, 1, sizeof *m, err));
    m->n_params = mlp_param_count(encoder) + mlp_param_count(&decoder);
    m->scale = 1;
    TRY_GOTO(mlp_init(&m->encoder, encoder, trains, err));
    TRY_GOTO(mlp_init(&m->decoder, &decoder, trains, err));
    TRY_GOTO(mem_calloc(&m->params, m->n_params, sizeof(float), err));
    TRY_GOTO(mem_calloc(&m->mean, encoder->sizes[0], sizeof(float), err));
    *out = m;
    m = NULL;
done:
    semid_model_free(m);
    return status;
}

static void set_weights(float *params, const mlp_shape *s, const float *weights) {
    size_t in = s->sizes[0];
    for (size_t o = 0; o < s->sizes[1]; o++)
        memcpy(params + mlp_weight_at(s, 0) + o * gemm_pad(in), weights + o * in,
               in * sizeof *weights);
}

semid_status model_new_linear(semid_model **out, size_t dim, size_t latent, const float *mean,
                              const float *there, const float *back, semid_error *err) {
    mlp_shape shape = {.n_layers = 1, .sizes = {dim, latent}};
    semid_model *m;
    TRY(model_new(&m, &shape, false, err));
    memcpy(m->mean, mean, dim * sizeof *mean);
    set_weights(m->params, &m->encoder.shape, there);
    set_weights(model_decoder_params(m), &m->decoder.shape, back);
    model_refresh(m);
    *out = m;
    return SEMID_OK;
}

void semid_model_free(semid_model *model) {
    if (!model) return;
    mlp_release(&model->encoder);
    mlp_release(&model->decoder);
    mem_free(model->params);
    mem_free(model->mean);
    mem_free(model);
}

float *model_decoder_params(const semid_model *model) {
    return model->params + mlp_param_count(&model->encoder.shape);
}

void model_refresh(semid_model *model) {
    mlp_set(&model->encoder, model->params);
    mlp_set(&model->decoder, model_decoder_params(model));
}

uint32_t model_codebook_mark(const semid_codebook *codebook) {
    size_t n = semid_codebook_codewords(codebook) * semid_codebook_dim(codebook);
    uint32_t crc = 0;
    for (size_t l = 0; l < semid_codebook_levels(codebook); l++)
        crc = (uint32_t)crc32_z(crc, (const uint8_t *)semid_codebook_level(codebook, l),
                                n * sizeof(float));
    return crc;
}

/* ---- there and back ---- */

void model_scale_row(const semid_model *model, const float *x, float *out) {
    size_t dim = semid_model_dim(model);
    for (size_t j = 0; j < dim; j++) out[j] = (x[j] - model->mean[j]) * model->scale;
    memset(out + dim, 0, (gemm_pad(dim) - dim) * sizeof *out);
}

typedef struct projection {
    const semid_model *model;
    const mlp *net;
    const float *x;
    float *y;
    float *space; /* of each worker */
    size_t space_len;
} projection;

static void load_row(const projection *p, const float *x, float *out) {
    size_t dim = p->net->shape.sizes[0];
    if (p->net == &p->model->encoder) {
        model_scale_row(p->model, x, out);
        return;
    }
    memcpy(out, x, dim * sizeof *out);
    memset(out + dim, 0, (gemm_pad(dim) - dim) * sizeof *out);
}

static void store_row(const projection *p, const float *y, float *out) {
    size_t dim = p->net->shape.sizes[p->net->shape.n_layers];
    memcpy(out, y, dim * sizeof *out);
    if (p->net == &p->model->encoder) return;
    float unit = 1 / p->model->scale;
    for (size_t j = 0; j < dim; j++) out[j] = out[j] * unit + p->model->mean[j];
}

static void project_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const projection *p = user;
    const mlp_shape *s = &p->net->shape;
    (void)chunk;
    size_t in = s->sizes[0], out = s->sizes[s->n_layers], block = ROWS_PER_CHUNK * mlp_widest(s);
    float *x = p->space + (size_t)threads_worker() * p->space_len, *y = x + block;
    for (size_t i = begin; i < end; i++) load_row(p, p->x + i * in, x + (i - begin) * gemm_pad(in));
    mlp_apply(p->net, x, end - begin, y, y + block);
    for (size_t i = begin; i < end; i++)
        store_row(p, y + (i - begin) * gemm_pad(out), p->y + i * out);
}

static semid_status project(const semid_model *model, const mlp *net, const float *x, size_t n,
                            float *y, semid_error *err) {
    const mlp_shape *s = &net->shape;
    projection p = {.model = model,
                    .net = net,
                    .x = x,
                    .y = y,
                    .space_len = 4 * ROWS_PER_CHUNK * mlp_widest(s)};
    size_t bad, n_bad = rows_not_finite(x, n, s->sizes[0], &bad);
    if (n_bad > 0)
        FAIL(SEMID_ERR_DATA,
             "vectors: expected finite numbers, found NaN or Inf in %zu rows, first in row %zu",
             n_bad, bad);
    TRY(mem_alloc(&p.space, (size_t)threads_get(), p.space_len * sizeof(float), err));
    parallel_chunks(n, ROWS_PER_CHUNK, project_chunk, &p);
    mem_free(p.space);
    n_bad = rows_not_finite(y, n, s->sizes[s->n_layers], &bad);
    if (n_bad > 0)
        FAIL(SEMID_ERR_DATA,
             "vectors: expected numbers that the networks keep finite, found %zu rows that they do "
             "not, first row %zu",
             n_bad, bad);
    return SEMID_OK;
}

semid_status semid_model_project(semid_context *context, const semid_model *model, const float *x,
                                 size_t n, float *z, semid_error *err) {
    context_scope outer = context_enter(context);
    semid_status status = project(model, &model->encoder, x, n, z, err);
    context_leave(outer);
    return status;
}

semid_status semid_model_reconstruct(semid_context *context, const semid_model *model,
                                     const float *z, size_t n, float *x, semid_error *err) {
    context_scope outer = context_enter(context);
    semid_status status = project(model, &model->decoder, z, n, x, err);
    context_leave(outer);
    return status;
}
