#include "learn/codebook_grad.h"

#include "base/threads.h"
#include "learn/ema_revive.h"

#include <string.h>

enum { CODEWORDS_PER_CHUNK = 8 };

typedef struct grad_job {
    const ema_level *s;
    ema_batch *b;
    float *grads;
    float scale;
} grad_job;

/* 2/n times the sum of e - r over its rows, which are left as r - e. */
static void codeword_gradient(const grad_job *job, size_t k) {
    const ema_level *s = job->s;
    ema_batch *b = job->b;
    const float *c = s->codewords + k * s->dim;
    float *grad = job->grads + k * s->dim;
    double error = 0;
    memset(grad, 0, s->dim * sizeof *grad);
    for (uint32_t i = b->offsets[k]; i < b->offsets[k + 1]; i++) {
        float *r = b->r + b->order[i] * s->dim;
        for (size_t j = 0; j < s->dim; j++) {
            r[j] -= c[j];
            grad[j] -= job->scale * r[j];
            error += (double)r[j] * (double)r[j];
        }
    }
    b->errors[k] = error;
}

static void gradient_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    for (size_t k = begin; k < end; k++) codeword_gradient(user, k);
}

double codebook_grad_update(ema_level *s, ema_batch *b, const ema_rules *rules,
                            const codebook_grad *g, size_t n, rng *random, size_t *n_revived) {
    size_t K = s->n_codewords, row_bytes = s->dim * sizeof(float);
    ema_order_rows(s, b, n);
    ema_count_rows(s, b, rules);
    size_t n_seeds = ema_draw_seeds(s, b, rules, n, random);
    grad_job job = {s, b, g->grads, 2 / (float)n};
    parallel_chunks(K, CODEWORDS_PER_CHUNK, gradient_chunk, &job);
    adamw_step(g->adamw, g->t, s->codewords, g->grads, g->m, g->v, K * s->dim);
    ema_place_seeds(s, b, rules, n_seeds);
    for (size_t i = 0; i < n_seeds; i++) {
        memset(g->m + b->revived[i] * s->dim, 0, row_bytes);
        memset(g->v + b->revived[i] * s->dim, 0, row_bytes);
    }
    *n_revived += n_seeds;
    double error = 0;
    for (size_t k = 0; k < K; k++) error += b->errors[k];
    return error;
}
