#include "learn/grad_update.h"

#include "base/threads.h"
#include "learn/revive.h"

#include <string.h>

/* The codebook loss of VQ-VAE (van den Oord et al. 2017, equation 3, second term): the mean over
 * the n rows of a batch of |sg(r) - e|^2 has the gradient 2/n times the sum of e - r over the rows
 * of codeword e. AdamW takes the step, without decay of weights.
 *
 * As in ema_update.c one thread owns a codeword and its rows, which come in row order: the same
 * bits at any number of threads. A revived codeword forgets its moments, which belong to the place
 * it has left. */

enum { CODEWORDS_PER_CHUNK = 8 };

typedef struct codeword_gradients_task {
    const level_state *s;
    level_workspace *w;
    float *grads;
    float scale; /* 2/n */
} codeword_gradients_task;

/* Gradients of codewords [begin, end); their rows are left as r - e. */
static void codeword_gradients(void *user, size_t chunk, size_t begin, size_t end) {
    const codeword_gradients_task *task = user;
    const level_state *s = task->s;
    level_workspace *w = task->w;
    (void)chunk;

    for (size_t k = begin; k < end; k++) {
        const float *c = s->codewords + k * s->dim;
        float *grad = task->grads + k * s->dim;
        double error = 0;
        memset(grad, 0, s->dim * sizeof *grad);

        for (uint32_t i = w->offsets[k]; i < w->offsets[k + 1]; i++) {
            float *r = w->r + w->order[i] * s->dim;
            for (size_t j = 0; j < s->dim; j++) {
                r[j] -= c[j];
                grad[j] -= task->scale * r[j];
                error += (double)r[j] * (double)r[j];
            }
        }
        w->errors[k] = error;
    }
}

double grad_update(level_state *s, level_workspace *w, const level_rules *rules,
                   const grad_state *g, size_t n, rng *random, size_t *n_revived) {
    size_t K = s->n_codewords, row_bytes = s->dim * sizeof(float);
    level_order_rows(s, w, n);
    level_count_rows(s, w, rules);

    /* Seeds are inputs of the level, which the gradients turn into residuals. */
    size_t n_seeds = revive_draw_seeds(s, w, rules, n, random);
    codeword_gradients_task task = {s, w, g->grads, 2 / (float)n};
    parallel_chunks(K, CODEWORDS_PER_CHUNK, codeword_gradients, &task);
    adamw_step(g->adamw, g->t, s->codewords, g->grads, g->m, g->v, K * s->dim);

    revive_place_seeds(s, w, rules, n_seeds);
    for (size_t i = 0; i < n_seeds; i++) {
        memset(g->m + w->revived[i] * s->dim, 0, row_bytes);
        memset(g->v + w->revived[i] * s->dim, 0, row_bytes);
    }
    *n_revived += n_seeds;

    double error = 0;
    for (size_t k = 0; k < K; k++) error += w->errors[k];
    return error;
}
