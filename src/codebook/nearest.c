#include "codebook/nearest.h"

#include "base/memory.h"
#include "base/threads.h"
#include "codebook/screen.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* From this dimension on, sums are split into lanes (see codeword_panels); below, folding the lanes
 * would cost more than it gives. Screening needs the lanes, and pays from these sizes on. */
enum { MIN_DIM_OF_LANES = 256, LANES = 8, BLOCK_FLOATS = NEAREST_MAX_DIM };
enum { MIN_SCREENED_DIM = 96, MIN_SCREENED_CODEWORDS = 48 };

/* Multiply-adds below which waking another thread costs more than it saves. */
enum { MIN_CHUNK_OPS = 8 << 20, CODEWORDS_PER_CHUNK = 64 };

struct nearest {
    size_t n_codewords, dim, row_len; /* row_len = n_lanes * lane_len */
    bool screened;                    /* panels and values are not made then, rows are as given */
    codeword_panels panels;
    float *values, *norms; /* what panels points to */
    float *squares;        /* [n_codewords] norms without bias */
    float *rows;           /* [n_codewords, row_len], lane by lane */
    screen screen;
};

static semid_status init(nearest *s, size_t n_codewords, size_t dim, bool may_screen,
                         semid_error *err) {
    bool large = dim >= MIN_SCREENED_DIM && n_codewords >= MIN_SCREENED_CODEWORDS;
    size_t n_lanes = large || dim >= MIN_DIM_OF_LANES ? LANES : 1;
    size_t lane_len = chunk_count(dim, n_lanes), n_panels = chunk_count(n_codewords, PANEL_WIDTH);
    s->n_codewords = n_codewords;
    s->dim = dim;
    s->screened = large && may_screen && kernels()->screens;
    s->row_len = s->screened ? dim : n_lanes * lane_len;
    TRY(mem_alloc(&s->norms, n_panels * PANEL_WIDTH, sizeof(float), err));
    TRY(mem_alloc(&s->squares, n_codewords, sizeof(float), err));
    TRY(mem_alloc(&s->rows, n_codewords, s->row_len * sizeof(float), err));
    if (s->screened) return screen_init(&s->screen, n_codewords, dim, err);
    TRY(mem_calloc(&s->values, n_panels * PANEL_WIDTH, s->row_len * sizeof(float), err));
    s->panels = (codeword_panels){.n_panels = n_panels,
                                  .n_lanes = n_lanes,
                                  .lane_len = lane_len,
                                  .values = s->values,
                                  .norms = s->norms};
    return SEMID_OK;
}

