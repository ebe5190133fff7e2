#include "learn/ema_revive.h"

#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum {
    TRIES = 16,          /* rows that are drawn for one dead codeword */
    ROWS_PER_CHECK = 32, /* one look for neighbours per so many rows: bounds the cost of it */
    CODEWORDS_PER_CHUNK = 4
};

/* Codewords with next to no rows are dead without a look at their neighbours. */
static const double surely_dead_ratio = 0.01;

/* A codeword is worth keeping if without it the error would grow by that of so many times dead_rows
 * average rows. Lower, and codewords that memorise single rows stay: fewer codes are told apart,
 * and unseen rows are served worse; higher, and outlying clusters lose theirs. */
static const double worth_errors = 4;

typedef struct revival {
    const ema_level *s;
    ema_batch *b;
    const ema_rules *rules;
    double mean_error; /* squared, of a row of the batch */
} revival;

static double nearest_other(const ema_level *s, size_t k) {
    const float *c = s->codewords + k * s->dim;
    float best = INFINITY;
    for (size_t j = 0; j < s->n_codewords; j++) {
        if (j == k) continue;
        float distance = kernels()->sqdist_f32(c, s->codewords + j * s->dim, s->dim);
        if (distance < best) best = distance;
    }
    return (double)best;
}

/* Few rows alone do not condemn: a codeword of far-off rows earns its place. */
static void judge_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const revival *v = user;
    (void)chunk;
    for (size_t i = begin; i < end; i++) {
        size_t k = v->b->revived[i];
        double cost = v->s->n[k] * nearest_other(v->s, k);
        v->b->dead[k] = cost < worth_errors * v->rules->dead_rows * v->mean_error;
    }
}

static void find_dead(const revival *v, size_t n, rng *random) {
    const ema_level *s = v->s;
    size_t K = s->n_codewords, n_checks = 0, max_checks = n / ROWS_PER_CHECK + 1;
    size_t first = (size_t)rng_below(random, K); /* all get their turn */
    for (size_t i = 0; i < K; i++) {
        size_t k = i + first < K ? i + first : i + first - K;
        v->b->dead[k] = s->n[k] < surely_dead_ratio * v->rules->dead_rows;
        if (v->b->dead[k] || s->n[k] >= v->rules->dead_rows || n_checks == max_checks) continue;
        v->b->revived[n_checks++] = (uint32_t)k;
    }
    parallel_chunks(n_checks, CODEWORDS_PER_CHUNK, judge_chunk, (void *)(uintptr_t)v);
}

bool ema_is_missed(const float *r, const float *c, size_t dim) {
    double error = 0, norm = 0;
    for (size_t j = 0; j < dim; j++) {
        double e = (double)r[j] - (double)c[j];
        error += e * e;
        norm += (double)r[j] * (double)r[j];
    }
    return error > 1e-10 * norm;
}

static bool draw_row(const revival *v, size_t n, rng *random, size_t *row) {
    const ema_level *s = v->s;
    const ema_batch *b = v->b;
    for (int t = 0; t < TRIES; t++) {
        *row = (size_t)rng_below(random, n);
        const float *c = s->codewords + (size_t)b->codes[*row] * s->dim;
        if (b->distances[*row] > 0 && ema_is_missed(b->r + *row * s->dim, c, s->dim)) return true;
    }
    return false;
}

size_t ema_draw_seeds(const ema_level *s, ema_batch *b, const ema_rules *rules, size_t n,
                      rng *random) {
    size_t n_seeds = 0, row = 0;
    if (rules->dead_rows <= 0) return 0;
    double error = 0;
    for (size_t i = 0; i < n; i++) error += (double)b->distances[i];
    revival v = {s, b, rules, error / (double)n};
    find_dead(&v, n, random);
    for (size_t k = 0; k < s->n_codewords && n_seeds < n; k++) {
        if (!b->dead[k] || !draw_row(&v, n, random, &row)) continue;
        memcpy(b->seeds + n_seeds * s->dim, b->r + row * s->dim, s->dim * sizeof(float));
        b->distances[row] = 0; /* it is not drawn again */
        b->revived[n_seeds++] = (uint32_t)k;
    }
    return n_seeds;
}
