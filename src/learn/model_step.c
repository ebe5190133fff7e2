#include "learn/model_step.h"

#include "base/memory.h"
#include "base/threads.h"
#include "formats/embeddings.h"
#include "learn/codebook_grad.h"

#include <math.h>
#include <string.h>

enum { ROWS_PER_CHUNK = 64 };

/* ---- life ---- */

semid_status model_trainer_init(model_trainer *t, semid_model *model, size_t n_levels,
                                size_t n_codewords, size_t max_rows, semid_error *err) {
    size_t dim = semid_model_dim(model), latent = semid_model_latent(model), level, all;
    t->model = model;
    t->n_levels = n_levels;
    if (!size_mul(n_codewords, latent, &level) || !size_mul(level, n_levels, &all))
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: codewords");
    TRY(mlp_tape_init(&t->encoder_tape, &model->encoder.shape, max_rows, err));
    TRY(mlp_tape_init(&t->decoder_tape, &model->decoder.shape, max_rows, err));
    TRY(mem_alloc(&t->grads, model->n_params, sizeof(float), err));
    TRY(mem_calloc(&t->m, model->n_params, sizeof(float), err));
    TRY(mem_calloc(&t->v, model->n_params, sizeof(float), err));
    TRY(mem_calloc(&t->levels, n_levels, sizeof *t->levels, err));
    if (t->codes_by_gradient) {
        TRY(mem_alloc(&t->code_grads, level, sizeof(float), err));
        TRY(mem_calloc(&t->code_m, all, sizeof(float), err));
        TRY(mem_calloc(&t->code_v, all, sizeof(float), err));
    }
    TRY(mem_calloc(&t->usage, n_levels, n_codewords * sizeof *t->usage, err));
    TRY(mem_alloc(&t->x, max_rows, gemm_pad(dim) * sizeof(float), err));
    TRY(mem_alloc(&t->commit, max_rows, latent * sizeof(float), err));
    TRY(mem_alloc(&t->sums, chunk_count(max_rows, ROWS_PER_CHUNK), sizeof *t->sums, err));
    t->encoder_tape.acts[0] = t->x;
    return mem_alloc(&t->decoder_tape.acts[0], max_rows, gemm_pad(latent) * sizeof(float), err);
}

void model_trainer_release(model_trainer *t) {
    for (size_t l = 0; t->levels && l < t->n_levels; l++) ema_level_release(&t->levels[l]);
    mem_free(t->levels);
    mem_free(t->decoder_tape.acts[0]);
    mlp_tape_release(&t->encoder_tape);
    mlp_tape_release(&t->decoder_tape);
    mem_free(t->grads);
    mem_free(t->m);
    mem_free(t->v);
    mem_free(t->code_grads);
    mem_free(t->code_m);
    mem_free(t->code_v);
    mem_free(t->usage);
    mem_free(t->x);
    mem_free(t->commit);
    mem_free(t->sums);
    ema_batch_release(&t->batch);
}

/* ---- quantization ---- */

static size_t latent_of(const model_trainer *t) {
    return semid_model_latent(t->model);
}

static float *latents(const model_trainer *t) {
    return t->encoder_tape.acts[t->model->encoder.shape.n_layers];
}

static float *quantized(const model_trainer *t) {
    return t->decoder_tape.acts[0];
}

static void load_latents(void *user, size_t chunk, size_t begin, size_t end) {
    const model_trainer *t = user;
    size_t latent = latent_of(t), stride = gemm_pad(latent);
    (void)chunk;
    for (size_t i = begin; i < end; i++)
        memcpy(t->batch.r + i * latent, latents(t) + i * stride, latent * sizeof(float));
    memset(t->commit + begin * latent, 0, (end - begin) * latent * sizeof(float));
}

static void add_residuals(void *user, size_t chunk, size_t begin, size_t end) {
    const model_trainer *t = user;
    size_t latent = latent_of(t);
    (void)chunk;
    for (size_t i = begin * latent; i < end * latent; i++) t->commit[i] += t->batch.r[i];
}

/* q = z - r: the sum of the codewords, which have moved on by now. */
static void store_quantized(void *user, size_t chunk, size_t begin, size_t end) {
    const model_trainer *t = user;
    size_t latent = latent_of(t), stride = gemm_pad(latent);
    (void)chunk;
    for (size_t i = begin; i < end; i++) {
        const float *z = latents(t) + i * stride, *r = t->batch.r + i * latent;
        float *q = quantized(t) + i * stride;
        for (size_t j = 0; j < latent; j++) q[j] = z[j] - r[j];
        memset(q + latent, 0, (stride - latent) * sizeof(float));
    }
}

static double update_level(model_trainer *t, size_t l, size_t n, size_t *n_revived) {
    ema_level *level = &t->levels[l];
    if (!t->codes_by_gradient)
        return ema_update(level, &t->batch, &t->rules, n, &t->random, n_revived);
    size_t at = l * level->n_codewords * level->dim;
    adamw_rules rules = t->adamw;
    rules.weight_decay = 0;
    codebook_grad g = {&rules, t->n_steps + 1, t->code_grads, t->code_m + at, t->code_v + at};
    return codebook_grad_update(level, &t->batch, &t->rules, &g, n, &t->random, n_revived);
}

