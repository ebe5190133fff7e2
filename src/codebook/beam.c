#include "codebook/beam.h"

#include "base/memory.h"
#include "base/threads.h"
#include "codebook/scores.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* Beam search. Per row the `width` prefixes (partial codes) of least squared error are kept. A
 * level scores every codeword against the residual of every kept prefix: with r the residual,
 *
 *     |r - c|^2 = |r|^2 + (|c|^2 - 2 r.c)
 *
 * where |r|^2 is the prefix's error and the bracket is what scores.c computes. The `width` best
 * extensions become the next prefixes; their residuals and errors are then computed by
 * subtraction, so that rounding of the scores does not add up over the levels.
 *
 * Kept prefixes are in lexicographic order and extensions are visited in it, so ties go to the
 * lowest code. A row's codes depend on the row and the codebook alone. Rows are searched in blocks
 * of KERNEL_MAX_ROWS prefixes, the rows of a tile of the scoring kernel. Per level and row: width *
 * K * (2 dim + a comparison) operations. */

/* A codeword appended to a kept prefix. */
typedef struct extension {
    double distance;
    uint32_t prefix;
    int32_t code;
} extension;

/* The prefixes of one row that are kept, in lexicographic order. */
typedef struct prefixes {
    size_t n;
    int32_t *codes; /* [width, L] */
    float *errors;  /* [width, L] */
} prefixes;

typedef struct workspace {
    prefixes *now, *next;              /* [block_rows] */
    float *residuals, *next_residuals; /* [block_rows * width, dim] of all rows' prefixes */
    float *scores;                     /* [block_rows * width, stride] */
    extension *best;                   /* [width] */
    int32_t *codes;                    /* what the prefixes point to */
    float *errors;
} workspace;

struct beam {
    const semid_codebook *cb;
    size_t width, block_rows, n_levels, dim, n_workspaces;
    scores **levels;       /* [n_levels] */
    workspace *workspaces; /* [n_workspaces] */
};

semid_status beam_new(beam **out, const semid_codebook *cb, size_t width, size_t n_workspaces,
                      semid_error *err) {
    semid_status status = SEMID_OK;
    beam *b;
    TRY(mem_calloc(&b, 1, sizeof *b, err));
    b->cb = cb;
    b->width = width;
    b->n_levels = semid_codebook_levels(cb);
    b->dim = semid_codebook_dim(cb);
    b->block_rows = width < KERNEL_MAX_ROWS ? KERNEL_MAX_ROWS / width : 1;
    size_t n_rows = b->block_rows, n_prefixes = n_rows * width, L = b->n_levels;

    TRY_GOTO(mem_calloc(&b->levels, b->n_levels, sizeof *b->levels, err));
    for (size_t l = 0; l < b->n_levels; l++)
        TRY_GOTO(scores_new(&b->levels[l], semid_codebook_level(cb, l),
                            semid_codebook_codewords(cb), b->dim, err));

    TRY_GOTO(mem_calloc(&b->workspaces, n_workspaces, sizeof *b->workspaces, err));
    b->n_workspaces = n_workspaces;
    for (size_t i = 0; i < n_workspaces; i++) {
        workspace *w = &b->workspaces[i];
        size_t stride = scores_stride(b->levels[0]);
        TRY_GOTO(mem_alloc(&w->now, n_rows, sizeof *w->now, err));
        TRY_GOTO(mem_alloc(&w->next, n_rows, sizeof *w->next, err));
        TRY_GOTO(mem_alloc(&w->residuals, n_prefixes, b->dim * sizeof(float), err));
        TRY_GOTO(mem_alloc(&w->next_residuals, n_prefixes, b->dim * sizeof(float), err));
        TRY_GOTO(mem_alloc(&w->scores, n_prefixes, stride * sizeof(float), err));
        TRY_GOTO(mem_alloc(&w->best, width, sizeof *w->best, err));
        TRY_GOTO(mem_alloc(&w->codes, 2 * n_prefixes, L * sizeof(int32_t), err));
        TRY_GOTO(mem_alloc(&w->errors, 2 * n_prefixes, L * sizeof(float), err));

        /* Each row has a fixed part of the arrays; now and next change places at every level. */
        for (size_t r = 0; r < n_rows; r++) {
            size_t now = r * width * L, next = (n_rows + r) * width * L;
            w->now[r] = (prefixes){.codes = w->codes + now, .errors = w->errors + now};
            w->next[r] = (prefixes){.codes = w->codes + next, .errors = w->errors + next};
        }
    }
    *out = b;
    b = NULL;
done:
    beam_free(b);
    return status;
}

void beam_free(beam *b) {
    if (!b) return;
    for (size_t l = 0; b->levels && l < b->n_levels; l++) scores_free(b->levels[l]);
    mem_free(b->levels);

    for (size_t i = 0; i < b->n_workspaces; i++) {
        workspace *w = &b->workspaces[i];
        mem_free(w->now);
        mem_free(w->next);
        mem_free(w->residuals);
        mem_free(w->next_residuals);
        mem_free(w->scores);
        mem_free(w->best);
        mem_free(w->codes);
        mem_free(w->errors);
    }
    mem_free(b->workspaces);
    mem_free(b);
}

/* The best extensions of a row's prefixes, whose scores are given: [p->n, stride]. They are visited
 * in lexicographic order, and equal ones stay in it. */
