#include "semid/rqvae.h"

#include "base/context.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "learn/revive.h"
#include "learn/rqvae_checkpoint.h"
#include "learn/rqvae_step.h"
#include "learn/shuffled_rows.h"

#include <math.h>
#include <string.h>

/* Networks and codebooks trained together: Lee et al. 2022, "Autoregressive Image Generation using
 * Residual Quantization", with multilayer perceptrons as in TIGER (Rajput et al. 2023). A step is
 * in rqvae_step.c, the codebooks' part of it in codebook_trainer.c; here is the course of a
 * training.
 *
 * The networks see vectors of mean 0 and mean square 1, so that the learning rate does not depend
 * on their unit. The first tenth of the epochs trains them without a quantizer: codewords that
 * start in latents which still move far would die. Then k-means places codewords among the latents
 * of a sample. After the last epoch the latents of all rows are computed once, and codewords that
 * no latent is nearest to are moved.
 *
 * Every epoch begins with the rows in their own order and a random stream of its own, so that its
 * result depends on the state before it alone: what makes checkpoints short and exact. */

enum {
    WARM_SHARE = 10, /* one tenth of the epochs trains without a quantizer */
    START_MIN_ROWS = 16384,
    START_ROWS_PER_CODEWORD = 64, /* of which a quarter for k-means */
    ROWS_PER_CHUNK = 64,
    DIMS_PER_CHUNK = 16
};

typedef struct rqvae_training {
    const semid_rqvae_params *p;
    const row_source *source;
    shuffled_rows rows;
    size_t n_warm; /* epochs without a quantizer */
    semid_model *model;
    rqvae_trainer trainer;
    rqvae_sums sums; /* of this epoch */
    rqvae_checkpoint checkpoint;
    double saved_s;
    progress shown;
} rqvae_training;

