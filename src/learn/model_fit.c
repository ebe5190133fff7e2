/* Training of networks and codebooks together: start, epochs, checkpoints. */
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "learn/ema_settle.h"
#include "learn/ema_start.h"
#include "learn/model_checkpoint.h"
#include "learn/model_step.h"

#include <math.h>
#include <string.h>

enum {
    WARM_SHARE = 10, /* one tenth of the epochs trains without a quantizer */
    START_MIN_ROWS = 16384,
    START_ROWS_PER_CODEWORD = 64, /* of which a quarter for k-means */
    GATHER_ROWS_PER_CHUNK = 64,
    DIMS_PER_CHUNK = 16
};

enum { STREAM_WEIGHTS = 300, STREAM_START, STREAM_EPOCHS = 1000 }; /* of the seed */

typedef struct fit {
    const semid_model_params *p;
    const float *x; /* [n_rows, dim] */
    size_t n_rows, dim, n_codewords, latent, n_batches, n_warm;
    semid_model *model;
    model_trainer trainer;
    uint32_t *order; /* [n_rows] the rows as this epoch takes them */
    checkpoint checkpoint;
    double saved_s;
    progress progress;
} fit;

semid_model_params semid_model_params_default(void) {
    semid_model_params p = {.quantizer = semid_ema_params_default(),
                            .n_levels = 4,
                            .n_hidden = 3,
                            .hidden = {512, 256, 128},
                            .latent = 32,
                            .lr = 1e-3,
                            .weight_decay = 0.5,
                            .checkpoint_s = 10};
    p.quantizer.n_epochs = 200;
    return p;
}

/* ---- checks ---- */

static semid_status check_widths(const semid_model_params *p, size_t dim, semid_error *err) {
    if (p->n_hidden == 0 || p->n_hidden > SEMID_MODEL_MAX_HIDDEN)
        FAIL(SEMID_ERR_ARGUMENT, "hidden layers: expected 1 to %d, found %zu",
             SEMID_MODEL_MAX_HIDDEN, p->n_hidden);
    for (size_t i = 0; i < p->n_hidden; i++)
        if (p->hidden[i] == 0 || p->hidden[i] > SEMID_MODEL_MAX_WIDTH)
            FAIL(SEMID_ERR_ARGUMENT, "hidden width: expected 1 to %d, found %zu",
                 SEMID_MODEL_MAX_WIDTH, p->hidden[i]);
    if (p->latent == 0 || p->latent > SEMID_MODEL_MAX_WIDTH || dim == 0 ||
        dim > SEMID_MODEL_MAX_WIDTH)
        FAIL(SEMID_ERR_ARGUMENT, "latents and vectors: expected dimensions 1 to %d, found %zu, %zu",
             SEMID_MODEL_MAX_WIDTH, p->latent, dim);
    return SEMID_OK;
}

static semid_status check_start(const semid_model_params *p, size_t dim, semid_error *err) {
    const semid_codebook *cb = p->start_codebook;
    if (!p->start != !cb) FAIL(SEMID_ERR_ARGUMENT, "start: expected a model and its codebook");
    if (!cb) return check_widths(p, dim, err);
    if (semid_model_dim(p->start) != dim ||
        semid_model_latent(p->start) != semid_codebook_dim(cb) ||
        semid_codebook_levels(cb) != p->n_levels ||
        semid_codebook_codewords(cb) != p->quantizer.n_codewords)
        FAIL(SEMID_ERR_SHAPE,
             "start: expected dimension %zu and codewords [%zu, %zu, %zu], found %zu and [%zu, "
             "%zu, %zu]",
             dim, p->n_levels, p->quantizer.n_codewords, semid_model_latent(p->start),
             semid_model_dim(p->start), semid_codebook_levels(cb), semid_codebook_codewords(cb),
             semid_codebook_dim(cb));
    return SEMID_OK;
}

