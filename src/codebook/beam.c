#include "codebook/beam.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "codebook/scores.h"

#include <math.h>
#include <string.h>

/* Rows whose beams are scored together: enough for the kernel's tiles. */
enum { BLOCK_BEAMS = KERNEL_MAX_ROWS };

/* One way to go on: a codeword behind a kept partial code. */
typedef struct step {
    double distance;
    uint32_t from;
    int32_t code;
} step;

/* The partial codes of one row that are kept, in lexicographic order. */
typedef struct paths {
    size_t n;
    int32_t *codes; /* [width, L] */
    float *errors;  /* [width, L] */
} paths;

/* A worker's room. */
typedef struct desk {
    paths *now, *next;       /* [block_rows] */
    float *residuals, *made; /* [block_rows * width, dim] of all rows' paths, one after another */
    float *scores;           /* [block_rows * width, stride] */
    step *steps;             /* [width] */
    int32_t *codes;          /* what the paths point to */
    float *errors;
} desk;

struct beam {
    const semid_codebook *cb;
    size_t width, block_rows, n_levels, dim, n_desks;
    scores **levels; /* [n_levels] */
    desk *desks;     /* [n_desks] */
};

static void desk_release(desk *d) {
    mem_free(d->now);
    mem_free(d->next);
    mem_free(d->residuals);
    mem_free(d->made);
    mem_free(d->scores);
    mem_free(d->steps);
    mem_free(d->codes);
    mem_free(d->errors);
}

static semid_status desk_init(desk *d, const beam *b, semid_error *err) {
    size_t rows = b->block_rows, n_paths = rows * b->width, L = b->n_levels;
    TRY(mem_alloc(&d->now, rows, sizeof *d->now, err));
    TRY(mem_alloc(&d->next, rows, sizeof *d->next, err));
    TRY(mem_alloc(&d->residuals, n_paths, b->dim * sizeof(float), err));
    TRY(mem_alloc(&d->made, n_paths, b->dim * sizeof(float), err));
    TRY(mem_alloc(&d->scores, n_paths, scores_stride(b->levels[0]) * sizeof(float), err));
    TRY(mem_alloc(&d->steps, b->width, sizeof *d->steps, err));
    TRY(mem_alloc(&d->codes, 2 * n_paths, L * sizeof(int32_t), err));
    TRY(mem_alloc(&d->errors, 2 * n_paths, L * sizeof(float), err));
    for (size_t i = 0; i < rows; i++) {
        size_t now = i * b->width * L, next = (rows + i) * b->width * L;
        d->now[i] = (paths){.codes = d->codes + now, .errors = d->errors + now};
        d->next[i] = (paths){.codes = d->codes + next, .errors = d->errors + next};
    }
    return SEMID_OK;
}

semid_status beam_new(beam **out, const semid_codebook *cb, size_t width, semid_error *err) {
    semid_status status = SEMID_OK;
    beam *b;
    TRY(mem_calloc(&b, 1, sizeof *b, err));
    b->cb = cb;
    b->width = width;
    b->n_levels = semid_codebook_levels(cb);
    b->dim = semid_codebook_dim(cb);
    b->block_rows = width < BLOCK_BEAMS ? BLOCK_BEAMS / width : 1;
    size_t n_desks = (size_t)threads_get();
    TRY_GOTO(mem_calloc(&b->levels, b->n_levels, sizeof(scores *), err));
    for (size_t l = 0; l < b->n_levels; l++)
        TRY_GOTO(scores_new(&b->levels[l], semid_codebook_level(cb, l),
                            semid_codebook_codewords(cb), b->dim, err));
    TRY_GOTO(mem_calloc(&b->desks, n_desks, sizeof(desk), err));
    b->n_desks = n_desks;
    for (size_t i = 0; i < n_desks; i++) TRY_GOTO(desk_init(&b->desks[i], b, err));
    *out = b;
    b = NULL;
done:
    beam_free(b);
    return status;
}

void beam_free(beam *b) {
    if (!b) return;
    for (size_t l = 0; b->levels && l < b->n_levels; l++) scores_free(b->levels[l]);
    for (size_t i = 0; i < b->n_desks; i++) desk_release(&b->desks[i]);
    mem_free(b->levels);
    mem_free(b->desks);
    mem_free(b);
}

/* Insert into the steps sorted by distance; equal ones stay in the order they came. */
static size_t offer(step *steps, size_t n, size_t width, step s) {
    if (n == width && !(s.distance < steps[n - 1].distance)) return n;
    size_t at = n < width ? n : n - 1;
    for (; at > 0 && s.distance < steps[at - 1].distance; at--) steps[at] = steps[at - 1];
    steps[at] = s;
    return n < width ? n + 1 : n;
}

