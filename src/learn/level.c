#include "learn/level.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* A level assigns each row of a batch to a codeword, sorts the rows by codeword, and lets one of
 * two rules move the codewords (ema_update.h, grad_update.h).
 *
 * With an entropy term a row pays |r - c_k|^2 + cost_k for codeword k, where cost_k grows with the
 * use of k (entropy-constrained vector quantization, Chou, Lookabaugh and Gray 1989). That is a
 * plain squared distance once c_k carries sqrt(cost_k) as one more coordinate and r carries 0
 * there, so that the same search serves both. Only differences of costs matter: the least is 0.
 *
 * Cost of a batch of n rows: 2 n K dim operations for the assignment, n + K for the sort. */

/* ---- life ---- */

semid_status level_init(level_state *s, size_t n_codewords, size_t dim, const float *codewords,
                        bool biased, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n = 0;
    *s = (level_state){.n_codewords = n_codewords, .dim = dim, .biased = biased};
    if (!size_mul(n_codewords, dim, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: codewords");

    TRY_GOTO(mem_alloc(&s->codewords, n, sizeof(float), err));
    TRY_GOTO(mem_alloc(&s->m, n, sizeof(float), err));
    TRY_GOTO(mem_calloc(&s->n, n_codewords, sizeof(double), err));
    if (biased) TRY_GOTO(mem_alloc(&s->lifted, n + n_codewords, sizeof(float), err));
    TRY_GOTO(nearest_new(&s->search, n_codewords, dim + biased, err));

    memcpy(s->codewords, codewords, n * sizeof(float));
done:
    if (status != SEMID_OK) level_release(s);
    return status;
}

void level_release(level_state *s) {
    mem_free(s->codewords);
    mem_free(s->m);
    mem_free(s->n);
    mem_free(s->lifted);
    nearest_free(s->search);
    *s = (level_state){0};
}

semid_status level_workspace_init(level_workspace *w, size_t max_rows, size_t chunk_rows,
                                  size_t n_codewords, size_t dim, bool biased, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n = 0, n_seeds = n_codewords < max_rows ? n_codewords : max_rows;
    *w = (level_workspace){.max_rows = max_rows};
    if (!size_mul(max_rows, dim + 1, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: a batch");

    /* Per row. */
    TRY_GOTO(mem_alloc(&w->r, n, sizeof(float), err));
    if (biased) TRY_GOTO(mem_alloc(&w->lifted, chunk_rows * (dim + 1), sizeof(float), err));
    TRY_GOTO(mem_alloc(&w->codes, max_rows, sizeof(int32_t), err));
    TRY_GOTO(mem_alloc(&w->distances, max_rows, sizeof(float), err));
    TRY_GOTO(mem_alloc(&w->order, max_rows, sizeof(uint32_t), err));

    /* Per codeword. */
    TRY_GOTO(mem_alloc(&w->dead, n_codewords, sizeof(bool), err));
    TRY_GOTO(mem_alloc(&w->offsets, n_codewords + 1, sizeof(uint32_t), err));
    TRY_GOTO(mem_alloc(&w->smoothed, n_codewords, sizeof(double), err));
    TRY_GOTO(mem_alloc(&w->errors, n_codewords, sizeof(double), err));
    TRY_GOTO(mem_alloc(&w->revived, n_codewords, sizeof(uint32_t), err));
    TRY_GOTO(mem_alloc(&w->seeds, n_seeds * dim, sizeof(float), err));
done:
    if (status != SEMID_OK) level_workspace_release(w);
    return status;
}

void level_workspace_release(level_workspace *w) {
    mem_free(w->r);
    mem_free(w->lifted);
    mem_free(w->codes);
    mem_free(w->distances);
    mem_free(w->order);

    mem_free(w->dead);
    mem_free(w->offsets);
    mem_free(w->smoothed);
    mem_free(w->errors);
    mem_free(w->revived);
    mem_free(w->seeds);
    *w = (level_workspace){0};
}

/* ---- assignment ---- */

void level_assign(level_state *s, level_workspace *w, const level_rules *rules, size_t n) {
    size_t K = s->n_codewords, width = s->dim + 1;
    if (s->biased) {
        double least = INFINITY;
        level_smooth_usage(s, rules->epsilon, w->smoothed);
        for (size_t k = 0; k < K; k++) least = fmin(least, w->smoothed[k]);

        /* sqrt(cost_k) as the last coordinate of codeword k */
        for (size_t k = 0; k < K; k++) {
            double cost = rules->usage_cost * log(w->smoothed[k] / least);
            memcpy(s->lifted + k * width, s->codewords + k * s->dim, s->dim * sizeof(float));
            s->lifted[k * width + s->dim] = (float)sqrt(cost);
        }
    }
    nearest_set(s->search, s->biased ? s->lifted : s->codewords);

    for (size_t row = 0; row < n; row += rules->chunk_rows) {
        size_t take = n - row < rules->chunk_rows ? n - row : rules->chunk_rows;
        const float *x = w->r + row * s->dim;
        if (s->biased) { /* with 0 as their last coordinate */
            for (size_t i = 0; i < take; i++) {
                memcpy(w->lifted + i * width, x + i * s->dim, s->dim * sizeof(float));
                w->lifted[i * width + s->dim] = 0;
            }
            x = w->lifted;
        }
        nearest_find(s->search, x, take, w->codes + row, w->distances + row);
    }
}

/* ---- usage ---- */

/* A counting sort. */
void level_order_rows(const level_state *s, level_workspace *w, size_t n) {
    size_t K = s->n_codewords;
    memset(w->offsets, 0, (K + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < n; i++) w->offsets[w->codes[i] + 1]++;
    for (size_t k = 0; k < K; k++) w->offsets[k + 1] += w->offsets[k];

    /* Placing a row moves the begin of its codeword on, in the end to that of the next one. */
    for (size_t i = 0; i < n; i++) w->order[w->offsets[w->codes[i]]++] = (uint32_t)i;
    memmove(w->offsets + 1, w->offsets, K * sizeof(uint32_t));
    w->offsets[0] = 0;
}

void level_count_rows(level_state *s, const level_workspace *w, const level_rules *rules) {
    for (size_t k = 0; k < s->n_codewords; k++) {
        double count = (double)(w->offsets[k + 1] - w->offsets[k]);
        s->n[k] = rules->decay * s->n[k] + (1 - rules->decay) * count;
    }
}

void level_smooth_usage(const level_state *s, double epsilon, double *out) {
    double total = 0;
    for (size_t k = 0; k < s->n_codewords; k++) total += s->n[k];
    double scale = total / (total + (double)s->n_codewords * epsilon);
    for (size_t k = 0; k < s->n_codewords; k++) out[k] = (s->n[k] + epsilon) * scale;
}

void level_set_usage(level_state *s, size_t k, double n) {
    float *m = s->m + k * s->dim;
    const float *c = s->codewords + k * s->dim;
    s->n[k] = n;
    for (size_t j = 0; j < s->dim; j++) m[j] = (float)(n * (double)c[j]);
}