static semid_status check(const semid_model_params *p, size_t n, size_t dim, semid_error *err) {
    const semid_ema_params *q = &p->quantizer;
    if (p->n_levels == 0 || q->n_codewords == 0 || q->batch_rows == 0 || q->init ||
        (p->vq && p->n_levels != 1))
        FAIL(SEMID_ERR_ARGUMENT, "levels (1 if vq), codewords and batch must be at least 1, init "
                                 "NULL");
    if (!(p->lr > 0) || !(p->weight_decay >= 0))
        FAIL(SEMID_ERR_ARGUMENT, "expected lr > 0, weight_decay >= 0, found %g, %g", p->lr,
             p->weight_decay);
    if (!(q->decay >= 0 && q->decay < 1) || !(q->beta >= 0) || !(q->entropy_reg >= 0) ||
        !(q->epsilon > 0) || !(q->dead_share >= 0 && q->dead_share <= 1))
        FAIL(SEMID_ERR_ARGUMENT,
             "expected 0 <= decay < 1, beta >= 0, entropy_reg >= 0, epsilon > 0, 0 <= dead_share "
             "<= 1, found %g, %g, %g, %g, %g",
             q->decay, q->beta, q->entropy_reg, q->epsilon, q->dead_share);
    if (n < q->n_codewords)
        FAIL(SEMID_ERR_DATA, "expected at least as many rows as codewords (%zu), found %zu",
             q->n_codewords, n);
    if (n > UINT32_MAX)
        FAIL(SEMID_ERR_UNSUPPORTED, "expected at most %u training rows, found %zu", UINT32_MAX, n);
    return check_start(p, dim, err);
}

/* ---- the networks before training ---- */

static void mean_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const fit *f = user;
    double sums[DIMS_PER_CHUNK] = {0};
    (void)chunk;
    for (size_t i = 0; i < f->n_rows; i++)
        for (size_t j = begin; j < end; j++) sums[j - begin] += (double)f->x[i * f->dim + j];
    for (size_t j = begin; j < end; j++)
        f->model->mean[j] = (float)(sums[j - begin] / (double)f->n_rows);
}

/* Of rows and dimensions alike: 1 / sqrt of the mean squared deviation. */
static float unit_scale(const fit *f) {
    double total = 0;
    for (size_t i = 0; i < f->n_rows; i++) {
        double sum = 0;
        for (size_t j = 0; j < f->dim; j++) {
            double d = (double)f->x[i * f->dim + j] - (double)f->model->mean[j];
            sum += d * d;
        }
        total += sum;
    }
    float scale = (float)sqrt((double)f->n_rows * (double)f->dim / total);
    return isfinite(scale) && scale > 0 ? scale : 1;
}

/* Uniform, of a variance that keeps the size of activations (He et al. 2015) and outputs. */
static void draw_weights(rng *random, const mlp_shape *s, float *params) {
    for (size_t l = 0; l < s->n_layers; l++) {
        float *w = params + mlp_weight_at(s, l);
        double limit = sqrt((l + 1 < s->n_layers ? 6.0 : 3.0) / (double)s->sizes[l]);
        for (size_t o = 0; o < s->sizes[l + 1]; o++)
            for (size_t j = 0; j < s->sizes[l]; j++)
                w[o * gemm_pad(s->sizes[l]) + j] = (float)(limit * (2 * rng_uniform(random) - 1));
    }
}

static mlp_shape encoder_shape(const fit *f) {
    mlp_shape s = {.n_layers = f->p->n_hidden + 1};
    if (f->p->start) return f->p->start->encoder.shape;
    s.sizes[0] = f->dim;
    memcpy(s.sizes + 1, f->p->hidden, f->p->n_hidden * sizeof *s.sizes);
    s.sizes[s.n_layers] = f->p->latent;
    return s;
}

static semid_status start_networks(fit *f, semid_error *err) {
    mlp_shape shape = encoder_shape(f);
    const semid_model *start = f->p->start;
    rng random;
    TRY(model_new(&f->model, &shape, true, err));
    semid_model *m = f->model;
    if (start) {
        memcpy(m->params, start->params, m->n_params * sizeof(float));
        memcpy(m->mean, start->mean, f->dim * sizeof(float));
        m->scale = start->scale;
    } else {
        rng_init(&random, f->p->quantizer.seed, STREAM_WEIGHTS);
        parallel_chunks(f->dim, DIMS_PER_CHUNK, mean_chunk, f);
        m->scale = unit_scale(f);
        draw_weights(&random, &m->encoder.shape, m->params);
        draw_weights(&random, &m->decoder.shape, model_decoder_params(m));
    }
    model_refresh(m);
    return SEMID_OK;
}

/* ---- the codewords before training ---- */

