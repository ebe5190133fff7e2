#include "codebook/nearest.h"

#include "base/memory.h"
#include "base/threads.h"
#include "codebook/screen.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* Search for the nearest codeword, one level or several, of blocks of rows that fit on the stack.
 *
 * |x - c|^2 = |x|^2 + |c|^2 - 2 x.c, so the nearest codeword has the least |c|^2 - 2 x.c: one inner
 * product per pair, a matrix product with an argmin in place of a result. Two ways compute it, with
 * the same codes to the last tie:
 *
 *  - plain: codewords are packed into panels of PANEL_WIDTH, and one kernel (nearest_f32) keeps the
 *    running minimum of a tile of rows in registers;
 *  - screened (large dimensions and sets, where the CPU has 8-bit dot products): bounds in 8-bit
 *    integers rule out nearly all codewords, and the rest is scored in float32 (screen.c).
 *
 * Inner products of long vectors are summed in eight lanes, element j in lane j mod 8. That order
 * is part of the result and the same in both ways; the plain one packs rows and codewords lane by
 * lane for it. Residual levels are searched block by block: the block's residuals stay in cache
 * through all levels, and x is read once. */

/* From this dimension on, sums are split into lanes (see codeword_panels): in shorter ones, adding
 * up the lanes costs more than they gain. Screening needs the lanes, and pays from these sizes on.
 */
enum { MIN_DIM_OF_LANES = 256, LANES = 8, BLOCK_FLOATS = NEAREST_MAX_DIM };
enum { MIN_SCREENED_DIM = 96, MIN_SCREENED_CODEWORDS = 48 };

/* With fewer multiply-adds per chunk, waking another thread costs more than it saves. */
enum { MIN_CHUNK_OPS = 8 << 20, CODEWORDS_PER_CHUNK = 64 };

struct nearest {
    size_t n_codewords, dim, row_len; /* row_len = n_lanes * lane_len */
    bool screened;                    /* then panels and values are not made, rows are as given */
    codeword_panels panels;
    float *values, *norms; /* what panels points to */
    float *squares;        /* [n_codewords] norms without bias */
    float *rows;           /* [n_codewords, row_len], lane by lane */
    screen screen;
};

static semid_status make(nearest **out, size_t n_codewords, size_t dim, bool may_screen,
                         semid_error *err) {
    if (n_codewords == 0 || dim == 0)
        FAIL(SEMID_ERR_ARGUMENT, "codewords: expected at least 1 of dimension 1, found [%zu, %zu]",
             n_codewords, dim);
    if (dim > NEAREST_MAX_DIM)
        FAIL(SEMID_ERR_UNSUPPORTED, "dimension: expected at most %d, found %zu", NEAREST_MAX_DIM,
             dim);

    semid_status status;
    nearest *s;
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    bool large = dim >= MIN_SCREENED_DIM && n_codewords >= MIN_SCREENED_CODEWORDS;
    size_t n_lanes = large || dim >= MIN_DIM_OF_LANES ? LANES : 1;
    size_t lane_len = chunk_count(dim, n_lanes), n_panels = chunk_count(n_codewords, PANEL_WIDTH);
    s->n_codewords = n_codewords;
    s->dim = dim;
    s->screened = large && may_screen && kernels()->screens;
    s->row_len = s->screened ? dim : n_lanes * lane_len;
    TRY_GOTO(mem_alloc(&s->norms, n_panels * PANEL_WIDTH, sizeof(float), err));
    TRY_GOTO(mem_alloc(&s->squares, n_codewords, sizeof(float), err));
    TRY_GOTO(mem_alloc(&s->rows, n_codewords, s->row_len * sizeof(float), err));

    if (s->screened) {
        TRY_GOTO(screen_init(&s->screen, n_codewords, dim, err));
    } else {
        TRY_GOTO(mem_calloc(&s->values, n_panels * PANEL_WIDTH, s->row_len * sizeof(float), err));
        s->panels = (codeword_panels){.n_panels = n_panels,
                                      .n_lanes = n_lanes,
                                      .lane_len = lane_len,
                                      .values = s->values,
                                      .norms = s->norms};
    }
    *out = s;
    s = NULL;
done:
    nearest_free(s);
    return status;
}

