#include "learn/rqvae_step.h"

#include "base/finite.h"
#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <string.h>

/* A batch x goes through the encoder to latents z, through the levels to q, the sum of the chosen
 * codewords, and through the decoder to y. Quantizing has no gradient, so that the one by q is
 * passed on to z: as it is (straight through, Bengio et al. 2013; van den Oord et al. 2017) or
 * rotated (Fifty et al. 2024), see rotate_gradient. The commitment term adds 2 beta / n times the
 * sum over levels of r_l - e_l, because each r_l is z minus codewords that the term holds fixed
 * (Lee et al. 2022).
 *
 * Codewords move while a level is passed, so that q is not looked up again: it is z minus the
 * residual that the last level left, which belongs to the codewords before the move.
 *
 * Rows of networks are padded to gemm_pad(size); those of the levels are not. All sums are taken
 * over fixed chunks in a fixed order: the same bits at any number of threads. */

enum { ROWS_PER_CHUNK = 64 };

/* ---- life ---- */

semid_status rqvae_trainer_init(rqvae_trainer *t, semid_model *model, const semid_rqvae_params *p,
                                size_t n_rows, semid_error *err) {
    size_t dim = semid_model_dim(model), latent = semid_model_latent(model), level, all;
    size_t L = p->quantizer.n_levels, K = p->quantizer.n_codewords;
    *t = (rqvae_trainer){.model = model,
                         .rotate = p->gradient == SEMID_GRADIENT_ROTATION,
                         .codes_by_gradient = p->update == SEMID_UPDATE_GRAD,
                         .adamw = {.lr = p->lr,
                                   .weight_decay = p->weight_decay,
                                   .beta1 = 0.9,
                                   .beta2 = 0.999,
                                   .epsilon = 1e-8}};

    TRY(codebook_trainer_init(&t->codebooks, &p->quantizer, n_rows, latent, dim, err));
    size_t max_rows = t->codebooks.workspace.max_rows;
    TRY(mlp_tape_init(&t->encoder_tape, &model->encoder.shape, max_rows, err));
    TRY(mlp_tape_init(&t->decoder_tape, &model->decoder.shape, max_rows, err));
    TRY(mem_alloc(&t->grads, model->n_params, sizeof(float), err));
    TRY(mem_calloc(&t->m, model->n_params, sizeof(float), err));
    TRY(mem_calloc(&t->v, model->n_params, sizeof(float), err));

    if (t->codes_by_gradient) {
        if (!size_mul(K, latent, &level) || !size_mul(level, L, &all))
            FAIL(SEMID_ERR_NO_MEMORY, "out of memory: codewords");
        TRY(mem_alloc(&t->code_grads, level, sizeof(float), err));
        TRY(mem_calloc(&t->code_m, all, sizeof(float), err));
        TRY(mem_calloc(&t->code_v, all, sizeof(float), err));
    }

    TRY(mem_alloc(&t->x, max_rows, gemm_pad(dim) * sizeof(float), err));
    TRY(mem_alloc(&t->commit, max_rows, latent * sizeof(float), err));
    TRY(mem_alloc(&t->sums, chunk_count(max_rows, ROWS_PER_CHUNK), sizeof *t->sums, err));
    t->encoder_tape.acts[0] = t->x;
    return mem_alloc(&t->decoder_tape.acts[0], max_rows, gemm_pad(latent) * sizeof(float), err);
}

void rqvae_trainer_release(rqvae_trainer *t) {
    codebook_trainer_release(&t->codebooks);
    mem_free(t->decoder_tape.acts[0]);
    mlp_tape_release(&t->encoder_tape);
    mlp_tape_release(&t->decoder_tape);
    mem_free(t->grads);
    mem_free(t->m);
    mem_free(t->v);

    mem_free(t->code_grads);
    mem_free(t->code_m);
    mem_free(t->code_v);

    mem_free(t->x);
    mem_free(t->commit);
    mem_free(t->sums);
    *t = (rqvae_trainer){0};
}

/* ---- quantization ---- */

static size_t latent_of(const rqvae_trainer *t) {
    return semid_model_latent(t->model);
}

static float *latents(const rqvae_trainer *t) {
    return t->encoder_tape.acts[t->model->encoder.shape.n_layers];
}

static float *quantized(const rqvae_trainer *t) {
    return t->decoder_tape.acts[0];
}

/* The inputs of the first level are the latents, unpadded. */
static void load_latents(void *user, size_t chunk, size_t begin, size_t end) {
    const rqvae_trainer *t = user;
    size_t latent = latent_of(t), stride = gemm_pad(latent);
    float *r = t->codebooks.workspace.r;
    (void)chunk;
    for (size_t i = begin; i < end; i++)
        memcpy(r + i * latent, latents(t) + i * stride, latent * sizeof(float));
    memset(t->commit + begin * latent, 0, (end - begin) * latent * sizeof(float));
}

static void add_residuals(void *user, size_t chunk, size_t begin, size_t end) {
    const rqvae_trainer *t = user;
    size_t latent = latent_of(t);
    const float *r = t->codebooks.workspace.r;
    (void)chunk;
    for (size_t i = begin * latent; i < end * latent; i++) t->commit[i] += r[i];
}

