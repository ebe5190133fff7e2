#include "codebook/screen.h"

#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <string.h>

/* Exact search in two steps. With x' and c' the quantized row and codeword,
 *
 *     |x.c - x'.c'| <= |x - x'| |c| + |x'| |c - c'|
 *
 * so x'.c', an inner product of bytes, gives an interval that holds the score |c|^2 - 2 x.c. The
 * lengths of the quantization errors are computed when rows and codewords are quantized, and all
 * that float32 may round is added to them. One pass over the panels keeps the least upper bound so
 * far and marks the codewords whose lower bound is not above it; the marks contain the nearest
 * codeword always. Usually one to three codewords are marked, and they are scored in float32 in the
 * order of the plain search, so that ties fall the same way.
 *
 * Where the bounds could overflow (very long codewords or rows), or more than MAX_CANDIDATES are
 * marked (many equal codewords), all codewords are scored: slower, the same codes. */

enum {
    MAX_BYTES = 1 << 15, /* of quantized rows that are screened together */
    ROWS_STEP = 12,      /* a multiple of every tier's tile */
    MAX_CANDIDATES = 64, /* per row; with more, all codewords are scored */
    PANELS_PER_CHUNK = 4
};

static const float epsilon = 0x1p-24F; /* of one rounding, relative */
static const float longest = 1e15F;    /* squares and products of such lengths do not overflow */
static const float underflow = 1e-36F; /* upper bound of what products lose by it */

static size_t padded(size_t dim) {
    return chunk_count(dim, SCREEN_STEP) * SCREEN_STEP;
}

semid_status screen_init(screen *s, size_t n_codewords, size_t dim, semid_error *err) {
    semid_status status;
    size_t n_panels = 2 * chunk_count(n_codewords, (size_t)2 * PANEL_WIDTH), len = padded(dim);
    screen made = {.n_codewords = n_codewords, .dim = dim};

    TRY_GOTO(mem_calloc(&made.values, n_panels * PANEL_WIDTH, len, err));
    TRY_GOTO(mem_calloc(&made.terms, n_panels, sizeof *made.terms, err));
    made.panels = (screen_panels){n_panels, len, made.values, made.terms};
    *s = made;
    made = (screen){0};
done:
    screen_release(&made);
    return status;
}

void screen_release(screen *s) {
    mem_free(s->values);
    mem_free(s->terms);
    *s = (screen){0};
}

/* ---- codewords ---- */

/* An upper bound of the length, of dim numbers, that float32 computed as `length`. */
static float rounded_up(float length, size_t dim) {
    return length * (1 + (float)(dim + 64) * 2 * epsilon);
}

/* Codeword k into its panel, four bytes of each codeword of the panel next to each other. */
static void set_codeword(screen *s, size_t k, int8_t *bytes) {
    quantized_vector q;
    screen_terms *t = s->terms + k / PANEL_WIDTH;
    size_t i = k % PANEL_WIDTH, len = s->panels.len;
    int8_t *panel = s->values + k / PANEL_WIDTH * len * PANEL_WIDTH + i * 4;

    kernels()->quantize_codeword(s->codewords + k * s->dim, s->dim, bytes, &q);
    for (size_t j = 0; j < len; j += 4) memcpy(panel + j * PANEL_WIDTH, bytes + j, 4);

    t->biases[i] = q.bias;
    t->scales[i] = q.scale;
    t->lengths[i] = rounded_up(q.length, s->dim);
    t->errors[i] = rounded_up(q.error, s->dim) + 4 * epsilon * q.length;
}

static void set_panels(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    screen *s = user;
    int8_t bytes[MAX_BYTES];
    for (size_t k = begin * PANEL_WIDTH; k < end * PANEL_WIDTH; k++) {
        if (k < s->n_codewords)
            set_codeword(s, k, bytes);
        else
            s->terms[k / PANEL_WIDTH].norms[k % PANEL_WIDTH] = INFINITY;
    }
}

void screen_set_norms(screen *s) {
    s->in_range = true;
    for (size_t k = 0; k < s->n_codewords; k++) {
        screen_terms *t = s->terms + k / PANEL_WIDTH;
        float norm = s->norms[k];
        t->norms[k % PANEL_WIDTH] = norm;
        t->slacks[k % PANEL_WIDTH] = norm < INFINITY ? 8 * epsilon * fabsf(norm) + underflow : 0;
        if (!(fabsf(norm) < longest * longest || norm == INFINITY)) s->in_range = false;
    }
}

void screen_set(screen *s, const float *codewords, const float *norms) {
    s->codewords = codewords;
    s->norms = norms;
    parallel_chunks(s->panels.n_panels, PANELS_PER_CHUNK, set_panels, s);
    screen_set_norms(s);
}

/* ---- rows ---- */

typedef struct candidates {
    size_t n; /* MAX_CANDIDATES + 1: too many, or no bounds */
    int32_t codes[MAX_CANDIDATES];
} candidates;

/* Rows that are screened together, on the stack. */
typedef struct row_block {
    screen_row rows[SCREEN_MAX_ROWS];
    float least[SCREEN_MAX_ROWS];  /* upper bound of the best score so far */
    float limits[SCREEN_MAX_ROWS]; /* of scores that a shortlist wants, see kernels.h */
    float rests[SCREEN_MAX_ROWS];  /* no codeword that is no candidate has a lower score */
    candidates lists[SCREEN_MAX_ROWS];
    uint16_t possible[SCREEN_MAX_ROWS * SCREEN_MAX_PANELS];
    uint8_t bytes[MAX_BYTES];
} row_block;