static semid_status quantize_latents(model_trainer *t, size_t n, model_sums *sums,
                                     semid_error *err) {
    size_t bad;
    parallel_chunks(n, ROWS_PER_CHUNK, load_latents, t);
    if (rows_not_finite(t->batch.r, n, latent_of(t), &bad) > 0)
        FAIL(SEMID_ERR_DATA, "training left the range of float32: lower the learning rate");
    for (size_t l = 0; l < t->n_levels; l++) {
        uint64_t *usage = t->usage + l * t->levels[l].n_codewords;
        ema_assign(&t->levels[l], &t->batch, &t->rules, n);
        sums->commit += update_level(t, l, n, &sums->n_revived);
        for (size_t i = 0; i < n; i++) usage[t->batch.codes[i]]++;
        parallel_chunks(n, ROWS_PER_CHUNK, add_residuals, t);
    }
    parallel_chunks(n, ROWS_PER_CHUNK, store_quantized, t);
    return SEMID_OK;
}

/* ---- gradients ---- */

typedef struct gradient_job {
    const model_trainer *t;
    size_t n;
} gradient_job;

/* 2/n (y - x), and the squared distances. */
static void output_gradient(void *user, size_t chunk, size_t begin, size_t end) {
    const gradient_job *job = user;
    const model_trainer *t = job->t;
    size_t stride = gemm_pad(semid_model_dim(t->model));
    const float *y = t->decoder_tape.acts[t->model->decoder.shape.n_layers];
    float scale = 2 / (float)job->n;
    double sum = 0;
    for (size_t i = begin * stride; i < end * stride; i++) {
        float d = y[i] - t->x[i];
        t->decoder_tape.grads[0][i] = scale * d;
        sum += (double)d * (double)d;
    }
    t->sums[chunk] = sum;
}

/* g <- (|q| / |z|) R^T g, where R = 1 - 2 s s^T + 2 b a^T rotates a = z/|z| to b = q/|q|, with s =
 * (a + b) / |a + b|. Left as it is where the rotation is not defined. */
static void rotate_gradient(const float *z, const float *q, float *g, size_t latent) {
    double zz = 0, qq = 0, zq = 0, zg = 0, qg = 0;
    for (size_t j = 0; j < latent; j++) {
        zz += (double)z[j] * (double)z[j];
        qq += (double)q[j] * (double)q[j];
        zq += (double)z[j] * (double)q[j];
        zg += (double)z[j] * (double)g[j];
        qg += (double)q[j] * (double)g[j];
    }
    double z_norm = sqrt(zz), q_norm = sqrt(qq), cosine = zq / (z_norm * q_norm);
    if (!(z_norm > 0 && q_norm > 0 && cosine > -1 + 1e-6)) return;
    double a_g = zg / z_norm, b_g = qg / q_norm;
    double along_sum = (a_g + b_g) / (1 + cosine); /* 2 s.g / |a + b| */
    for (size_t j = 0; j < latent; j++) {
        double a = (double)z[j] / z_norm, b = (double)q[j] / q_norm;
        g[j] = (float)(q_norm / z_norm * ((double)g[j] - along_sum * (a + b) + 2 * b_g * a));
    }
}

/* From the gradient by q to that by z. */
static void latent_gradient(void *user, size_t chunk, size_t begin, size_t end) {
    const gradient_job *job = user;
    const model_trainer *t = job->t;
    size_t latent = latent_of(t), stride = gemm_pad(latent);
    float scale = (float)(2 * t->beta / (double)job->n);
    (void)chunk;
    for (size_t i = begin; i < end; i++) {
        float *g = t->encoder_tape.grads[0] + i * stride;
        const float *commit = t->commit + i * latent;
        if (t->rotate)
            rotate_gradient(latents(t) + i * stride, quantized(t) + i * stride, g, latent);
        for (size_t j = 0; j < latent; j++) g[j] += scale * commit[j];
    }
}

semid_status model_gradients(model_trainer *t, size_t n, bool quantize, model_sums *sums,
                             semid_error *err) {
    const semid_model *m = t->model;
    float *decoder_grads = t->grads + mlp_param_count(&m->encoder.shape);
    gradient_job job = {t, n};
    mlp_forward(&m->encoder, &t->encoder_tape, n);
    if (quantize)
        TRY(quantize_latents(t, n, sums, err));
    else
        memcpy(quantized(t), latents(t), n * gemm_pad(latent_of(t)) * sizeof(float));
    mlp_forward(&m->decoder, &t->decoder_tape, n);
    parallel_chunks(n, ROWS_PER_CHUNK, output_gradient, &job);
    for (size_t c = 0; c < chunk_count(n, ROWS_PER_CHUNK); c++) sums->recon += t->sums[c];
    mlp_backward(&m->decoder, &t->decoder_tape, n, decoder_grads, t->encoder_tape.grads[0]);
    if (quantize) parallel_chunks(n, ROWS_PER_CHUNK, latent_gradient, &job);
    mlp_backward(&m->encoder, &t->encoder_tape, n, t->grads, NULL);
    return SEMID_OK;
}

/* ---- update ---- */

static void update_net(model_trainer *t, const mlp_shape *s, size_t first) {
    adamw_rules bias_rules = t->adamw;
    bias_rules.weight_decay = 0;
    for (size_t l = 0; l < s->n_layers; l++) {
        size_t weight = first + mlp_weight_at(s, l), bias = first + mlp_bias_at(s, l);
        adamw_step(&t->adamw, t->n_steps, t->model->params + weight, t->grads + weight,
                   t->m + weight, t->v + weight, bias - weight);
        adamw_step(&bias_rules, t->n_steps, t->model->params + bias, t->grads + bias, t->m + bias,
                   t->v + bias, gemm_pad(s->sizes[l + 1]));
    }
}

void model_update(model_trainer *t) {
    const semid_model *m = t->model;
    t->n_steps++;
    update_net(t, &m->encoder.shape, 0);
    update_net(t, &m->decoder.shape, mlp_param_count(&m->encoder.shape));
    model_refresh(t->model);
}
