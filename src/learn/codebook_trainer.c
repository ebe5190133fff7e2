#include "learn/codebook_trainer.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kmeans/rqkmeans.h"
#include "learn/ema_update.h"

#include <math.h>
#include <string.h>

/* Training by batches, after van den Oord et al. 2017 (one level) and Lee et al. 2022 (residual
 * levels, trained together): each batch passes all levels in turn, level l quantizes what levels
 * < l leave of it, and each level moves its codewords at once.
 *
 * All rates follow from the batch: moving averages count rows per batch, so that a codeword's mean
 * usage is batch / K, and "dead" is a share of that. A revived codeword begins with a usage that
 * stays above this limit for an epoch, even if its rows do not come up before.
 *
 * The moving averages start from one assignment of many rows, not from the first batch: so a batch
 * weighs the same from the first step on, and no codeword is lost to a poor first sample. */

/* Few iterations of k-means: training itself is what makes the codewords good. */
enum { START_ITERATIONS = 2 };

/* ---- life ---- */

semid_status codebook_trainer_check(const semid_ema_params *p, size_t n_rows, size_t dim,
                                    semid_error *err) {
    TRY(check_reserved(p->reserved, sizeof p->reserved, err));
    if (p->n_levels == 0 || p->n_codewords == 0 || p->batch_rows == 0 || dim == 0)
        FAIL(SEMID_ERR_ARGUMENT, "levels, codewords, batch and dimension must be at least 1");
    if (p->vq && p->n_levels != 1)
        FAIL(SEMID_ERR_ARGUMENT, "levels: expected 1 if vq, found %zu", p->n_levels);
    if (!(p->decay >= 0 && p->decay < 1))
        FAIL(SEMID_ERR_ARGUMENT, "decay: expected 0 <= decay < 1, found %g", p->decay);
    if (!(p->beta >= 0) || !(p->entropy_reg >= 0) || !(p->epsilon > 0))
        FAIL(SEMID_ERR_ARGUMENT,
             "expected beta >= 0, entropy_reg >= 0, epsilon > 0, found %g, %g, %g", p->beta,
             p->entropy_reg, p->epsilon);
    if (!(p->dead_share >= 0 && p->dead_share <= 1))
        FAIL(SEMID_ERR_ARGUMENT, "dead_share: expected 0 to 1, found %g", p->dead_share);

    if (n_rows < p->n_codewords)
        FAIL(SEMID_ERR_DATA, "expected at least as many rows as codewords (%zu), found %zu",
             p->n_codewords, n_rows);
    if (n_rows > UINT32_MAX)
        FAIL(SEMID_ERR_UNSUPPORTED, "expected at most %u training rows, found %zu", UINT32_MAX,
             n_rows);
    return SEMID_OK;
}

semid_status codebook_trainer_init(codebook_trainer *t, const semid_ema_params *p, size_t n_rows,
                                   size_t dim, size_t loss_dim, semid_error *err) {
    size_t max_rows = p->batch_rows < n_rows ? p->batch_rows : n_rows, n_usage = 0;
    size_t chunk_rows =
        p->dist_chunk_rows > 0 && p->dist_chunk_rows < max_rows ? p->dist_chunk_rows : max_rows;
    *t = (codebook_trainer){
        .params = p, .n_rows = n_rows, .n_batches = chunk_count(n_rows, p->batch_rows), .dim = dim};

    /* In rows per batch. revived_rows decays to dead_rows within an epoch at the earliest. */
    double mean_usage = (double)n_rows / (double)t->n_batches / (double)p->n_codewords;
    double dead_rows = p->dead_share * mean_usage;
    double revived_rows = fmin(mean_usage, dead_rows * pow(p->decay, -(double)t->n_batches));
    t->rules = (level_rules){.decay = p->decay,
                             .epsilon = p->epsilon,
                             .dead_rows = dead_rows,
                             .revived_rows = revived_rows,
                             .usage_cost = p->entropy_reg * (double)loss_dim / (1 + p->beta),
                             .chunk_rows = chunk_rows};

    if (!size_mul(p->n_levels, p->n_codewords, &n_usage))
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: codewords");
    TRY(mem_calloc(&t->levels, p->n_levels, sizeof *t->levels, err));
    TRY(mem_calloc(&t->usage, n_usage, sizeof *t->usage, err));
    return level_workspace_init(&t->workspace, max_rows, chunk_rows, p->n_codewords, dim,
                                p->entropy_reg > 0, err);
}

void codebook_trainer_release(codebook_trainer *t) {
    for (size_t l = 0; t->levels && l < t->params->n_levels; l++) level_release(&t->levels[l]);
    mem_free(t->levels);
    mem_free(t->usage);
    level_workspace_release(&t->workspace);
    *t = (codebook_trainer){0};
}

/* ---- start ---- */

