#include "semid/ema.h"

#include "base/context.h"
#include "base/log.h"
#include "base/memory.h"
#include "learn/codebook_trainer.h"
#include "learn/revive.h"
#include "learn/shuffled_rows.h"

#include <string.h>

/* Moving-average codebooks on vectors as they are. What happens in a batch is in
 * codebook_trainer.c and ema_update.c; here is where the rows come from and where the codewords
 * start.
 *
 * The start sees a sample, the first rows of a shuffled order: k-means works on a copy of it, which
 * is all rows if they are few and at most an eighth of many; the first usage comes from counting
 * the codes of a sample that is read batch by batch. Rows are shuffled anew in each epoch, from the
 * order of the one before. */

enum {
    START_MIN_ROWS = 16384,
    KMEANS_ROWS_PER_CODEWORD = 16,
    KMEANS_MAX_SHARE = 8, /* one eighth of the rows */
    COUNT_ROWS_PER_CODEWORD = 16
};

typedef struct ema_training {
    codebook_trainer trainer;
    shuffled_rows rows;
    double *errors;   /* [n_levels] sum of squared errors after each level, in this epoch */
    size_t n_revived; /* in this epoch */
} ema_training;

semid_ema_params semid_ema_params_default(void) {
    return (semid_ema_params){.n_levels = 4,
                              .n_codewords = 256,
                              .n_epochs = 20,
                              .batch_rows = 512,
                              .beta = 0.25,
                              .decay = 0.99,
                              .epsilon = 1e-5,
                              .dead_share = 0.1,
                              .seed = 42};
}

/* ---- start ---- */

static size_t at_most(size_t n, size_t limit) {
    return n < limit ? n : limit;
}

/* The levels from the codewords of `start` and from the codes that a sample has in it. */
static semid_status start_levels(ema_training *e, const semid_codebook *start, semid_error *err) {
    codebook_trainer *t = &e->trainer;
    size_t n_sample = t->params->n_codewords * COUNT_ROWS_PER_CODEWORD + START_MIN_ROWS;
    size_t n = at_most(n_sample, t->n_rows), max_rows = t->workspace.max_rows;
    codebook_trainer_clear_usage(t);
    for (size_t row = 0; row < n; row += max_rows) {
        size_t take = at_most(n - row, max_rows);
        TRY(check_interrupted(err));
        TRY(shuffled_rows_copy(&e->rows, row, take, t->workspace.r, err));
        TRY(codebook_trainer_count(t, start, t->workspace.r, take, err));
    }
    return codebook_trainer_start(t, start, n, err);
}

static semid_status start(ema_training *e, semid_error *err) {
    semid_status status = SEMID_OK;
    const semid_ema_params *p = e->trainer.params;
    const row_source *source = e->rows.source;
    float *sample = NULL;
    semid_codebook *codebook = NULL;
    rng order;
    rng_init(&order, p->seed, RNG_EMA_START);
    shuffled_rows_shuffle(&e->rows, &order);
    if (p->init) return start_levels(e, p->init, err);

    /* k-means works in its rows: on a copy of the first ones. */
    size_t n = at_most(p->n_codewords * KMEANS_ROWS_PER_CODEWORD, source->n / KMEANS_MAX_SHARE);
    n = at_most(n > START_MIN_ROWS ? n : START_MIN_ROWS, source->n);
    TRY_GOTO(mem_alloc(&sample, n, source->dim * sizeof *sample, err));
    TRY_GOTO(row_source_gather_u32(source, e->rows.order, n, sample, err));
    TRY_GOTO(codebook_trainer_kmeans(&e->trainer, sample, n, &codebook, err));
    mem_free(sample); /* before the levels take memory of their own */
    sample = NULL;

    TRY_GOTO(start_levels(e, codebook, err));
done:
    mem_free(sample);
    semid_codebook_free(codebook);
    return status;
}

/* ---- epochs ---- */

static semid_status train_batch(void *user, size_t first, size_t n, semid_error *err) {
    ema_training *e = user;
    TRY(shuffled_rows_copy(&e->rows, first, n, e->trainer.workspace.r, err));
    for (size_t l = 0; l < e->trainer.params->n_levels; l++)
        e->errors[l] += codebook_trainer_level(&e->trainer, l, n, NULL, &e->n_revived);
    return SEMID_OK;
}

