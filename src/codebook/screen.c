#include "codebook/screen.h"

#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <string.h>

enum {
    MAX_BYTES = 1 << 15, /* of a block of quantized rows */
    ROWS_STEP = 12,      /* a multiple of every tier's tile */
    MAX_CANDIDATES = 64, /* of a row; with more, all codewords are scored */
    PANELS_PER_CHUNK = 4
};

static const float epsilon = 0x1p-24F; /* of one rounding, relative */
static const float longest = 1e15F;    /* squares and products stay far from overflow */
static const float underflow = 1e-36F; /* more than all that products can lose by it */

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

/* What a length that was summed up in float32 may be too short by. */
static float rounded_up(float length, size_t dim) {
    return length * (1 + (float)(dim + 64) * 2 * epsilon);
}

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
    size_t n;
    int32_t codes[MAX_CANDIDATES];
} candidates;

/* A block of rows on its way through the panels. */
typedef struct block {
    screen_row rows[SCREEN_MAX_ROWS];
    float least[SCREEN_MAX_ROWS], limits[SCREEN_MAX_ROWS], rests[SCREEN_MAX_ROWS];
    candidates lists[SCREEN_MAX_ROWS];
    uint16_t possible[SCREEN_MAX_ROWS * SCREEN_MAX_PANELS];
    uint8_t bytes[MAX_BYTES];
} block;

size_t screen_max_rows(size_t dim) {
    size_t rows = MAX_BYTES / padded(dim);
    if (rows > SCREEN_MAX_ROWS) rows = SCREEN_MAX_ROWS;
    return rows >= ROWS_STEP ? rows - rows % ROWS_STEP : rows;
}

/* The bounds also cover what float32 does to the scores: of nearest_f32, a chain of dim / 8 terms a
 * lane and eight lanes; of the screening itself, a few roundings. */
static void set_row(const screen *s, block *b, size_t r, const float *x) {
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

/* What fills the last panel is infinitely far, which codewords are too where float32 overflows. */
static void drop_padding(const screen *s, candidates *c) {
    while (c->n > 0 && c->n <= MAX_CANDIDATES && (size_t)c->codes[c->n - 1] >= s->n_codewords)
        c->n--;
}

static int32_t choose(const screen *s, const float *x, const candidates *c) {
    if (c->n == 1) return c->codes[0];
    bool all = c->n == 0 || c->n > MAX_CANDIDATES;
    return kernels()->rescore_f32(x, s->codewords, s->norms, s->dim, all ? NULL : c->codes,
                                  all ? s->n_codewords : c->n, NULL);
}

/* *other: what no codeword but the chosen one has a score below; rest: none that is no candidate.
 */
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

static void screen_rows(const screen *s, block *b, size_t n, bool listed, bool apart) {
    size_t n_panels = s->panels.n_panels, take;
    for (size_t first = 0; first < n_panels; first += take) {
        take = n_panels - first < SCREEN_MAX_PANELS ? n_panels - first : SCREEN_MAX_PANELS;
        kernels()->screen_u8(b->bytes, b->rows, n, &s->panels, first, take, b->least,
                             listed ? b->limits : NULL, apart ? b->rests : NULL, b->possible);
        for (size_t r = 0; r < n; r++)
            collect_row(&b->lists[r], b->possible + r * SCREEN_MAX_PANELS, first, take);
    }
    for (size_t r = 0; r < n; r++) drop_padding(s, &b->lists[r]);
}

void screen_find(const screen *s, const float *x, size_t n, int32_t *codes, shortlist *lists,
                 float *others) {
    block b;
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