/* As in ema_fit: what a level's moving averages begin with comes from one assignment pass. */
static semid_status start_levels(fit *f, const semid_codebook *start, const float *z, size_t n,
                                 semid_error *err) {
    semid_status status = SEMID_OK;
    size_t L = f->p->n_levels, K = f->n_codewords;
    double batch_rows = (double)f->n_rows / (double)f->n_batches;
    uint64_t *counts = NULL;
    int32_t *codes = NULL;
    TRY_GOTO(mem_calloc(&counts, L * K, sizeof *counts, err));
    TRY_GOTO(mem_alloc(&codes, n, L * sizeof *codes, err));
    TRY_GOTO(semid_encode(NULL, start, z, n, codes, err));
    for (size_t i = 0; i < n * L; i++) counts[i % L * K + (size_t)codes[i]]++;
    for (size_t l = 0; l < L; l++) {
        TRY_GOTO(ema_level_init(&f->trainer.levels[l], K, f->latent, semid_codebook_level(start, l),
                                f->p->quantizer.entropy_reg > 0, err));
        ema_level_start(&f->trainer.levels[l], counts + l * K, n, batch_rows);
    }
done:
    mem_free(counts);
    mem_free(codes);
    return status;
}

/* Latents of n random rows as the encoder stands. */
static semid_status sample_latents(const fit *f, size_t n, float *z, semid_error *err) {
    semid_status status = SEMID_OK;
    rng random;
    uint64_t *rows = NULL;
    float *x = NULL;
    rng_init(&random, f->p->quantizer.seed, STREAM_START);
    TRY_GOTO(mem_alloc(&rows, n, sizeof *rows, err));
    TRY_GOTO(mem_alloc(&x, n, f->dim * sizeof *x, err));
    rng_sample_sorted(&random, f->n_rows, n, rows);
    rng_shuffle_u64(&random, rows, n);
    for (size_t i = 0; i < n; i++)
        memcpy(x + i * f->dim, f->x + rows[i] * f->dim, f->dim * sizeof *x);
    TRY_GOTO(semid_model_project(NULL, f->model, x, n, z, err));
done:
    mem_free(rows);
    mem_free(x);
    return status;
}

static semid_status start_codewords(fit *f, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n = START_MIN_ROWS + f->n_codewords * START_ROWS_PER_CODEWORD;
    if (n > f->n_rows) n = f->n_rows;
    size_t n_kmeans = n / 4 > START_MIN_ROWS ? n / 4 : START_MIN_ROWS;
    if (n_kmeans > n) n_kmeans = n;
    float *z = NULL, *copy = NULL;
    semid_codebook *start = NULL;
    TRY_GOTO(mem_alloc(&z, n, f->latent * sizeof *z, err));
    TRY_GOTO(mem_alloc(&copy, n_kmeans, f->latent * sizeof *copy, err));
    TRY_GOTO(sample_latents(f, n, z, err));
    memcpy(copy, z, n_kmeans * f->latent * sizeof *copy);
    if (!f->p->start)
        TRY_GOTO(ema_start_kmeans(&start, f->p->n_levels, f->n_codewords, copy, n_kmeans, f->latent,
                                  f->p->quantizer.seed, err));
    TRY_GOTO(start_levels(f, start ? start : f->p->start_codebook, z, n, err));
    f->checkpoint.quantizes = true;
done:
    semid_codebook_free(start);
    mem_free(z);
    mem_free(copy);
    return status;
}

/* ---- epochs ---- */

typedef struct gather_job {
    const fit *f;
    const uint32_t *rows;
} gather_job;

static void gather_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const gather_job *job = user;
    const fit *f = job->f;
    (void)chunk;
    for (size_t i = begin; i < end; i++)
        model_scale_row(f->model, f->x + (size_t)job->rows[i] * f->dim,
                        f->trainer.x + i * gemm_pad(f->dim));
}

static double rate_at(const fit *f, size_t step) {
    double total = (double)f->p->quantizer.n_epochs * (double)f->n_batches;
    return f->p->lr * 0.5 * (1 + cos(M_PI * (double)step / total));
}

static double usage_entropy(const fit *f) {
    double entropy = 0;
    for (size_t i = 0; i < f->p->n_levels * f->n_codewords; i++) {
        double p = (double)f->trainer.usage[i] / (double)f->n_rows;
        if (p > 0) entropy -= p * log(p);
    }
    return entropy;
}

