#include "learn/ema.h"

#include "base/memory.h"
#include "base/threads.h"
#include "learn/ema_revive.h"

#include <math.h>
#include <string.h>

enum {
    CODEWORDS_PER_CHUNK = 8, /* small, so that a crowded codeword does not hold others up */
    LANES = 8                /* partial sums, so that squares add up in vector registers */
};

/* ---- life ---- */

semid_status ema_level_init(ema_level *s, size_t n_codewords, size_t dim, const float *codewords,
                            bool biased, semid_error *err) {
    semid_status status = SEMID_OK;
    *s = (ema_level){.n_codewords = n_codewords, .dim = dim, .biased = biased};
    size_t n = 0;
    if (!size_mul(n_codewords, dim, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: codewords");
    TRY_GOTO(mem_alloc(&s->codewords, n, sizeof(float), err));
    TRY_GOTO(mem_alloc(&s->m, n, sizeof(float), err));
    TRY_GOTO(mem_calloc(&s->n, n_codewords, sizeof(double), err));
    if (biased) TRY_GOTO(mem_alloc(&s->lifted, n + n_codewords, sizeof(float), err));
    TRY_GOTO(nearest_new(&s->search, n_codewords, dim + biased, err));
    memcpy(s->codewords, codewords, n * sizeof(float));
done:
    if (status != SEMID_OK) ema_level_release(s);
    return status;
}

void ema_level_release(ema_level *s) {
    mem_free(s->codewords);
    mem_free(s->m);
    mem_free(s->n);
    mem_free(s->lifted);
    nearest_free(s->search);
    *s = (ema_level){0};
}

semid_status ema_batch_init(ema_batch *b, size_t max_rows, size_t chunk_rows, size_t n_codewords,
                            size_t dim, bool biased, semid_error *err) {
    semid_status status = SEMID_OK;
    *b = (ema_batch){.max_rows = max_rows};
    size_t n = 0, n_seeds = n_codewords < max_rows ? n_codewords : max_rows;
    if (!size_mul(max_rows, dim + 1, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: a batch");
    TRY_GOTO(mem_alloc(&b->r, n, sizeof(float), err));
    if (biased) TRY_GOTO(mem_alloc(&b->lifted, chunk_rows * (dim + 1), sizeof(float), err));
    TRY_GOTO(mem_alloc(&b->codes, max_rows, sizeof(int32_t), err));
    TRY_GOTO(mem_alloc(&b->distances, max_rows, sizeof(float), err));
    TRY_GOTO(mem_alloc(&b->dead, n_codewords, sizeof(bool), err));
    TRY_GOTO(mem_alloc(&b->order, max_rows, sizeof(uint32_t), err));
    TRY_GOTO(mem_alloc(&b->offsets, n_codewords + 1, sizeof(uint32_t), err));
    TRY_GOTO(mem_alloc(&b->smoothed, n_codewords, sizeof(double), err));
    TRY_GOTO(mem_alloc(&b->errors, n_codewords, sizeof(double), err));
    TRY_GOTO(mem_alloc(&b->revived, n_codewords, sizeof(uint32_t), err));
    TRY_GOTO(mem_alloc(&b->seeds, n_seeds * dim, sizeof(float), err));
done:
    if (status != SEMID_OK) ema_batch_release(b);
    return status;
}

void ema_batch_release(ema_batch *b) {
    mem_free(b->r);
    mem_free(b->lifted);
    mem_free(b->codes);
    mem_free(b->distances);
    mem_free(b->dead);
    mem_free(b->order);
    mem_free(b->offsets);
    mem_free(b->smoothed);
    mem_free(b->errors);
    mem_free(b->revived);
    mem_free(b->seeds);
    *b = (ema_batch){0};
}

/* ---- start ---- */

/* m_k = n_k v */
static void set_mass(ema_level *s, size_t k, double n, const float *v) {
    s->n[k] = n;
    for (size_t j = 0; j < s->dim; j++) s->m[k * s->dim + j] = (float)(n * (double)v[j]);
}

void ema_level_start(ema_level *s, const uint64_t *counts, size_t n, double batch_rows) {
    for (size_t k = 0; k < s->n_codewords; k++) {
        double share = (double)counts[k] / (double)n;
        set_mass(s, k, batch_rows * share, s->codewords + k * s->dim);
    }
}

void ema_smoothed(const ema_level *s, double epsilon, double *out) {
    double total = 0;
    for (size_t k = 0; k < s->n_codewords; k++) total += s->n[k];
    double scale = total / (total + (double)s->n_codewords * epsilon);
    for (size_t k = 0; k < s->n_codewords; k++) out[k] = (s->n[k] + epsilon) * scale;
}

/* ---- assignment ---- */

/* |r - c_k|^2 + cost_k is a plain squared distance once c_k carries sqrt(cost_k) as one more
 * coordinate and r carries 0; only differences of costs matter, so the least one is 0. */
static void lift_codewords(ema_level *s, ema_batch *b, const ema_rules *rules) {
    size_t width = s->dim + 1;
    ema_smoothed(s, rules->epsilon, b->smoothed);
    double least = INFINITY;
    for (size_t k = 0; k < s->n_codewords; k++) least = fmin(least, b->smoothed[k]);
    for (size_t k = 0; k < s->n_codewords; k++) {
        double cost = rules->usage_cost * log(b->smoothed[k] / least);
        memcpy(s->lifted + k * width, s->codewords + k * s->dim, s->dim * sizeof(float));
        s->lifted[k * width + s->dim] = (float)sqrt(cost);
    }
}

static const float *lift_rows(const ema_level *s, ema_batch *b, size_t row, size_t n) {
    size_t width = s->dim + 1;
    for (size_t i = 0; i < n; i++) {
        memcpy(b->lifted + i * width, b->r + (row + i) * s->dim, s->dim * sizeof(float));
        b->lifted[i * width + s->dim] = 0;
    }
    return b->lifted;
}

void ema_assign(ema_level *s, ema_batch *b, const ema_rules *rules, size_t n) {
    if (s->biased) lift_codewords(s, b, rules);
    nearest_set(s->search, s->biased ? s->lifted : s->codewords);
    for (size_t row = 0; row < n; row += rules->chunk_rows) {
        size_t take = n - row < rules->chunk_rows ? n - row : rules->chunk_rows;
        const float *x = s->biased ? lift_rows(s, b, row, take) : b->r + row * s->dim;
        nearest_find(s->search, x, take, b->codes + row, b->distances + row);
    }
}

/* ---- update ---- */

/* A counting sort. */
void ema_order_rows(const ema_level *s, ema_batch *b, size_t n) {
    size_t n_codewords = s->n_codewords;
    memset(b->offsets, 0, (n_codewords + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < n; i++) b->offsets[b->codes[i] + 1]++;
    for (size_t k = 0; k < n_codewords; k++) b->offsets[k + 1] += b->offsets[k];
    for (size_t i = 0; i < n; i++) b->order[b->offsets[b->codes[i]]++] = (uint32_t)i;
    memmove(b->offsets + 1, b->offsets, n_codewords * sizeof(uint32_t));
    b->offsets[0] = 0;
}

void ema_count_rows(ema_level *s, const ema_batch *b, const ema_rules *rules) {
    for (size_t k = 0; k < s->n_codewords; k++) {
        double count = (double)(b->offsets[k + 1] - b->offsets[k]);
        s->n[k] = rules->decay * s->n[k] + (1 - rules->decay) * count;
    }
}

void ema_place_seeds(ema_level *s, const ema_batch *b, const ema_rules *rules, size_t n_seeds) {
    for (size_t i = 0; i < n_seeds; i++) {
        size_t k = b->revived[i];
        const float *seed = b->seeds + i * s->dim;
        memcpy(s->codewords + k * s->dim, seed, s->dim * sizeof(float));
        set_mass(s, k, rules->revived_rows, seed);
    }
}

/* m += weight r, r -= c; returns |r|^2 after that. */
static float take_row(float *restrict m, float *restrict r, const float *restrict c, float weight,
                      size_t dim) {
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

typedef struct update_job {
    ema_level *s;
    ema_batch *b;
    const ema_rules *rules;
} update_job;

static void update_codeword(const update_job *job, size_t k) {
    ema_level *s = job->s;
    ema_batch *b = job->b;
    float *m = s->m + k * s->dim, *c = s->codewords + k * s->dim;
    float decay = (float)job->rules->decay, weight = (float)(1 - job->rules->decay);
    double error = 0;
    for (size_t j = 0; j < s->dim; j++) m[j] *= decay;
    for (uint32_t i = b->offsets[k]; i < b->offsets[k + 1]; i++)
        error += (double)take_row(m, b->r + b->order[i] * s->dim, c, weight, s->dim);
    b->errors[k] = error;
    /* With no mass left, m_k is noise beside the smoothing: the codeword stays where it is. */
    if (s->n[k] <= job->rules->epsilon) return;
    float scale = (float)(1 / b->smoothed[k]);
    for (size_t j = 0; j < s->dim; j++) c[j] = m[j] * scale;
}

static void update_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    for (size_t k = begin; k < end; k++) update_codeword(user, k);
}

double ema_update(ema_level *s, ema_batch *b, const ema_rules *rules, size_t n, rng *random,
                  size_t *n_revived) {
    ema_order_rows(s, b, n);
    ema_count_rows(s, b, rules);
    ema_smoothed(s, rules->epsilon, b->smoothed);
    size_t n_seeds = ema_draw_seeds(s, b, rules, n, random);
    update_job job = {s, b, rules};
    parallel_chunks(s->n_codewords, CODEWORDS_PER_CHUNK, update_chunk, &job);
    ema_place_seeds(s, b, rules, n_seeds);
    *n_revived += n_seeds;
    double error = 0;
    for (size_t k = 0; k < s->n_codewords; k++) error += b->errors[k];
    return error;
}