size_t screen_max_rows(size_t dim) {
    size_t rows = MAX_BYTES / padded(dim);
    if (rows > SCREEN_MAX_ROWS) rows = SCREEN_MAX_ROWS;
    return rows >= ROWS_STEP ? rows - rows % ROWS_STEP : rows;
}

/* The bounds also cover the rounding of float32: in nearest_f32, a chain of dim / 8 terms per lane
 * and eight lanes; in the screening itself, a few operations. */
static void set_row(const screen *s, row_block *b, size_t r, const float *x) {
    quantized_vector q;
    kernels()->quantize_row(x, s->dim, b->bytes + r * s->panels.len, &q);
    float rounding = (float)(s->dim / 8 + 32) * epsilon * q.length;
    float error = rounded_up(q.error, s->dim) + rounding;

    b->rows[r] = (screen_row){.score = -2 * q.scale,
                              .length = 2 * error,
                              .error = 2 * (rounded_up(q.length, s->dim) + error)};
    b->least[r] = b->rests[r] = INFINITY;
    b->lists[r].n = q.length < longest ? 0 : MAX_CANDIDATES + 1;
}

/* Appends the codewords that are marked in the bit masks of panels. */
static void collect_row(candidates *c, const uint16_t *possible, size_t first, size_t n_panels) {
    for (size_t p = 0; p < n_panels; p++)
        for (unsigned mask = possible[p]; mask; mask &= mask - 1) {
            if (c->n >= MAX_CANDIDATES) {
                c->n = MAX_CANDIDATES + 1;
                return;
            }
            c->codes[c->n++] = (int32_t)((first + p) * PANEL_WIDTH) + __builtin_ctz(mask);
        }
}

/* The nearest of the candidates. */
static int32_t choose(const screen *s, const float *x, const candidates *c) {
    if (c->n == 1) return c->codes[0];
    bool all = c->n == 0 || c->n > MAX_CANDIDATES;
    return kernels()->rescore_f32(x, s->codewords, s->norms, s->dim, all ? NULL : c->codes,
                                  all ? s->n_codewords : c->n, NULL);
}

/* The same, with *other: a lower bound of the score of every codeword but the chosen one, where
 * rest is one of the scores of those that are no candidates. */
static int32_t choose_apart(const screen *s, const float *x, const candidates *c, float rest,
                            float *other) {
    float scores[MAX_CANDIDATES];
    *other = c->n == 1 ? rest : -INFINITY;
    if (c->n < 2 || c->n > MAX_CANDIDATES) return choose(s, x, c);

    int32_t code =
        kernels()->rescore_f32(x, s->codewords, s->norms, s->dim, c->codes, c->n, scores);
    *other = rest;
    for (size_t i = 0; i < c->n; i++)
        if (c->codes[i] != code && scores[i] < *other) *other = scores[i];
    return code;
}

/* The same, with a shortlist of the candidates unless list->rest says that none is wanted. */
static int32_t choose_some(const screen *s, const float *x, const candidates *c, float limit,
                           shortlist *list) {
    float scores[MAX_CANDIDATES];
    if (list->rest == -INFINITY || c->n == 0 || c->n > MAX_CANDIDATES) {
        shortlist_clear(list);
        return choose(s, x, c);
    }

    int32_t code =
        kernels()->rescore_f32(x, s->codewords, s->norms, s->dim, c->codes, c->n, scores);
    shortlist_set(list, c->codes, scores, c->n, limit);
    return code;
}

/* Collects the candidates of all rows of the block. */
static void screen_rows(const screen *s, row_block *b, size_t n, bool listed, bool apart) {
    size_t n_panels = s->panels.n_panels, take;
    for (size_t first = 0; first < n_panels; first += take) {
        take = n_panels - first < SCREEN_MAX_PANELS ? n_panels - first : SCREEN_MAX_PANELS;
        kernels()->screen_u8(b->bytes, b->rows, n, &s->panels, first, take, b->least,
                             listed ? b->limits : NULL, apart ? b->rests : NULL, b->possible);
        for (size_t r = 0; r < n; r++)
            collect_row(&b->lists[r], b->possible + r * SCREEN_MAX_PANELS, first, take);
    }

    /* The padding of the last panel has infinite norms. So have codewords whose norm overflowed:
     * where all have, padding may be marked. */
    for (size_t r = 0; r < n; r++) {
        candidates *c = &b->lists[r];
        while (c->n > 0 && c->n <= MAX_CANDIDATES && (size_t)c->codes[c->n - 1] >= s->n_codewords)
            c->n--;
    }
}

void screen_find(const screen *s, const float *x, size_t n, int32_t *codes, shortlist *lists,
                 float *others) {
    row_block b;
    for (size_t r = 0; r < n; r++) {
        set_row(s, &b, r, x + r * s->dim);
        if (!s->in_range) b.lists[r].n = MAX_CANDIDATES + 1;
        if (lists) b.limits[r] = lists[r].rest;
    }
    if (s->in_range) screen_rows(s, &b, n, lists != NULL, others != NULL);

    for (size_t r = 0; r < n; r++) {
        const float *row = x + r * s->dim;
        const candidates *c = &b.lists[r];
        if (lists)
            codes[r] = choose_some(s, row, c, fmaxf(b.limits[r], b.least[r]), lists + r);
        else if (others)
            codes[r] = choose_apart(s, row, c, b.rests[r], others + r);
        else
            codes[r] = choose(s, row, c);
    }
}