static semid_status sum_up(const fit *f, const model_sums *sums, semid_model_epoch *out,
                           semid_error *err) {
    double scale = 1 / ((double)f->n_rows * (double)f->dim);
    semid_model_epoch e = {.recon = sums->recon * scale,
                           .commit = sums->commit * scale,
                           .codebook = sums->commit * scale,
                           .entropy = usage_entropy(f),
                           .n_revived = sums->n_revived};
    e.loss = e.recon + f->p->quantizer.beta * e.commit - f->p->quantizer.entropy_reg * e.entropy;
    if (f->p->update == SEMID_UPDATE_GRAD) e.loss += e.codebook;
    if (!isfinite(e.loss))
        FAIL(SEMID_ERR_DATA, "training left the range of float32: lower the learning rate");
    *out = e;
    return SEMID_OK;
}

static semid_status train_epoch(fit *f, size_t e, semid_model_epoch *out, semid_error *err) {
    model_trainer *t = &f->trainer;
    model_sums sums = {0};
    bool quantize = f->checkpoint.quantizes;
    rng_init(&t->random, f->p->quantizer.seed, STREAM_EPOCHS + e);
    for (size_t i = 0; i < f->n_rows; i++) f->order[i] = (uint32_t)i;
    rng_shuffle_u32(&t->random, f->order, f->n_rows);
    memset(t->usage, 0, f->p->n_levels * f->n_codewords * sizeof *t->usage);
    for (size_t b = 0; b < f->n_batches; b++) {
        size_t begin = b * f->n_rows / f->n_batches, end = (b + 1) * f->n_rows / f->n_batches;
        TRY(check_interrupted(err));
        gather_job job = {f, f->order + begin};
        parallel_chunks(end - begin, GATHER_ROWS_PER_CHUNK, gather_chunk, &job);
        t->adamw.lr = rate_at(f, t->n_steps);
        TRY(model_gradients(t, end - begin, quantize, &sums, err));
        model_update(t);
        progress_add(&f->progress, end - begin);
    }
    return sum_up(f, &sums, out, err);
}

static semid_status save_checkpoint(fit *f, semid_error *err) {
    if (!f->p->checkpoint || f->checkpoint.n_done == f->p->quantizer.n_epochs ||
        clock_seconds() - f->saved_s < f->p->checkpoint_s)
        return SEMID_OK;
    TRY(checkpoint_save(&f->checkpoint, err));
    f->saved_s = clock_seconds();
    return SEMID_OK;
}

/* Codewords that no row is nearest to move, as after moving averages alone. */
static semid_status settle(fit *f, size_t *n_revived, semid_error *err) {
    float *z;
    TRY(mem_alloc(&z, f->n_rows, f->latent * sizeof *z, err));
    semid_status status = semid_model_project(NULL, f->model, f->x, f->n_rows, z, err);
    row_source rows = row_source_of(z, f->n_rows, f->latent);
    if (status == SEMID_OK)
        status = ema_settle(f->trainer.levels, f->p->n_levels, &rows, &f->trainer.batch,
                            &f->trainer.random, n_revived, err);
    mem_free(z);
    return status;
}

static semid_status train(fit *f, semid_error *err) {
    checkpoint *c = &f->checkpoint;
    size_t n_epochs = f->p->quantizer.n_epochs;
    progress_add(&f->progress, c->n_done * f->n_rows);
    f->trainer.n_steps = c->n_done * f->n_batches;
    f->saved_s = clock_seconds();
    while (c->n_done < n_epochs) {
        semid_model_epoch *e = &c->epochs[c->n_done];
        if (c->n_done >= f->n_warm && !c->quantizes) TRY(start_codewords(f, err));
        TRY(train_epoch(f, c->n_done, e, err));
        if (++c->n_done == n_epochs) TRY(settle(f, &e->n_revived, err));
        log_debug("epoch %zu: loss %.6g, recon %.6g, commit %.6g, entropy %.4f, %zu revived",
                  c->n_done, e->loss, e->recon, e->commit, e->entropy, e->n_revived);
        TRY(save_checkpoint(f, err));
    }
    return c->quantizes ? SEMID_OK : start_codewords(f, err);
}

/* ---- the whole ---- */

