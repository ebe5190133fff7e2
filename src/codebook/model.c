#include "codebook/model.h"

#include "base/context.h"
#include "base/finite.h"
#include "base/memory.h"
#include "base/threads.h"
#include "codebook/encode.h"

#include <string.h>
#include <zlib.h>

/* A model is two mirrored perceptrons (mlp.c) over one array of parameters, encoder first, and the
 * mean and scale that vectors are normalised by.
 *
 * Rows go through a network in blocks of 96: loaded into padded rows (the encoder normalises them
 * on the way), multiplied layer by layer, stored without padding (the decoder's outputs are scaled
 * and shifted back). Four blocks of the widest layer are all the memory that it takes. Each element
 * is one chain of multiply-adds, so a row's result does not depend on its block.
 *
 * What is finite can overflow in the networks: outputs are checked, and rows that left float32 are
 * reported instead of being encoded to some code. */

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
                              const float *encode_weights, const float *decode_weights,
                              semid_error *err) {
    mlp_shape shape = {.n_layers = 1, .sizes = {dim, latent}};
    semid_model *m;
    TRY(model_new(&m, &shape, false, err));
    memcpy(m->mean, mean, dim * sizeof *mean);
    set_weights(m->params, &m->encoder.shape, encode_weights);
    set_weights(model_decoder_params(m), &m->decoder.shape, decode_weights);
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

/* ---- projection ---- */

void model_scale_row(const semid_model *model, const float *x, float *out) {
    size_t dim = semid_model_dim(model);
    for (size_t j = 0; j < dim; j++) out[j] = (x[j] - model->mean[j]) * model->scale;
    memset(out + dim, 0, (gemm_pad(dim) - dim) * sizeof *out);
}

/* Floats that net_block takes: padded inputs and outputs, and two layers' activations. */
static size_t block_floats(const mlp *net) {
    return 4 * MODEL_BLOCK_ROWS * mlp_widest(&net->shape);
}

/* x [n, in] -> y [n, out] through one of the two networks of a model, n <= MODEL_BLOCK_ROWS. */
static void net_block(const semid_model *model, const mlp *net, const float *x, size_t n, float *y,
                      float *workspace) {
    const mlp_shape *s = &net->shape;
    size_t in = s->sizes[0], out = s->sizes[s->n_layers];
    float *inputs = workspace, *outputs = inputs + MODEL_BLOCK_ROWS * mlp_widest(s);
    float *scratch = outputs + MODEL_BLOCK_ROWS * mlp_widest(s);
    bool encodes = net == &model->encoder;

    for (size_t i = 0; i < n; i++) {
        float *row = inputs + i * gemm_pad(in);
        if (encodes) {
            model_scale_row(model, x + i * in, row);
            continue;
        }
        memcpy(row, x + i * in, in * sizeof *row);
        memset(row + in, 0, (gemm_pad(in) - in) * sizeof *row);
    }

    mlp_apply(net, inputs, n, outputs, scratch);

    float unit = 1 / model->scale;
    for (size_t i = 0; i < n; i++) {
        float *row = y + i * out;
        memcpy(row, outputs + i * gemm_pad(out), out * sizeof *row);
        for (size_t j = 0; !encodes && j < out; j++) row[j] = row[j] * unit + model->mean[j];
    }
}

size_t model_block_floats(const semid_model *model) {
    return block_floats(&model->encoder);
}

void model_project_block(const semid_model *model, const float *x, size_t n, float *z,
                         float *workspace) {
    net_block(model, &model->encoder, x, n, z, workspace);
}

semid_status model_not_finite(size_t n_bad, size_t first_bad, semid_error *err) {
    if (n_bad > 0)
        FAIL(SEMID_ERR_DATA,
             "vectors: expected numbers that the networks keep finite, found %zu rows that they do "
             "not, first row %zu",
             n_bad, first_bad);
    return SEMID_OK;
}

typedef struct net_task {
    const semid_model *model;
    const mlp *net;
    const float *x;
    float *y;
    float *workspaces; /* [workers, workspace_len] */
    size_t workspace_len;
} net_task;

static void apply_net(void *user, size_t chunk, size_t begin, size_t end) {
    const net_task *t = user;
    const mlp_shape *s = &t->net->shape;
    (void)chunk;
    net_block(t->model, t->net, t->x + begin * s->sizes[0], end - begin,
              t->y + begin * s->sizes[s->n_layers],
              t->workspaces + (size_t)threads_worker() * t->workspace_len);
}

static semid_status project(const semid_model *model, const mlp *net, const float *x, size_t n,
                            float *y, semid_error *err) {
    const mlp_shape *s = &net->shape;
    net_task t = {.model = model, .net = net, .x = x, .y = y, .workspace_len = block_floats(net)};
    TRY(encode_check_rows(x, n, s->sizes[0], err));

    TRY(mem_alloc(&t.workspaces, (size_t)threads_get(), t.workspace_len * sizeof(float), err));
    parallel_chunks(n, MODEL_BLOCK_ROWS, apply_net, &t);
    mem_free(t.workspaces);

    size_t bad = 0, n_bad = rows_not_finite(y, n, s->sizes[s->n_layers], &bad);
    return model_not_finite(n_bad, bad, err);
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