/* The best steps from the paths of a row, whose scores are given: [p->n, stride]. Steps are offered
 * in lexicographic order, so that ties keep it. */
static size_t choose_steps(const beam *b, const paths *p, size_t level, const float *row_scores,
                           step *steps) {
    size_t n = 0, stride = scores_stride(b->levels[level]), K = semid_codebook_codewords(b->cb);
    for (size_t i = 0; i < p->n; i++) {
        double before = level > 0 ? (double)p->errors[i * b->n_levels + level - 1] : 0;
        for (size_t k = 0; k < K; k++) {
            double distance = before + (double)row_scores[i * stride + k];
            if (n == b->width && !(distance < steps[n - 1].distance)) continue;
            n = offer(steps, n, b->width, (step){distance, (uint32_t)i, (int32_t)k});
        }
    }
    return n;
}

/* Back into lexicographic order: by the path they come from, then by code. */
static void sort_steps(step *steps, size_t n) {
    for (size_t i = 1; i < n; i++) {
        step s = steps[i];
        size_t at = i;
        for (; at > 0 && (steps[at - 1].from > s.from ||
                          (steps[at - 1].from == s.from && steps[at - 1].code > s.code));
             at--)
            steps[at] = steps[at - 1];
        steps[at] = s;
    }
}

/* The paths of one row, one level longer. */
static void extend(const beam *b, const paths *now, paths *next, const step *steps, size_t level,
                   const float *residuals, float *made) {
    const float *codewords = semid_codebook_level(b->cb, level);
    size_t L = b->n_levels;
    for (size_t i = 0; i < next->n; i++) {
        const step *s = &steps[i];
        float *residual = made + i * b->dim;
        memcpy(residual, residuals + s->from * b->dim, b->dim * sizeof *residual);
        kernels()->sub_f32(residual, codewords + (size_t)s->code * b->dim, b->dim);
        memcpy(next->codes + i * L, now->codes + s->from * L, level * sizeof(int32_t));
        memcpy(next->errors + i * L, now->errors + s->from * L, level * sizeof(float));
        next->codes[i * L + level] = s->code;
        next->errors[i * L + level] = kernels()->dot_f32(residual, residual, b->dim);
    }
}

/* One level further for all rows of the block; n_paths of them in all before and after. */
static size_t walk_level(const beam *b, desk *d, size_t n_rows, size_t n_paths, size_t level) {
    size_t stride = scores_stride(b->levels[level]), from = 0, to = 0;
    scores_measure(b->levels[level], d->residuals, n_paths, d->scores);
    for (size_t r = 0; r < n_rows; r++) {
        paths *now = &d->now[r], *next = &d->next[r];
        next->n = choose_steps(b, now, level, d->scores + from * stride, d->steps);
        sort_steps(d->steps, next->n);
        extend(b, now, next, d->steps, level, d->residuals + from * b->dim, d->made + to * b->dim);
        from += now->n;
        to += next->n;
    }
    paths *paths_now = d->now;
    d->now = d->next;
    d->next = paths_now;
    float *residuals = d->residuals;
    d->residuals = d->made;
    d->made = residuals;
    return to;
}

typedef struct search {
    const beam *b;
    const float *x;
    int32_t *codes;
    float *errors;
} search;

/* The least error; ties to the first in lexicographic order. */
static void take_best(const search *q, const paths *p, size_t row) {
    size_t best = 0, L = q->b->n_levels;
    for (size_t i = 1; i < p->n; i++)
        if (p->errors[i * L + L - 1] < p->errors[best * L + L - 1]) best = i;
    memcpy(q->codes + row * L, p->codes + best * L, L * sizeof *q->codes);
    if (q->errors) memcpy(q->errors + row * L, p->errors + best * L, L * sizeof *q->errors);
}

static void search_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const search *q = user;
    const beam *b = q->b;
    desk *d = &b->desks[threads_worker()];
    size_t n_rows = end - begin, n_paths = n_rows;
    memcpy(d->residuals, q->x + begin * b->dim, n_rows * b->dim * sizeof(float));
    for (size_t r = 0; r < n_rows; r++) d->now[r].n = 1;
    for (size_t level = 0; level < b->n_levels; level++)
        n_paths = walk_level(b, d, n_rows, n_paths, level);
    for (size_t r = 0; r < n_rows; r++) take_best(q, &d->now[r], begin + r);
}

void beam_encode(const beam *b, const float *x, size_t n, int32_t *codes, float *errors) {
    search q = {.b = b, .x = x, .codes = codes, .errors = errors};
    parallel_chunks(n, b->block_rows, search_chunk, &q);
}