semid_status nearest_new(nearest **out, size_t n_codewords, size_t dim, semid_error *err) {
    return make(out, n_codewords, dim, true, err);
}

semid_status nearest_new_plain(nearest **out, size_t n_codewords, size_t dim, semid_error *err) {
    return make(out, n_codewords, dim, false, err);
}

void nearest_free(nearest *s) {
    if (!s) return;
    screen_release(&s->screen);
    mem_free(s->values);
    mem_free(s->norms);
    mem_free(s->squares);
    mem_free(s->rows);
    mem_free(s);
}

/* ---- codewords ---- */

/* A row lane by lane, each lane padded with zeros. */
static void pack_row(const nearest *s, const float *x, float *out) {
    size_t n_lanes = s->panels.n_lanes, lane_len = s->panels.lane_len;
    if (n_lanes <= 1) {
        memcpy(out, x, s->dim * sizeof *x);
        return;
    }

    size_t whole = s->dim / LANES, rest = s->dim % LANES;
    for (size_t j = 0; j < whole; j++)
        for (size_t lane = 0; lane < LANES; lane++) out[lane * lane_len + j] = x[j * LANES + lane];
    for (size_t lane = 0; whole < lane_len && lane < LANES; lane++)
        out[lane * lane_len + whole] = lane < rest ? x[whole * LANES + lane] : 0;
}

typedef struct pack_task {
    nearest *s;
    const float *codewords, *bias;
} pack_task;

static void set_codewords(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const pack_task *t = user;
    nearest *s = t->s;
    for (size_t k = begin; k < end; k++) {
        const float *codeword = t->codewords + k * s->dim; /* in one order, screened or not */
        float *row = s->rows + k * s->row_len;
        pack_row(s, codeword, row);
        s->squares[k] = kernels()->dot_f32(codeword, codeword, s->dim);
        s->norms[k] = s->squares[k] + (t->bias ? t->bias[k] : 0);
        if (s->screened) continue;

        float *panel = s->values + k / PANEL_WIDTH * s->row_len * PANEL_WIDTH + k % PANEL_WIDTH;
        for (size_t j = 0; j < s->row_len; j++) panel[j * PANEL_WIDTH] = row[j];
    }
}

void nearest_set(nearest *s, const float *codewords) {
    nearest_set_biased(s, codewords, NULL);
}

void nearest_set_biased(nearest *s, const float *codewords, const float *bias) {
    pack_task t = {.s = s, .codewords = codewords, .bias = bias};
    parallel_chunks(s->n_codewords, CODEWORDS_PER_CHUNK, set_codewords, &t);
    for (size_t k = s->n_codewords; k < chunk_count(s->n_codewords, PANEL_WIDTH) * PANEL_WIDTH; k++)
        s->norms[k] = INFINITY;
    if (s->screened) screen_set(&s->screen, s->rows, s->norms);
}

void nearest_set_bias(nearest *s, const float *bias) {
    for (size_t k = 0; k < s->n_codewords; k++) s->norms[k] = s->squares[k] + bias[k];
    if (s->screened) screen_set_norms(&s->screen);
}

/* ---- rows ---- */

typedef struct search_task {
    const nearest *const *levels;
    size_t n_levels;
    const float *x;
    int32_t *codes;
    float *errors;
    const shortlists *lists;
} search_task;

/* Rows that fit the block on the stack, a multiple of every tier's tile where possible. */
static size_t block_rows(const nearest *s) {
    if (s->screened) return screen_max_rows(s->dim);
    size_t rows = BLOCK_FLOATS / s->row_len;
    if (rows > KERNEL_MAX_ROWS) rows = KERNEL_MAX_ROWS;
    return rows >= 24 ? rows - rows % 24 : rows;
}

/* Stores the codes and errors of a level of rows [n, row_len], and their residuals in `residuals`,
 * which may be the same memory. */