semid_rqvae_params semid_rqvae_params_default(void) {
    semid_rqvae_params p = {.quantizer = semid_ema_params_default(),
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

static semid_status check(const semid_rqvae_params *p, const row_source *rows, semid_error *err) {
    const semid_codebook *cb = p->start_codebook;
    size_t L = p->quantizer.n_levels, K = p->quantizer.n_codewords, dim = rows->dim;
    TRY(codebook_trainer_check(&p->quantizer, rows->n, dim, err));
    TRY(check_reserved(p->reserved, sizeof p->reserved, err));
    if (p->quantizer.init)
        FAIL(SEMID_ERR_ARGUMENT, "init: expected NULL, for codewords start from latents");
    if (!(p->lr > 0) || !(p->weight_decay >= 0))
        FAIL(SEMID_ERR_ARGUMENT, "expected lr > 0, weight_decay >= 0, found %g, %g", p->lr,
             p->weight_decay);

    /* The widths are those of the model that training continues with, if there is one. */
    if (!p->start && !cb) {
        if (p->n_hidden == 0 || p->n_hidden > SEMID_MODEL_MAX_HIDDEN)
            FAIL(SEMID_ERR_ARGUMENT, "hidden layers: expected 1 to %d, found %zu",
                 SEMID_MODEL_MAX_HIDDEN, p->n_hidden);
        for (size_t i = 0; i < p->n_hidden; i++)
            if (p->hidden[i] == 0 || p->hidden[i] > SEMID_MODEL_MAX_WIDTH)
                FAIL(SEMID_ERR_ARGUMENT, "hidden width: expected 1 to %d, found %zu",
                     SEMID_MODEL_MAX_WIDTH, p->hidden[i]);
        if (p->latent == 0 || p->latent > SEMID_MODEL_MAX_WIDTH || dim > SEMID_MODEL_MAX_WIDTH)
            FAIL(SEMID_ERR_ARGUMENT,
                 "latents and vectors: expected dimensions 1 to %d, found %zu, %zu",
                 SEMID_MODEL_MAX_WIDTH, p->latent, dim);
        return SEMID_OK;
    }

    if (!p->start || !cb) FAIL(SEMID_ERR_ARGUMENT, "start: expected a model and its codebook");
    if (semid_model_dim(p->start) != dim ||
        semid_model_latent(p->start) != semid_codebook_dim(cb) || semid_codebook_levels(cb) != L ||
        semid_codebook_codewords(cb) != K)
        FAIL(SEMID_ERR_SHAPE,
             "start: expected dimension %zu and codewords [%zu, %zu, %zu], found %zu and [%zu, "
             "%zu, %zu]",
             dim, L, K, semid_model_latent(p->start), semid_model_dim(p->start),
             semid_codebook_levels(cb), semid_codebook_codewords(cb), semid_codebook_dim(cb));
    return SEMID_OK;
}

/* ---- the networks before training ---- */

typedef struct column_sums_task {
    const float *x; /* [n, dim] */
    size_t n, dim;
    double *sums; /* [dim] */
} column_sums_task;

static void add_columns(void *user, size_t chunk, size_t begin, size_t end) {
    const column_sums_task *task = user;
    double sums[DIMS_PER_CHUNK];
    (void)chunk;
    memcpy(sums, task->sums + begin, (end - begin) * sizeof *sums);
    for (size_t i = 0; i < task->n; i++)
        for (size_t j = begin; j < end; j++) sums[j - begin] += (double)task->x[i * task->dim + j];
    memcpy(task->sums + begin, sums, (end - begin) * sizeof *sums);
}

/* The mean vector, and one scale for all dimensions: 1 / sqrt of the mean squared deviation. Sums
 * run on from block to block, so that blocks do not change their bits. */
static semid_status measure_rows(const row_source *rows, semid_model *m, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t dim = rows->dim, n;
    const float *x;
    double *sums = NULL, total = 0;
    TRY(mem_calloc(&sums, dim, sizeof *sums, err));

    for (size_t row = 0; row < rows->n; row += n) {
        TRY_GOTO(row_source_block(rows, row, &x, &n, err));
        column_sums_task task = {x, n, dim, sums};
        parallel_chunks(dim, DIMS_PER_CHUNK, add_columns, &task);
    }
    for (size_t j = 0; j < dim; j++) m->mean[j] = (float)(sums[j] / (double)rows->n);

    /* In a second pass: sums of squares about 0 would cancel where the mean is large. */
    for (size_t row = 0; row < rows->n; row += n) {
        TRY_GOTO(row_source_block(rows, row, &x, &n, err));
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (size_t j = 0; j < dim; j++) {
                double d = (double)x[i * dim + j] - (double)m->mean[j];
                sum += d * d;
            }
            total += sum;
        }
    }
    float scale = (float)sqrt((double)rows->n * (double)dim / total);
    m->scale = isfinite(scale) && scale > 0 ? scale : 1;
done:
    mem_free(sums);
    return status;
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

static semid_status start_networks(rqvae_training *f, semid_error *err) {
    const semid_model *start = f->p->start;
    mlp_shape shape = {.n_layers = f->p->n_hidden + 1, .sizes = {f->source->dim}};
    if (start) {
        shape = start->encoder.shape;
    } else {
        memcpy(shape.sizes + 1, f->p->hidden, f->p->n_hidden * sizeof *shape.sizes);
        shape.sizes[shape.n_layers] = f->p->latent;
    }
    TRY(model_new(&f->model, &shape, true, err));

    semid_model *m = f->model;
    if (start) {
        /* Also its mean and scale, though the data may be others: its weights go with them. */
        memcpy(m->params, start->params, m->n_params * sizeof(float));
        memcpy(m->mean, start->mean, f->source->dim * sizeof(float));
        m->scale = start->scale;
    } else {
        rng random;
        rng_init(&random, f->p->quantizer.seed, RNG_RQVAE_WEIGHTS);
        TRY(measure_rows(f->source, m, err));
        draw_weights(&random, &m->encoder.shape, m->params);
        draw_weights(&random, &m->decoder.shape, model_decoder_params(m));
    }
    model_refresh(m);
    return SEMID_OK;
}

/* ---- the codewords before training ---- */

/* From k-means of a part of a sample of latents, or as params->start_codebook has them. */
static semid_status start_codewords(rqvae_training *f, semid_error *err) {
    semid_status status = SEMID_OK;
    codebook_trainer *t = &f->trainer.codebooks;
    size_t n = START_MIN_ROWS + t->params->n_codewords * START_ROWS_PER_CODEWORD;
    if (n > f->source->n) n = f->source->n;
    size_t n_kmeans = n / 4 > START_MIN_ROWS ? n / 4 : START_MIN_ROWS;
    if (n_kmeans > n) n_kmeans = n;
    uint64_t *rows = NULL;
    float *x = NULL, *z = NULL, *copy = NULL;
    semid_codebook *drawn = NULL;
    const semid_codebook *start = f->p->start_codebook;

    /* Latents of n random rows in random order, by the encoder as it is now. */
    rng random;
    rng_init(&random, t->params->seed, RNG_RQVAE_START);
    TRY_GOTO(mem_alloc(&rows, n, sizeof *rows, err));
    TRY_GOTO(mem_alloc(&x, n, f->source->dim * sizeof *x, err));
    TRY_GOTO(mem_alloc(&z, n, t->dim * sizeof *z, err));
    rng_sample_sorted(&random, f->source->n, n, rows);
    rng_shuffle_u64(&random, rows, n);
    TRY_GOTO(row_source_gather(f->source, rows, n, x, err));
    TRY_GOTO(semid_model_project(NULL, f->model, x, n, z, err));

    /* k-means works in its rows. */
    if (!start) {
        TRY_GOTO(mem_alloc(&copy, n_kmeans, t->dim * sizeof *copy, err));
        memcpy(copy, z, n_kmeans * t->dim * sizeof *copy);
        TRY_GOTO(codebook_trainer_kmeans(t, copy, n_kmeans, &drawn, err));
        start = drawn;
    }

    codebook_trainer_clear_usage(t);
    TRY_GOTO(codebook_trainer_count(t, start, z, n, err));
    TRY_GOTO(codebook_trainer_start(t, start, n, err));
    f->checkpoint.quantizes = true;
done:
    semid_codebook_free(drawn);
    mem_free(rows);
    mem_free(x);
    mem_free(z);
    mem_free(copy);
    return status;
}

/* ---- epochs ---- */

typedef struct scale_rows_task {
    const rqvae_training *f;
    size_t first; /* position of the batch */
} scale_rows_task;

static void scale_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const scale_rows_task *task = user;
    const rqvae_training *f = task->f;
    size_t stride = gemm_pad(f->source->dim);
    (void)chunk;
    for (size_t i = begin; i < end; i++)
        model_scale_row(f->model, shuffled_rows_at(&f->rows, task->first + i),
                        f->trainer.x + i * stride);
}

static semid_status train_batch(void *user, size_t first, size_t n, semid_error *err) {
    rqvae_training *f = user;
    rqvae_trainer *t = &f->trainer;
    scale_rows_task task = {f, first};
    TRY(shuffled_rows_fetch(&f->rows, first, n, err));
    parallel_chunks(n, ROWS_PER_CHUNK, scale_chunk, &task);

    /* Half a cosine, from lr to 0. */
    double total = (double)f->p->quantizer.n_epochs * (double)t->codebooks.n_batches;
    t->adamw.lr = f->p->lr * 0.5 * (1 + cos(M_PI * (double)t->n_steps / total));

    TRY(rqvae_gradients(t, n, f->checkpoint.quantizes, &f->sums, err));
    rqvae_update(t);
    return SEMID_OK;
}

static semid_status train_epoch(rqvae_training *f, size_t e, semid_rqvae_epoch *out,
                                semid_error *err) {
    codebook_trainer *t = &f->trainer.codebooks;
    f->sums = (rqvae_sums){0};
    rng_init(&t->random, f->p->quantizer.seed, RNG_RQVAE_EPOCH + e);
    shuffled_rows_reset(&f->rows); /* or the order would depend on all epochs before */
    shuffled_rows_shuffle(&f->rows, &t->random);
    TRY(codebook_trainer_epoch(t, train_batch, f, &f->shown, err));

    double scale = 1 / ((double)f->source->n * (double)f->source->dim);
    size_t n_usage = t->params->n_levels * t->params->n_codewords;
    semid_rqvae_epoch epoch = {.recon = f->sums.recon * scale,
                               .commit = f->sums.commit * scale,
                               .codebook = f->sums.commit * scale,
                               .entropy = codebook_trainer_entropy(t, 0, n_usage),
                               .n_revived = f->sums.n_revived};
    epoch.loss = codebook_trainer_loss(t, epoch.recon, epoch.commit, epoch.entropy);
    if (f->p->update == SEMID_UPDATE_GRAD) epoch.loss += epoch.codebook;
    if (!isfinite(epoch.loss))
        FAIL(SEMID_ERR_DATA, "training left the range of float32: lower the learning rate");
    *out = epoch;
    return SEMID_OK;
}

/* Codewords that no latent is nearest to move. */
static semid_status revive_codewords(rqvae_training *f, size_t *n_revived, semid_error *err) {
    semid_status status = SEMID_OK;
    codebook_trainer *t = &f->trainer.codebooks;
    const float *x;
    float *z;
    TRY(mem_alloc(&z, f->source->n, t->dim * sizeof *z, err));
    for (size_t row = 0, n; row < f->source->n; row += n) {
        TRY_GOTO(row_source_block(f->source, row, &x, &n, err));
        TRY_GOTO(semid_model_project(NULL, f->model, x, n, z + row * t->dim, err));
    }

    row_source latents = row_source_of(z, f->source->n, t->dim);
    TRY_GOTO(revive_unused(t->levels, t->params->n_levels, &latents, &t->workspace, &t->random,
                           n_revived, err));
done:
    mem_free(z);
    return status;
}

static semid_status train(rqvae_training *f, semid_error *err) {
    rqvae_checkpoint *c = &f->checkpoint;
    size_t n_epochs = f->p->quantizer.n_epochs;
    progress_add(&f->shown, c->n_done * f->source->n);
    f->trainer.n_steps = c->n_done * f->trainer.codebooks.n_batches;
    f->saved_s = clock_seconds();

    while (c->n_done < n_epochs) {
        semid_rqvae_epoch *e = &c->epochs[c->n_done];
        if (c->n_done >= f->n_warm && !c->quantizes) TRY(start_codewords(f, err));
        TRY(train_epoch(f, c->n_done, e, err));
        if (++c->n_done == n_epochs) TRY(revive_codewords(f, &e->n_revived, err));
        log_debug("epoch %zu: loss %.6g, recon %.6g, commit %.6g, entropy %.4f, %zu revived",
                  c->n_done, e->loss, e->recon, e->commit, e->entropy, e->n_revived);

        if (c->path && c->n_done < n_epochs && clock_seconds() - f->saved_s >= f->p->checkpoint_s) {
            TRY(rqvae_checkpoint_save(c, err));
            f->saved_s = clock_seconds();
        }
    }
    return c->quantizes ? SEMID_OK : start_codewords(f, err); /* of no epochs */
}

/* ---- the public calls ---- */

static semid_status fit(semid_codebook **codebook, semid_model **model, const row_source *rows,
                        const semid_rqvae_params *p, semid_rqvae_epoch *epochs, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n_epochs = p->quantizer.n_epochs;
    rqvae_training f = {.p = p, .source = rows, .n_warm = p->start ? 0 : n_epochs / WARM_SHARE};
    TRY(check(p, rows, err));
    progress_begin(&f.shown, "train", "rows", n_epochs * rows->n);

    TRY_GOTO(start_networks(&f, err));
    TRY_GOTO(rqvae_trainer_init(&f.trainer, f.model, p, rows->n, err));
    TRY_GOTO(shuffled_rows_init(&f.rows, rows, f.trainer.codebooks.workspace.max_rows, err));

    /* Nothing is described, and no row read for it, unless there is to be a file. */
    rqvae_checkpoint *c = &f.checkpoint;
    *c = (rqvae_checkpoint){.path = p->checkpoint, .trainer = &f.trainer};
    TRY_GOTO(mem_alloc(&c->epochs, n_epochs, sizeof *c->epochs, err));
    if (c->path) TRY_GOTO(rqvae_checkpoint_describe(c, p, rows, err));
    if (c->path && p->resume && path_exists(c->path)) {
        TRY_GOTO(rqvae_checkpoint_load(c, err));
        log_info("%s: going on after epoch %zu of %zu", c->path, c->n_done, n_epochs);
    }
    TRY_GOTO(train(&f, err));

    TRY_GOTO(codebook_trainer_codebook(&f.trainer.codebooks, codebook, err));
    *model = f.model;
    f.model = NULL;
    if (epochs) memcpy(epochs, f.checkpoint.epochs, n_epochs * sizeof *epochs);
done:
    progress_end(&f.shown);
    rqvae_trainer_release(&f.trainer);
    shuffled_rows_release(&f.rows);
    semid_model_free(f.model);
    mem_free(f.checkpoint.run);
    mem_free(f.checkpoint.epochs);
    return status;
}

semid_status semid_rqvae_fit(semid_context *context, semid_codebook **codebook, semid_model **model,
                             const float *x, size_t n, size_t dim, const semid_rqvae_params *params,
                             semid_rqvae_epoch *epochs, semid_error *err) {
    context_scope outer = context_enter(context);
    row_source rows = row_source_of(x, n, dim);
    semid_status status = fit(codebook, model, &rows, params, epochs, err);
    context_leave(outer);
    return status;
}

semid_status semid_rqvae_fit_rows(semid_context *context, semid_codebook **codebook,
                                  semid_model **model, const semid_rows *rows, size_t dim,
                                  const semid_rqvae_params *params, semid_rqvae_epoch *epochs,
                                  semid_error *err) {
    context_scope outer = context_enter(context);
    row_source source = {0};
    semid_status status = row_source_open(&source, rows, dim, err);
    if (status == SEMID_OK) status = fit(codebook, model, &source, params, epochs, err);
    row_source_release(&source);
    context_leave(outer);
    return status;
}