static void set_rules(fit *f) {
    const semid_ema_params *q = &f->p->quantizer;
    model_trainer *t = &f->trainer;
    double mean_usage = (double)f->n_rows / (double)f->n_batches / (double)f->n_codewords;
    double dead_rows = q->dead_share * mean_usage;
    double revived_rows = fmin(mean_usage, dead_rows * pow(q->decay, -(double)f->n_batches));
    size_t max_rows = t->batch.max_rows, chunk_rows = q->dist_chunk_rows;
    t->rules =
        (ema_rules){.decay = q->decay,
                    .epsilon = q->epsilon,
                    .dead_rows = dead_rows,
                    .revived_rows = revived_rows,
                    .usage_cost = q->entropy_reg * (double)f->dim / (1 + q->beta),
                    .chunk_rows = chunk_rows > 0 && chunk_rows < max_rows ? chunk_rows : max_rows};
    t->adamw = (adamw_rules){
        .weight_decay = f->p->weight_decay, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    t->beta = q->beta;
    t->rotate = f->p->gradient == SEMID_GRADIENT_ROTATION;
    t->codes_by_gradient = f->p->update == SEMID_UPDATE_GRAD;
}

static semid_status prepare(fit *f, semid_error *err) {
    const semid_ema_params *q = &f->p->quantizer;
    model_trainer *t = &f->trainer;
    size_t max_rows = q->batch_rows < f->n_rows ? q->batch_rows : f->n_rows;
    f->n_batches = chunk_count(f->n_rows, q->batch_rows);
    f->n_warm = f->p->start ? 0 : q->n_epochs / WARM_SHARE;
    TRY(start_networks(f, err));
    f->latent = semid_model_latent(f->model);
    t->batch.max_rows = max_rows;
    set_rules(f);
    TRY(model_trainer_init(t, f->model, f->p->n_levels, f->n_codewords, max_rows, err));
    TRY(ema_batch_init(&t->batch, max_rows, t->rules.chunk_rows, f->n_codewords, f->latent,
                       q->entropy_reg > 0, err));
    TRY(mem_alloc(&f->order, f->n_rows, sizeof *f->order, err));
    return mem_alloc(&f->checkpoint.epochs, q->n_epochs, sizeof *f->checkpoint.epochs, err);
}

static semid_status resume(fit *f, semid_error *err) {
    checkpoint *c = &f->checkpoint;
    c->path = f->p->checkpoint;
    c->trainer = &f->trainer;
    if (!c->path) return SEMID_OK;
    TRY(checkpoint_describe(c, f->p, f->x, f->n_rows, f->dim, err));
    if (!f->p->resume || !path_exists(c->path)) return SEMID_OK;
    TRY(checkpoint_load(c, f->p->quantizer.n_epochs, f->n_codewords, err));
    log_info("%s: going on after epoch %zu of %zu", c->path, c->n_done, f->p->quantizer.n_epochs);
    return SEMID_OK;
}

static semid_status to_codebook(const fit *f, semid_codebook **out, semid_error *err) {
    size_t level_size = f->n_codewords * f->latent;
    float *all = NULL;
    TRY(mem_alloc(&all, f->p->n_levels * level_size, sizeof(float), err));
    for (size_t l = 0; l < f->p->n_levels; l++)
        memcpy(all + l * level_size, f->trainer.levels[l].codewords, level_size * sizeof(float));
    semid_status status = semid_codebook_new(NULL, out, f->p->n_levels, f->n_codewords, f->latent,
                                             f->p->vq, all, err);
    mem_free(all);
    return status;
}

static void release(fit *f) {
    model_trainer_release(&f->trainer);
    semid_model_free(f->model);
    mem_free(f->order);
    mem_free(f->checkpoint.run);
    mem_free(f->checkpoint.epochs);
}

semid_status semid_model_fit(semid_codebook **codebook, semid_model **model,
                             const semid_model_params *params, const float *x, size_t n, size_t dim,
                             semid_model_epoch *epochs, semid_error *err) {
    semid_status status = SEMID_OK;
    fit f = {
        .p = params, .x = x, .n_rows = n, .dim = dim, .n_codewords = params->quantizer.n_codewords};
    TRY(check(params, n, dim, err));
    progress_begin(&f.progress, "train", "rows", params->quantizer.n_epochs * n);
    TRY_GOTO(prepare(&f, err));
    TRY_GOTO(resume(&f, err));
    TRY_GOTO(train(&f, err));
    TRY_GOTO(to_codebook(&f, codebook, err));
    *model = f.model;
    f.model = NULL;
    if (epochs) memcpy(epochs, f.checkpoint.epochs, params->quantizer.n_epochs * sizeof *epochs);
done:
    progress_end(&f.progress);
    release(&f);
    return status;
}