static void finish_level(const search_task *t, size_t level, const float *rows, float *residuals,
                         size_t begin, size_t n, const int32_t *codes) {
    const kernel_table *kernel = kernels();
    const nearest *s = t->levels[level];
    for (size_t r = 0; r < n; r++) {
        size_t at = (begin + r) * t->n_levels + level;
        const float *row = rows + r * s->row_len,
                    *codeword = s->rows + (size_t)codes[r] * s->row_len;
        t->codes[at] = codes[r];
        if (t->errors) t->errors[at] = kernel->sqdist_f32(row, codeword, s->row_len);
        if (level + 1 == t->n_levels) continue;

        /* After the first level rows are residuals already, in place. */
        if (row != residuals + r * s->row_len)
            memcpy(residuals + r * s->row_len, row, s->row_len * sizeof *row);
        kernel->sub_f32(residuals + r * s->row_len, codeword, s->row_len);
    }
}

/* What any other codeword adds to the squared error at least: the scores that no other codeword is
 * below become errors (plus |x|^2), and a bound of the rounding of float32 is subtracted. */
static void store_gaps(const search_task *t, size_t level, size_t begin, size_t n,
                       const float *others) {
    size_t dim = t->levels[level]->dim;
    float rounding = (float)(dim / 8 + 32) * 0x1p-24F * 8;

    for (size_t r = 0; r < n; r++) {
        const float *here = t->errors + (begin + r) * t->n_levels + level;
        const float *x = t->x + (begin + r) * dim;
        float norm = level > 0 ? here[-1] : kernels()->dot_f32(x, x, dim);
        t->lists->gaps[begin + r] = others[r] + norm - *here - rounding * (norm + *here);
    }
}

/* Decides which rows get a shortlist. */
static shortlist *choose_lists(const search_task *t, size_t begin, size_t n) {
    if (!t->lists) return NULL;
    const prefix_counts *prefixes = t->lists->prefixes;
    for (size_t i = begin; i < begin + n; i++) {
        bool is_large =
            prefixes && prefix_counts_expect_large(prefixes, t->codes + i * t->n_levels);
        t->lists->of_row[i].rest = is_large ? -INFINITY : INFINITY;
    }
    return t->lists->of_row + begin;
}

static void search_block(const search_task *t, size_t begin, size_t end) {
    const nearest *s = t->levels[0];
    size_t n = end - begin;
    int32_t codes[KERNEL_MAX_ROWS];
    float others[KERNEL_MAX_ROWS];
    _Alignas(64) float block[BLOCK_FLOATS];
    const float *rows = t->x + begin * s->dim;

    if (!s->screened) {
        for (size_t r = 0; r < n; r++) pack_row(s, rows + r * s->dim, block + r * s->row_len);
        rows = block;
    }

    /* The first level reads x in place if it can, the others the residuals in the block. */
    for (size_t level = 0; level < t->n_levels; level++) {
        bool has_gaps = t->lists && t->lists->gaps && level + 2 == t->n_levels;
        if (s->screened)
            screen_find(&t->levels[level]->screen, rows, n, codes,
                        level + 1 == t->n_levels ? choose_lists(t, begin, n) : NULL,
                        has_gaps ? others : NULL);
        else
            kernels()->nearest_f32(rows, n, &t->levels[level]->panels, codes);
        finish_level(t, level, rows, block, begin, n, codes);
        if (has_gaps) store_gaps(t, level, begin, n, others);
        rows = block;
    }
}

static void search_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const search_task *t = user;
    size_t rows = block_rows(t->levels[0]);
    for (; begin < end; begin += rows)
        search_block(t, begin, end - begin > rows ? begin + rows : end);
}

void nearest_find_residual(const nearest *const *levels, size_t n_levels, const float *x, size_t n,
                           int32_t *codes, float *errors, const shortlists *lists) {
    search_task t = {.levels = levels,
                     .n_levels = n_levels,
                     .x = x,
                     .codes = codes,
                     .errors = errors,
                     .lists = lists};
    const nearest *s = levels[0];
    size_t rows = block_rows(s), ops = rows * s->n_codewords * s->row_len * n_levels;
    parallel_chunks(n, rows * chunk_count(MIN_CHUNK_OPS, ops), search_chunk, &t);
}

void nearest_find(const nearest *s, const float *x, size_t n, int32_t *codes, float *distances) {
    nearest_find_residual(&s, 1, x, n, codes, distances, NULL);
}

bool nearest_makes_lists(const nearest *s) {
    return s->screened && s->n_codewords <= SHORTLIST_MAX_CODEWORDS;
}