static size_t choose_extensions(const beam *b, const prefixes *p, size_t level,
                                const float *row_scores, extension *best) {
    size_t n = 0, stride = scores_stride(b->levels[level]), K = semid_codebook_codewords(b->cb);
    for (size_t i = 0; i < p->n; i++) {
        double before = level > 0 ? (double)p->errors[i * b->n_levels + level - 1] : 0;
        for (size_t k = 0; k < K; k++) {
            double distance = before + (double)row_scores[i * stride + k];
            if (n == b->width && !(distance < best[n - 1].distance)) continue;

            /* Insertion: most extensions fail the test above once the list is full. */
            size_t at = n < b->width ? n++ : n - 1;
            for (; at > 0 && distance < best[at - 1].distance; at--) best[at] = best[at - 1];
            best[at] = (extension){distance, (uint32_t)i, (int32_t)k};
        }
    }
    return n;
}

/* From order of distance into lexicographic order. */
static void sort_extensions(extension *e, size_t n) {
    for (size_t i = 1; i < n; i++) {
        extension moved = e[i];
        size_t at = i;
        for (; at > 0 && (e[at - 1].prefix > moved.prefix ||
                          (e[at - 1].prefix == moved.prefix && e[at - 1].code > moved.code));
             at--)
            e[at] = e[at - 1];
        e[at] = moved;
    }
}

/* The prefixes of one row, one level longer. */
static void extend_row(const beam *b, const prefixes *now, prefixes *next, const extension *best,
                       size_t level, const float *residuals, float *next_residuals) {
    const float *codewords = semid_codebook_level(b->cb, level);
    size_t L = b->n_levels;
    for (size_t i = 0; i < next->n; i++) {
        const extension *e = &best[i];
        float *residual = next_residuals + i * b->dim;

        /* Not the error from the score: the residual's own norm has less rounding. */
        memcpy(residual, residuals + e->prefix * b->dim, b->dim * sizeof *residual);
        kernels()->sub_f32(residual, codewords + (size_t)e->code * b->dim, b->dim);

        memcpy(next->codes + i * L, now->codes + e->prefix * L, level * sizeof(int32_t));
        memcpy(next->errors + i * L, now->errors + e->prefix * L, level * sizeof(float));
        next->codes[i * L + level] = e->code;
        next->errors[i * L + level] = kernels()->dot_f32(residual, residual, b->dim);
    }
}

/* One level further for all rows of a block, which have n_prefixes in all; returns how many then.
 */
static size_t extend_block(const beam *b, workspace *w, size_t n_rows, size_t n_prefixes,
                           size_t level) {
    size_t stride = scores_stride(b->levels[level]), from = 0, to = 0;

    /* Rows have different numbers of prefixes: theirs lie one after another without gaps. */
    scores_measure(b->levels[level], w->residuals, n_prefixes, w->scores);
    for (size_t r = 0; r < n_rows; r++) {
        prefixes *now = &w->now[r], *next = &w->next[r];
        next->n = choose_extensions(b, now, level, w->scores + from * stride, w->best);
        sort_extensions(w->best, next->n);
        extend_row(b, now, next, w->best, level, w->residuals + from * b->dim,
                   w->next_residuals + to * b->dim);
        from += now->n;
        to += next->n;
    }

    prefixes *now = w->now;
    w->now = w->next;
    w->next = now;
    float *residuals = w->residuals;
    w->residuals = w->next_residuals;
    w->next_residuals = residuals;
    return to;
}

size_t beam_block_rows(const beam *b) {
    return b->block_rows;
}

void beam_search(const beam *b, size_t workspace_index, const float *x, size_t n, int32_t *codes,
                 float *errors) {
    workspace *w = &b->workspaces[workspace_index];
    size_t L = b->n_levels, n_prefixes = n;

    /* One prefix per row, the empty one, whose residual is the row. */
    memcpy(w->residuals, x, n * b->dim * sizeof *x);
    for (size_t r = 0; r < n; r++) w->now[r].n = 1;
    for (size_t level = 0; level < L; level++)
        n_prefixes = extend_block(b, w, n, n_prefixes, level);

    /* The least error; ties to the first in lexicographic order. */
    for (size_t r = 0; r < n; r++) {
        const prefixes *p = &w->now[r];
        size_t best = 0;
        for (size_t i = 1; i < p->n; i++)
            if (p->errors[i * L + L - 1] < p->errors[best * L + L - 1]) best = i;
        memcpy(codes + r * L, p->codes + best * L, L * sizeof *codes);
        if (errors) memcpy(errors + r * L, p->errors + best * L, L * sizeof *errors);
    }
}

typedef struct beam_task {
    const beam *b;
    const float *x;
    int32_t *codes;
    float *errors;
} beam_task;

static void search_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const beam_task *t = user;
    size_t at = begin * t->b->n_levels;
    beam_search(t->b, (size_t)threads_worker(), t->x + begin * t->b->dim, end - begin,
                t->codes + at, t->errors ? t->errors + at : NULL);
}

void beam_encode(const beam *b, const float *x, size_t n, int32_t *codes, float *errors) {
    beam_task t = {.b = b, .x = x, .codes = codes, .errors = errors};
    parallel_chunks(n, b->block_rows, search_chunk, &t);
}