static semid_status train(ema_training *e, semid_ema_epoch *epochs, semid_error *err) {
    semid_status status = SEMID_OK;
    codebook_trainer *t = &e->trainer;
    size_t n_epochs = t->params->n_epochs, L = t->params->n_levels, K = t->params->n_codewords;
    double scale = 1 / ((double)t->n_rows * (double)t->dim);
    progress shown;
    progress_begin(&shown, "train", "rows", n_epochs * t->n_rows);

    for (size_t i = 0; i < n_epochs; i++) {
        memset(e->errors, 0, L * sizeof *e->errors);
        e->n_revived = 0;
        shuffled_rows_shuffle(&e->rows, &t->random);
        TRY_GOTO(codebook_trainer_epoch(t, train_batch, e, &shown, err));

        /* The last level's error is what remains; the commitment counts those of all levels. */
        semid_ema_epoch epoch = {.recon = e->errors[L - 1] * scale, .n_revived = e->n_revived};
        for (size_t l = 0; l < L; l++) {
            epoch.commit += e->errors[l] * scale;
            epoch.entropy += codebook_trainer_entropy(t, l * K, K);
        }
        epoch.loss = codebook_trainer_loss(t, epoch.recon, epoch.commit, epoch.entropy);

        if (i + 1 == n_epochs)
            TRY_GOTO(revive_unused(t->levels, L, e->rows.source, &t->workspace, &t->random,
                                   &epoch.n_revived, err));
        log_debug("epoch %zu: loss %.6g, recon %.6g, commit %.6g, entropy %.4f, %zu revived", i + 1,
                  epoch.loss, epoch.recon, epoch.commit, epoch.entropy, epoch.n_revived);
        if (epochs) epochs[i] = epoch;
    }
done:
    progress_end(&shown);
    return status;
}

/* ---- the public calls ---- */

static semid_status fit(semid_codebook **out, const row_source *rows, const semid_ema_params *p,
                        semid_ema_epoch *epochs, semid_error *err) {
    semid_status status = SEMID_OK;
    ema_training e = {0};
    TRY(codebook_trainer_check(p, rows->n, rows->dim, err));
    if (p->init) {
        size_t L = semid_codebook_levels(p->init), K = semid_codebook_codewords(p->init);
        size_t d = semid_codebook_dim(p->init);
        if (L != p->n_levels || K != p->n_codewords || d != rows->dim)
            FAIL(SEMID_ERR_SHAPE,
                 "start codewords: expected [%zu, %zu, %zu], found [%zu, %zu, %zu]", p->n_levels,
                 p->n_codewords, rows->dim, L, K, d);
    }

    TRY_GOTO(codebook_trainer_init(&e.trainer, p, rows->n, rows->dim, rows->dim, err));
    TRY_GOTO(shuffled_rows_init(&e.rows, rows, e.trainer.workspace.max_rows, err));
    TRY_GOTO(mem_alloc(&e.errors, p->n_levels, sizeof *e.errors, err));
    rng_init(&e.trainer.random, p->seed, RNG_EMA_TRAIN);

    TRY_GOTO(start(&e, err));
    TRY_GOTO(train(&e, epochs, err));
    TRY_GOTO(codebook_trainer_codebook(&e.trainer, out, err));
done:
    codebook_trainer_release(&e.trainer);
    shuffled_rows_release(&e.rows);
    mem_free(e.errors);
    return status;
}

semid_status semid_ema_fit(semid_context *context, semid_codebook **out, const float *x, size_t n,
                           size_t dim, const semid_ema_params *params, semid_ema_epoch *epochs,
                           semid_error *err) {
    context_scope outer = context_enter(context);
    row_source rows = row_source_of(x, n, dim);
    semid_status status = fit(out, &rows, params, epochs, err);
    context_leave(outer);
    return status;
}

semid_status semid_ema_fit_rows(semid_context *context, semid_codebook **out,
                                const semid_rows *rows, size_t dim, const semid_ema_params *params,
                                semid_ema_epoch *epochs, semid_error *err) {
    context_scope outer = context_enter(context);
    row_source source = {0};
    semid_status status = row_source_open(&source, rows, dim, err);
    if (status == SEMID_OK) status = fit(out, &source, params, epochs, err);
    row_source_release(&source);
    context_leave(outer);
    return status;
}
