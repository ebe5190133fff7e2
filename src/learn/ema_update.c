#include "learn/ema_update.h"

#include "base/threads.h"
#include "learn/revive.h"

/* Moving-average codebooks (van den Oord, Vinyals and Kavukcuoglu 2017, "Neural Discrete
 * Representation Learning", appendix A.1; the formulas stand in semid/ema.h).
 *
 * The rows are sorted by codeword first, and threads share out codewords, not rows: a codeword and
 * its rows belong to one thread, which adds them in row order. So no sums are ever merged, and the
 * bits are the same at any number of threads. One pass over a row adds it to m_k, turns it into its
 * residual in place, and measures that.
 *
 * Cost: about 4 operations per row and dimension and 2 per codeword and dimension. */

enum {
    CODEWORDS_PER_CHUNK = 8, /* small, so that a crowded codeword does not hold others up */
    LANES = 8                /* partial sums, so that squares add up in vector registers */
};

/* m += weight r, r -= c; returns |r|^2 after that. */
static float accumulate_row(float *restrict m, float *restrict r, const float *restrict c,
                            float weight, size_t dim) {
    float sums[LANES] = {0}, rest = 0;
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES)
        for (size_t t = 0; t < LANES; t++) {
            m[j + t] += weight * r[j + t];
            r[j + t] -= c[j + t];
            sums[t] += r[j + t] * r[j + t];
        }

    for (; j < dim; j++) {
        m[j] += weight * r[j];
        r[j] -= c[j];
        rest += r[j] * r[j];
    }
    for (size_t t = 0; t < LANES; t++) rest += sums[t];
    return rest;
}

typedef struct ema_update_task {
    level_state *s;
    level_workspace *w;
    const level_rules *rules;
} ema_update_task;

static void update_codewords(void *user, size_t chunk, size_t begin, size_t end) {
    const ema_update_task *task = user;
    level_state *s = task->s;
    level_workspace *w = task->w;
    float decay = (float)task->rules->decay, weight = (float)(1 - task->rules->decay);
    (void)chunk;

    for (size_t k = begin; k < end; k++) {
        float *m = s->m + k * s->dim, *c = s->codewords + k * s->dim;
        double error = 0;
        for (size_t j = 0; j < s->dim; j++) m[j] *= decay;
        for (uint32_t i = w->offsets[k]; i < w->offsets[k + 1]; i++)
            error += (double)accumulate_row(m, w->r + w->order[i] * s->dim, c, weight, s->dim);
        w->errors[k] = error;

        /* With no mass left, m_k is noise beside the smoothing: the codeword stays where it is. */
        if (s->n[k] <= task->rules->epsilon) continue;
        float scale = (float)(1 / w->smoothed[k]);
        for (size_t j = 0; j < s->dim; j++) c[j] = m[j] * scale;
    }
}

double ema_update(level_state *s, level_workspace *w, const level_rules *rules, size_t n,
                  rng *random, size_t *n_revived) {
    level_order_rows(s, w, n);
    level_count_rows(s, w, rules);
    level_smooth_usage(s, rules->epsilon, w->smoothed);

    /* Seeds are inputs of the level, which the update turns into residuals. */
    size_t n_seeds = revive_draw_seeds(s, w, rules, n, random);
    ema_update_task task = {s, w, rules};
    parallel_chunks(s->n_codewords, CODEWORDS_PER_CHUNK, update_codewords, &task);
    revive_place_seeds(s, w, rules, n_seeds);
    *n_revived += n_seeds;

    double error = 0;
    for (size_t k = 0; k < s->n_codewords; k++) error += w->errors[k];
    return error;
}
