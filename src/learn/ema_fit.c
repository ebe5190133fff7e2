#include "learn/ema_fit.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "learn/ema.h"
#include "learn/ema_settle.h"
#include "learn/ema_start.h"

#include <math.h>
#include <string.h>

/* The start sees a sample: the first rows of a shuffled order. */
enum {
    START_MIN_ROWS = 16384,
    KMEANS_ROWS_PER_CODEWORD = 16,
    KMEANS_MAX_SHARE = 8, /* one eighth of the rows */
    COUNT_ROWS_PER_CODEWORD = 16,
    GATHER_ROWS_PER_CHUNK = 64
};

enum { STREAM_START = 100, STREAM_TRAIN }; /* of the seed */

typedef struct fit {
    const semid_ema_params *p;
    const row_source *rows;
    bool vq;
    size_t n_rows, n_levels, n_codewords, dim, n_batches;
    ema_level *levels; /* [n_levels] */
    ema_batch batch;
    ema_rules rules;
    uint32_t *order; /* [n_rows] the rows as this epoch takes them */
    float *window;   /* [window_rows, dim] those of [window_begin, window_end) of the order */
    size_t window_rows, window_begin, window_end;
    uint64_t *usage; /* [n_levels, K] rows of each codeword in this epoch */
    rng random;
    progress progress;
} fit;

semid_ema_params semid_ema_params_default(void) {
    return (semid_ema_params){.n_codewords = 256,
                              .n_epochs = 20,
                              .batch_rows = 512,
                              .beta = 0.25,
                              .decay = 0.99,
                              .epsilon = 1e-5,
                              .dead_share = 0.1,
                              .seed = 42};
}

/* ---- checks ---- */

static semid_status check_init(const fit *f, semid_error *err) {
    const semid_ema_params *p = f->p;
    size_t L = semid_codebook_levels(p->init), K = semid_codebook_codewords(p->init);
    size_t d = semid_codebook_dim(p->init);
    if (L != f->n_levels || K != p->n_codewords || d != f->dim)
        FAIL(SEMID_ERR_SHAPE, "start codewords: expected [%zu, %zu, %zu], found [%zu, %zu, %zu]",
             f->n_levels, p->n_codewords, f->dim, L, K, d);
    return SEMID_OK;
}

static semid_status check(const fit *f, semid_error *err) {
    const semid_ema_params *p = f->p;
    if (f->n_levels == 0 || p->n_codewords == 0 || p->batch_rows == 0 || f->dim == 0)
        FAIL(SEMID_ERR_ARGUMENT, "levels, codewords, batch and dimension must be at least 1");
    if (!(p->decay >= 0 && p->decay < 1))
        FAIL(SEMID_ERR_ARGUMENT, "decay: expected 0 <= decay < 1, found %g", p->decay);
    if (!(p->beta >= 0) || !(p->entropy_reg >= 0) || !(p->epsilon > 0))
        FAIL(SEMID_ERR_ARGUMENT,
             "expected beta >= 0, entropy_reg >= 0, epsilon > 0, found %g, "
             "%g, %g",
             p->beta, p->entropy_reg, p->epsilon);
    if (!(p->dead_share >= 0 && p->dead_share <= 1))
        FAIL(SEMID_ERR_ARGUMENT, "dead_share: expected 0 to 1, found %g", p->dead_share);
    if (f->n_rows < p->n_codewords)
        FAIL(SEMID_ERR_DATA, "expected at least as many rows as codewords (%zu), found %zu",
             p->n_codewords, f->n_rows);
    if (f->n_rows > UINT32_MAX)
        FAIL(SEMID_ERR_UNSUPPORTED, "expected at most %u training rows, found %zu", UINT32_MAX,
             f->n_rows);
    return p->init ? check_init(f, err) : SEMID_OK;
}

/* ---- rows ---- */

/* The rows order[first], ... of the epoch. Those that are read come for several batches at once. */
static semid_status gather(fit *f, size_t first, size_t n, float *out, semid_error *err) {
    if (f->rows->x) return row_source_gather_u32(f->rows, f->order + first, n, out, err);
    if (first < f->window_begin || first + n > f->window_end) {
        size_t left = f->n_rows - first, take = left < f->window_rows ? left : f->window_rows;
        f->window_end = 0;
        TRY(row_source_gather_u32(f->rows, f->order + first, take, f->window, err));
        f->window_begin = first;
        f->window_end = first + take;
    }
    memcpy(out, f->window + (first - f->window_begin) * f->dim, n * f->dim * sizeof *out);
    return SEMID_OK;
}

static void shuffle(fit *f, rng *random) {
    rng_shuffle_u32(random, f->order, f->n_rows);
    f->window_end = 0;
}

/* ---- start ---- */

static size_t at_most(size_t n, size_t limit) {
    return n < limit ? n : limit;
}

/* k-means works on a copy: of all rows if they are few, else of a small part of them. */
static size_t kmeans_rows(const fit *f) {
    size_t n_rows = f->n_rows, n = f->n_codewords * KMEANS_ROWS_PER_CODEWORD;
    n = at_most(n, n_rows / KMEANS_MAX_SHARE);
    return at_most(n > START_MIN_ROWS ? n : START_MIN_ROWS, n_rows);
}