semid_status codebook_trainer_kmeans(const codebook_trainer *t, float *x, size_t n,
                                     semid_codebook **out, semid_error *err) {
    semid_status status;
    float *codewords = NULL;
    int32_t *codes = NULL;
    row_source rows = row_source_of(x, n, t->dim);
    size_t L = t->params->n_levels, K = t->params->n_codewords;
    semid_rqkmeans_params params = semid_rqkmeans_params_default();
    params.n_levels = L;
    params.kmeans.n_codewords = K;
    params.kmeans.max_iters = START_ITERATIONS;
    params.kmeans.seed = t->params->seed;

    TRY_GOTO(mem_alloc(&codewords, L, K * t->dim * sizeof(float), err));
    TRY_GOTO(mem_alloc(&codes, n, sizeof(int32_t), err));
    TRY_GOTO(rqkmeans_fit_levels(&rows, x, &params, codewords, codes, NULL, err));
    TRY_GOTO(semid_codebook_new(NULL, out, L, K, t->dim, false, codewords, err));
done:
    mem_free(codewords);
    mem_free(codes);
    return status;
}

void codebook_trainer_clear_usage(codebook_trainer *t) {
    memset(t->usage, 0, t->params->n_levels * t->params->n_codewords * sizeof *t->usage);
}

semid_status codebook_trainer_count(codebook_trainer *t, const semid_codebook *start,
                                    const float *x, size_t n, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t L = t->params->n_levels, K = t->params->n_codewords;
    int32_t *codes = NULL;
    TRY(mem_alloc(&codes, n, L * sizeof *codes, err));
    TRY_GOTO(semid_encode(NULL, start, x, n, codes, err));
    for (size_t i = 0; i < n * L; i++) t->usage[i % L * K + (size_t)codes[i]]++;
done:
    mem_free(codes);
    return status;
}

semid_status codebook_trainer_start(codebook_trainer *t, const semid_codebook *start, size_t n,
                                    semid_error *err) {
    size_t K = t->params->n_codewords;
    double batch_rows = (double)t->n_rows / (double)t->n_batches;
    for (size_t l = 0; l < t->params->n_levels; l++) {
        level_state *level = &t->levels[l];
        TRY(level_init(level, K, t->dim, semid_codebook_level(start, l), t->params->entropy_reg > 0,
                       err));

        /* The sample may be any part of the rows: shares of it, scaled to a batch. */
        for (size_t k = 0; k < K; k++) {
            double share = (double)t->usage[l * K + k] / (double)n;
            level_set_usage(level, k, batch_rows * share);
        }
    }
    return SEMID_OK;
}

/* ---- epochs ---- */

semid_status codebook_trainer_epoch(codebook_trainer *t, train_batch_fn train_batch, void *user,
                                    progress *shown, semid_error *err) {
    codebook_trainer_clear_usage(t);
    for (size_t b = 0; b < t->n_batches; b++) {
        size_t begin = b * t->n_rows / t->n_batches, end = (b + 1) * t->n_rows / t->n_batches;
        TRY(check_interrupted(err));
        TRY(train_batch(user, begin, end - begin, err));
        progress_add(shown, end - begin);
    }
    return SEMID_OK;
}

double codebook_trainer_level(codebook_trainer *t, size_t l, size_t n,
                              const grad_state *by_gradient, size_t *n_revived) {
    level_state *level = &t->levels[l];
    level_workspace *w = &t->workspace;
    level_assign(level, w, &t->rules, n);
    double error = by_gradient
                       ? grad_update(level, w, &t->rules, by_gradient, n, &t->random, n_revived)
                       : ema_update(level, w, &t->rules, n, &t->random, n_revived);

    uint64_t *usage = t->usage + l * level->n_codewords;
    for (size_t i = 0; i < n; i++) usage[w->codes[i]]++;
    return error;
}

double codebook_trainer_entropy(const codebook_trainer *t, size_t first, size_t n) {
    double entropy = 0;
    for (size_t i = first; i < first + n; i++) {
        double p = (double)t->usage[i] / (double)t->n_rows;
        if (p > 0) entropy -= p * log(p);
    }
    return entropy;
}

double codebook_trainer_loss(const codebook_trainer *t, double recon, double commit,
                             double entropy) {
    return recon + t->params->beta * commit - t->params->entropy_reg * entropy;
}

/* ---- result ---- */

semid_status codebook_trainer_codebook(const codebook_trainer *t, semid_codebook **out,
                                       semid_error *err) {
    size_t L = t->params->n_levels, K = t->params->n_codewords, level_size = K * t->dim;
    float *all = NULL;
    TRY(mem_alloc(&all, L, level_size * sizeof *all, err));
    for (size_t l = 0; l < L; l++)
        memcpy(all + l * level_size, t->levels[l].codewords, level_size * sizeof *all);

    semid_status status = semid_codebook_new(NULL, out, L, K, t->dim, t->params->vq, all, err);
    mem_free(all);
    return status;
}