/* q = z - r: the sum of the codewords, which have moved since. */
static void store_quantized(void *user, size_t chunk, size_t begin, size_t end) {
    const rqvae_trainer *t = user;
    size_t latent = latent_of(t), stride = gemm_pad(latent);
    (void)chunk;
    for (size_t i = begin; i < end; i++) {
        const float *z = latents(t) + i * stride, *r = t->codebooks.workspace.r + i * latent;
        float *q = quantized(t) + i * stride;
        for (size_t j = 0; j < latent; j++) q[j] = z[j] - r[j];
        memset(q + latent, 0, (stride - latent) * sizeof(float));
    }
}

static semid_status quantize_latents(rqvae_trainer *t, size_t n, rqvae_sums *sums,
                                     semid_error *err) {
    codebook_trainer *c = &t->codebooks;
    size_t bad, level_size = c->params->n_codewords * c->dim;
    adamw_rules no_decay = t->adamw;
    no_decay.weight_decay = 0;

    parallel_chunks(n, ROWS_PER_CHUNK, load_latents, t);
    /* NaN has no nearest codeword, and networks that diverge show here first. */
    if (rows_not_finite(c->workspace.r, n, latent_of(t), &bad) > 0)
        FAIL(SEMID_ERR_DATA, "training left the range of float32: lower the learning rate");

    for (size_t l = 0; l < c->params->n_levels; l++) {
        grad_state g = {.adamw = &no_decay, .t = t->n_steps + 1, .grads = t->code_grads};
        if (t->codes_by_gradient) {
            g.m = t->code_m + l * level_size;
            g.v = t->code_v + l * level_size;
        }
        sums->commit +=
            codebook_trainer_level(c, l, n, t->codes_by_gradient ? &g : NULL, &sums->n_revived);
        parallel_chunks(n, ROWS_PER_CHUNK, add_residuals, t);
    }
    parallel_chunks(n, ROWS_PER_CHUNK, store_quantized, t);
    return SEMID_OK;
}

/* ---- gradients ---- */

typedef struct gradient_task {
    const rqvae_trainer *t;
    size_t n; /* rows of the batch */
} gradient_task;

/* By the output: 2/n (y - x); and the squared distances. */
static void output_gradient(void *user, size_t chunk, size_t begin, size_t end) {
    const gradient_task *task = user;
    const rqvae_trainer *t = task->t;
    size_t stride = gemm_pad(semid_model_dim(t->model));
    const float *y = t->decoder_tape.acts[t->model->decoder.shape.n_layers];
    float scale = 2 / (float)task->n;

    double sum = 0;
    for (size_t i = begin * stride; i < end * stride; i++) {
        float d = y[i] - t->x[i];
        t->decoder_tape.grads[0][i] = scale * d;
        sum += (double)d * (double)d;
    }
    t->sums[chunk] = sum;
}

/* g <- (|q| / |z|) R^T g (Fifty et al. 2024, "Restructuring Vector Quantization with the Rotation
 * Trick", equation 4), where R = 1 - 2 s s^T + 2 b a^T rotates a = z/|z| to b = q/|q|, with s =
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
    const gradient_task *task = user;
    const rqvae_trainer *t = task->t;
    size_t latent = latent_of(t), stride = gemm_pad(latent);
    float scale = (float)(2 * t->codebooks.params->beta / (double)task->n);
    (void)chunk;

    for (size_t i = begin; i < end; i++) {
        float *g = t->encoder_tape.grads[0] + i * stride;
        const float *commit = t->commit + i * latent;
        if (t->rotate)
            rotate_gradient(latents(t) + i * stride, quantized(t) + i * stride, g, latent);
        for (size_t j = 0; j < latent; j++) g[j] += scale * commit[j];
    }
}

semid_status rqvae_gradients(rqvae_trainer *t, size_t n, bool quantize, rqvae_sums *sums,
                             semid_error *err) {
    const semid_model *m = t->model;
    float *decoder_grads = t->grads + mlp_param_count(&m->encoder.shape);
    gradient_task task = {t, n};

    /* Without a quantizer the decoder sees the latents themselves. */
    mlp_forward(&m->encoder, &t->encoder_tape, n);
    if (quantize)
        TRY(quantize_latents(t, n, sums, err));
    else
        memcpy(quantized(t), latents(t), n * gemm_pad(latent_of(t)) * sizeof(float));
    mlp_forward(&m->decoder, &t->decoder_tape, n);

    parallel_chunks(n, ROWS_PER_CHUNK, output_gradient, &task);
    for (size_t c = 0; c < chunk_count(n, ROWS_PER_CHUNK); c++) sums->recon += t->sums[c];
    mlp_backward(&m->decoder, &t->decoder_tape, n, decoder_grads, t->encoder_tape.grads[0]);
    if (quantize) parallel_chunks(n, ROWS_PER_CHUNK, latent_gradient, &task);
    mlp_backward(&m->encoder, &t->encoder_tape, n, t->grads, NULL);
    return SEMID_OK;
}

/* ---- update ---- */

/* Weights decay, biases do not. first: where the network's parameters begin. */
static void update_network(rqvae_trainer *t, const mlp_shape *s, size_t first) {
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

void rqvae_update(rqvae_trainer *t) {
    const semid_model *m = t->model;
    t->n_steps++;
    update_network(t, &m->encoder.shape, 0);
    update_network(t, &m->decoder.shape, mlp_param_count(&m->encoder.shape));
    model_refresh(t->model);
}