static semid_status start_by_kmeans(const fit *f, semid_codebook **out, semid_error *err) {
    size_t n = kmeans_rows(f);
    float *sample = NULL;
    TRY(mem_alloc(&sample, n * f->dim, sizeof(float), err));
    semid_status status = row_source_gather_u32(f->rows, f->order, n, sample, err);
    if (status == SEMID_OK)
        status =
            ema_start_kmeans(out, f->n_levels, f->n_codewords, sample, n, f->dim, f->p->seed, err);
    mem_free(sample);
    return status;
}

/* One assignment pass over the sample, a batch at a time: usage [n_levels, K]. */
static semid_status count_usage(fit *f, const semid_codebook *start, size_t n, semid_error *err) {
    semid_status status = SEMID_OK;
    int32_t *codes = NULL;
    TRY_GOTO(mem_alloc(&codes, f->batch.max_rows * f->n_levels, sizeof(int32_t), err));
    memset(f->usage, 0, f->n_levels * f->n_codewords * sizeof(uint64_t));
    for (size_t row = 0; row < n; row += f->batch.max_rows) {
        size_t take = n - row < f->batch.max_rows ? n - row : f->batch.max_rows;
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(gather(f, row, take, f->batch.r, err));
        TRY_GOTO(semid_encode(NULL, start, f->batch.r, take, codes, err));
        for (size_t i = 0; i < take * f->n_levels; i++)
            f->usage[i % f->n_levels * f->n_codewords + (size_t)codes[i]]++;
    }
done:
    mem_free(codes);
    return status;
}

static semid_status start_levels(fit *f, const semid_codebook *start, semid_error *err) {
    size_t n = at_most(f->n_codewords * COUNT_ROWS_PER_CODEWORD + START_MIN_ROWS, f->n_rows);
    double batch_rows = (double)f->n_rows / (double)f->n_batches;
    TRY(count_usage(f, start, n, err));
    for (size_t l = 0; l < f->n_levels; l++) {
        TRY(ema_level_init(&f->levels[l], f->n_codewords, f->dim, semid_codebook_level(start, l),
                           f->p->entropy_reg > 0, err));
        ema_level_start(&f->levels[l], f->usage + l * f->n_codewords, n, batch_rows);
    }
    return SEMID_OK;
}

static semid_status start(fit *f, semid_error *err) {
    rng drawn;
    rng_init(&drawn, f->p->seed, STREAM_START);
    for (size_t i = 0; i < f->n_rows; i++) f->order[i] = (uint32_t)i;
    shuffle(f, &drawn);
    if (f->p->init) return start_levels(f, f->p->init, err);
    semid_codebook *codebook = NULL;
    semid_status status = start_by_kmeans(f, &codebook, err);
    if (status == SEMID_OK) status = start_levels(f, codebook, err);
    semid_codebook_free(codebook);
    return status;
}

/* ---- epochs ---- */

/* All levels of one batch; errors[l] grows by the squared error after level l. */
static semid_status train_batch(fit *f, size_t first, size_t n, double *errors,
                                semid_ema_epoch *epoch, semid_error *err) {
    TRY(gather(f, first, n, f->batch.r, err));
    for (size_t l = 0; l < f->n_levels; l++) {
        ema_level *level = &f->levels[l];
        ema_assign(level, &f->batch, &f->rules, n);
        errors[l] += ema_update(level, &f->batch, &f->rules, n, &f->random, &epoch->n_revived);
        uint64_t *usage = f->usage + l * f->n_codewords;
        for (size_t i = 0; i < n; i++) usage[f->batch.codes[i]]++;
    }
    return SEMID_OK;
}

static double usage_entropy(const uint64_t *usage, size_t n_codewords, size_t n) {
    double entropy = 0;
    for (size_t k = 0; k < n_codewords; k++) {
        double p = (double)usage[k] / (double)n;
        if (p > 0) entropy -= p * log(p);
    }
    return entropy;
}

static void sum_up(const fit *f, const double *errors, semid_ema_epoch *epoch) {
    double scale = 1 / ((double)f->n_rows * (double)f->dim);
    epoch->recon = errors[f->n_levels - 1] * scale;
    for (size_t l = 0; l < f->n_levels; l++) {
        epoch->commit += errors[l] * scale;
        epoch->entropy += usage_entropy(f->usage + l * f->n_codewords, f->n_codewords, f->n_rows);
    }
    epoch->loss = epoch->recon + f->p->beta * epoch->commit - f->p->entropy_reg * epoch->entropy;
}

static semid_status train_epoch(fit *f, double *errors, semid_ema_epoch *epoch, semid_error *err) {
    size_t n_rows = f->n_rows;
    *epoch = (semid_ema_epoch){0};
    memset(errors, 0, f->n_levels * sizeof(double));
    memset(f->usage, 0, f->n_levels * f->n_codewords * sizeof(uint64_t));
    shuffle(f, &f->random);
    for (size_t b = 0; b < f->n_batches; b++) {
        size_t begin = b * n_rows / f->n_batches, end = (b + 1) * n_rows / f->n_batches;
        TRY(check_interrupted(err));
        TRY(train_batch(f, begin, end - begin, errors, epoch, err));
        progress_add(&f->progress, end - begin);
    }
    sum_up(f, errors, epoch);
    return SEMID_OK;
}