static semid_status make(nearest **out, size_t n_codewords, size_t dim, bool may_screen,
                         semid_error *err) {
    if (n_codewords == 0 || dim == 0)
        FAIL(SEMID_ERR_ARGUMENT, "codewords: expected at least 1 of dimension 1, found [%zu, %zu]",
             n_codewords, dim);
    if (dim > NEAREST_MAX_DIM)
        FAIL(SEMID_ERR_UNSUPPORTED, "dimension: expected at most %d, found %zu", NEAREST_MAX_DIM,
             dim);
    nearest *s;
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    semid_status status = init(s, n_codewords, dim, may_screen, err);
    if (status == SEMID_OK)
        *out = s;
    else
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

typedef struct setting {
    nearest *s;
    const float *codewords, *bias;
} setting;

static void set_codewords(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const setting *w = user;
    nearest *s = w->s;
    for (size_t k = begin; k < end; k++) {
        const float *codeword = w->codewords + k * s->dim; /* in one order, screened or not */
        float *row = s->rows + k * s->row_len;
        pack_row(s, codeword, row);
        s->squares[k] = kernels()->dot_f32(codeword, codeword, s->dim);
        s->norms[k] = s->squares[k] + (w->bias ? w->bias[k] : 0);
        if (s->screened) continue;
        float *panel = s->values + k / PANEL_WIDTH * s->row_len * PANEL_WIDTH + k % PANEL_WIDTH;
        for (size_t j = 0; j < s->row_len; j++) panel[j * PANEL_WIDTH] = row[j];
    }
}

void nearest_set(nearest *s, const float *codewords) {
    nearest_set_biased(s, codewords, NULL);
}

void nearest_set_biased(nearest *s, const float *codewords, const float *bias) {
    setting w = {.s = s, .codewords = codewords, .bias = bias};
    parallel_chunks(s->n_codewords, CODEWORDS_PER_CHUNK, set_codewords, &w);
    for (size_t k = s->n_codewords; k < chunk_count(s->n_codewords, PANEL_WIDTH) * PANEL_WIDTH; k++)
        s->norms[k] = INFINITY;
    if (s->screened) screen_set(&s->screen, s->rows, s->norms);
}

void nearest_set_bias(nearest *s, const float *bias) {
    for (size_t k = 0; k < s->n_codewords; k++) s->norms[k] = s->squares[k] + bias[k];
    if (s->screened) screen_set_norms(&s->screen);
}

typedef struct search {
    const nearest *const *levels;
    size_t n_levels;
    const float *x;
    int32_t *codes;
    float *errors;
    const shortlists *lists;
} search;

/* Rows that fit the block on the stack, a multiple of every tier's tile where possible. */
static size_t block_rows(const nearest *s) {
    if (s->screened) return screen_max_rows(s->dim);
    size_t rows = BLOCK_FLOATS / s->row_len;
    if (rows > KERNEL_MAX_ROWS) rows = KERNEL_MAX_ROWS;
    return rows >= 24 ? rows - rows % 24 : rows;
}

/* Store the codes and errors of a level of rows [n, row_len]; leave over in `rest`, which may be
 * the same, what the codewords do not explain. */
static void finish_level(const search *q, size_t level, const float *rows, float *rest,
                         size_t begin, size_t n, const int32_t *codes) {
    const kernel_table *kernel = kernels();
    const nearest *s = q->levels[level];
    for (size_t r = 0; r < n; r++) {
        size_t at = (begin + r) * q->n_levels + level;
        const float *row = rows + r * s->row_len,
                    *codeword = s->rows + (size_t)codes[r] * s->row_len;
        q->codes[at] = codes[r];
        if (q->errors) q->errors[at] = kernel->sqdist_f32(row, codeword, s->row_len);
        if (level + 1 == q->n_levels) continue;
        if (row != rest + r * s->row_len)
            memcpy(rest + r * s->row_len, row, s->row_len * sizeof *row);
        kernel->sub_f32(rest + r * s->row_len, codeword, s->row_len);
    }
}

/* From scores to errors, less what float32 does to these. */
static void store_gaps(const search *q, size_t level, size_t begin, size_t n, const float *others) {
    size_t dim = q->levels[level]->dim;
    float rounding = (float)(dim / 8 + 32) * 0x1p-24F * 8;
    for (size_t r = 0; r < n; r++) {
        const float *here = q->errors + (begin + r) * q->n_levels + level;
        const float *x = q->x + (begin + r) * dim;
        float norm = level > 0 ? here[-1] : kernels()->dot_f32(x, x, dim);
        q->lists->gaps[begin + r] = others[r] + norm - *here - rounding * (norm + *here);
    }
}

/* Which rows are to have a list. */
static shortlist *choose_lists(const search *q, size_t begin, size_t n) {
    if (!q->lists) return NULL;
    const crowding *crowded = q->lists->crowded;
    for (size_t i = begin; i < begin + n; i++) {
        bool crowd = crowded && crowding_expects(crowded, q->codes + i * q->n_levels);
        q->lists->of_row[i].rest = crowd ? -INFINITY : INFINITY;
    }
    return q->lists->of_row + begin;
}

static void search_block(const search *q, size_t begin, size_t end) {
    const nearest *s = q->levels[0];
    size_t n = end - begin;
    int32_t codes[KERNEL_MAX_ROWS];
    float others[KERNEL_MAX_ROWS];
    _Alignas(64) float block[BLOCK_FLOATS];
    const float *rows = q->x + begin * s->dim;
    if (!s->screened) {
        for (size_t r = 0; r < n; r++) pack_row(s, rows + r * s->dim, block + r * s->row_len);
        rows = block;
    }
    for (size_t level = 0; level < q->n_levels; level++) {
        bool has_gaps = q->lists && q->lists->gaps && level + 2 == q->n_levels;
        if (s->screened)
            screen_find(&q->levels[level]->screen, rows, n, codes,
                        level + 1 == q->n_levels ? choose_lists(q, begin, n) : NULL,
                        has_gaps ? others : NULL);
        else
            kernels()->nearest_f32(rows, n, &q->levels[level]->panels, codes);
        finish_level(q, level, rows, block, begin, n, codes);
        if (has_gaps) store_gaps(q, level, begin, n, others);
        rows = block;
    }
}

static void search_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const search *q = user;
    size_t rows = block_rows(q->levels[0]);
    for (; begin < end; begin += rows)
        search_block(q, begin, end - begin > rows ? begin + rows : end);
}

void nearest_find_residual(const nearest *const *levels, size_t n_levels, const float *x, size_t n,
                           int32_t *codes, float *errors, const shortlists *lists) {
    search q = {.levels = levels,
                .n_levels = n_levels,
                .x = x,
                .codes = codes,
                .errors = errors,
                .lists = lists};
    const nearest *s = levels[0];
    size_t rows = block_rows(s), ops = rows * s->n_codewords * s->row_len * n_levels;
    parallel_chunks(n, rows * chunk_count(MIN_CHUNK_OPS, ops), search_chunk, &q);
}

void nearest_find(const nearest *s, const float *x, size_t n, int32_t *codes, float *distances) {
    nearest_find_residual(&s, 1, x, n, codes, distances, NULL);
}

bool nearest_makes_lists(const nearest *s) {
    return s->screened && s->n_codewords <= SHORTLIST_MAX_CODEWORDS;
}