static semid_status train(fit *f, semid_ema_epoch *epochs, semid_error *err) {
    semid_status status = SEMID_OK;
    double *errors = NULL;
    progress_begin(&f->progress, "train", "rows", f->p->n_epochs * f->n_rows);
    TRY_GOTO(mem_alloc(&errors, f->n_levels, sizeof(double), err));
    for (size_t e = 0; e < f->p->n_epochs; e++) {
        semid_ema_epoch epoch;
        TRY_GOTO(train_epoch(f, errors, &epoch, err));
        if (e + 1 == f->p->n_epochs)
            TRY_GOTO(ema_settle(f->levels, f->n_levels, f->rows, &f->batch, &f->random,
                                &epoch.n_revived, err));
        log_debug("epoch %zu: loss %.6g, recon %.6g, commit %.6g, entropy %.4f, %zu revived", e + 1,
                  epoch.loss, epoch.recon, epoch.commit, epoch.entropy, epoch.n_revived);
        if (epochs) epochs[e] = epoch;
    }
done:
    progress_end(&f->progress);
    mem_free(errors);
    return status;
}

/* ---- the whole ---- */

static void set_rules(fit *f) {
    const semid_ema_params *p = f->p;
    double mean_usage = (double)f->n_rows / (double)f->n_batches / (double)f->n_codewords;
    double dead_rows = p->dead_share * mean_usage;
    /* A revived codeword stays for an epoch even if its rows do not come up before. */
    double revived_rows = fmin(mean_usage, dead_rows * pow(p->decay, -(double)f->n_batches));
    f->rules = (ema_rules){.decay = p->decay,
                           .epsilon = p->epsilon,
                           .dead_rows = dead_rows,
                           .revived_rows = revived_rows,
                           .usage_cost = p->entropy_reg * (double)f->dim / (1 + p->beta),
                           .chunk_rows = p->dist_chunk_rows};
    if (f->rules.chunk_rows == 0 || f->rules.chunk_rows > f->batch.max_rows)
        f->rules.chunk_rows = f->batch.max_rows;
}

static semid_status prepare(fit *f, semid_error *err) {
    size_t n_rows = f->n_rows, batch_rows = f->p->batch_rows;
    f->n_batches = chunk_count(n_rows, batch_rows);
    if (batch_rows > n_rows) batch_rows = n_rows;
    TRY(mem_alloc(&f->order, n_rows, sizeof(uint32_t), err));
    TRY(mem_calloc(&f->levels, f->n_levels, sizeof(ema_level), err));
    size_t n = 0;
    if (!size_mul(f->n_levels, f->n_codewords, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory");
    TRY(mem_alloc(&f->usage, n, sizeof(uint64_t), err));
    f->batch.max_rows = batch_rows;
    if (!f->rows->x) {
        f->window_rows = f->rows->block_rows > batch_rows ? f->rows->block_rows : batch_rows;
        TRY(mem_alloc(&f->window, f->window_rows, f->dim * sizeof(float), err));
    }
    set_rules(f);
    return ema_batch_init(&f->batch, batch_rows, f->rules.chunk_rows, f->n_codewords, f->dim,
                          f->p->entropy_reg > 0, err);
}

static semid_status to_codebook(const fit *f, semid_codebook **out, semid_error *err) {
    size_t level_size = f->n_codewords * f->dim;
    float *all = NULL;
    TRY(mem_alloc(&all, f->n_levels * level_size, sizeof(float), err));
    for (size_t l = 0; l < f->n_levels; l++)
        memcpy(all + l * level_size, f->levels[l].codewords, level_size * sizeof(float));
    semid_status status =
        semid_codebook_new(NULL, out, f->n_levels, f->n_codewords, f->dim, f->vq, all, err);
    mem_free(all);
    return status;
}

static void release(fit *f) {
    for (size_t l = 0; f->levels && l < f->n_levels; l++) ema_level_release(&f->levels[l]);
    mem_free(f->levels);
    ema_batch_release(&f->batch);
    mem_free(f->order);
    mem_free(f->window);
    mem_free(f->usage);
}

semid_status ema_fit(semid_codebook **out, size_t n_levels, bool vq, const semid_ema_params *params,
                     const row_source *rows, semid_ema_epoch *epochs, semid_error *err) {
    semid_status status = SEMID_OK;
    fit f = {.p = params,
             .rows = rows,
             .vq = vq,
             .n_rows = rows->n,
             .n_levels = n_levels,
             .n_codewords = params->n_codewords,
             .dim = rows->dim};
    TRY(check(&f, err));
    rng_init(&f.random, params->seed, STREAM_TRAIN);
    TRY_GOTO(prepare(&f, err));
    TRY_GOTO(start(&f, err));
    TRY_GOTO(train(&f, epochs, err));
    TRY_GOTO(to_codebook(&f, out, err));
done:
    release(&f);
    return status;
}
