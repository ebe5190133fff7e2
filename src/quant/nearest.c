#include "quant/nearest.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* From this dimension on, sums are split into lanes (see codeword_panels); below, folding the lanes
 * would cost more than it gives. */
enum { MIN_DIM_OF_LANES = 256, LANES = 8, BLOCK_FLOATS = NEAREST_MAX_DIM };

/* Multiply-adds below which waking another thread costs more than it saves. */
enum { MIN_CHUNK_OPS = 8 << 20 };

struct nearest {
    size_t n_codewords, dim, row_len; /* row_len = n_lanes * lane_len */
    codeword_panels panels;
    float *values, *norms; /* what panels points to */
    float *rows;           /* [n_codewords, row_len], lane by lane */
};

semid_status nearest_new(nearest **out, size_t n_codewords, size_t dim, semid_error *err) {
    semid_status status;
    if (n_codewords == 0 || dim == 0)
        FAIL(SEMID_ERR_ARGUMENT, "codewords: expected at least 1 of dimension 1, found [%zu, %zu]",
             n_codewords, dim);
    if (dim > NEAREST_MAX_DIM)
        FAIL(SEMID_ERR_UNSUPPORTED, "dimension: expected at most %d, found %zu", NEAREST_MAX_DIM,
             dim);
    nearest *s;
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    size_t n_lanes = dim >= MIN_DIM_OF_LANES ? LANES : 1;
    size_t lane_len = chunk_count(dim, n_lanes), n_panels = chunk_count(n_codewords, PANEL_WIDTH);
    s->n_codewords = n_codewords;
    s->dim = dim;
    s->row_len = n_lanes * lane_len;
    TRY_GOTO(mem_calloc(&s->values, n_panels * PANEL_WIDTH, s->row_len * sizeof(float), err));
    TRY_GOTO(mem_alloc(&s->norms, n_panels * PANEL_WIDTH, sizeof(float), err));
    TRY_GOTO(mem_alloc(&s->rows, n_codewords, s->row_len * sizeof(float), err));
    s->panels = (codeword_panels){.n_panels = n_panels,
                                  .n_lanes = n_lanes,
                                  .lane_len = lane_len,
                                  .values = s->values,
                                  .norms = s->norms};
    *out = s;
    s = NULL;
done:
    nearest_free(s);
    return status;
}

void nearest_free(nearest *s) {
    if (!s) return;
    mem_free(s->values);
    mem_free(s->norms);
    mem_free(s->rows);
    mem_free(s);
}

/* A row lane by lane, each lane padded with zeros. */
static void pack_row(const nearest *s, const float *x, float *out) {
    size_t n_lanes = s->panels.n_lanes, lane_len = s->panels.lane_len;
    if (n_lanes == 1) {
        memcpy(out, x, s->dim * sizeof *x);
        return;
    }
    size_t whole = s->dim / LANES, rest = s->dim % LANES;
    for (size_t j = 0; j < whole; j++)
        for (size_t lane = 0; lane < LANES; lane++) out[lane * lane_len + j] = x[j * LANES + lane];
    for (size_t lane = 0; whole < lane_len && lane < LANES; lane++)
        out[lane * lane_len + whole] = lane < rest ? x[whole * LANES + lane] : 0;
}

void nearest_set(nearest *s, const float *codewords) {
    nearest_set_biased(s, codewords, NULL);
}

void nearest_set_biased(nearest *s, const float *codewords, const float *bias) {
    for (size_t k = 0; k < s->panels.n_panels * PANEL_WIDTH; k++) {
        s->norms[k] = INFINITY;
        if (k >= s->n_codewords) continue;
        float *row = s->rows + k * s->row_len;
        float *panel = s->values + k / PANEL_WIDTH * s->row_len * PANEL_WIDTH + k % PANEL_WIDTH;
        pack_row(s, codewords + k * s->dim, row);
        double norm = 0;
        for (size_t j = 0; j < s->row_len; j++) {
            panel[j * PANEL_WIDTH] = row[j];
            norm += (double)row[j] * (double)row[j];
        }
        s->norms[k] = (float)norm + (bias ? bias[k] : 0);
    }
}

typedef struct search {
    const nearest *const *levels;
    size_t n_levels;
    const float *x;
    int32_t *codes;
    float *errors;
} search;

/* Rows that fit the block on the stack, a multiple of every tier's tile where possible. */
static size_t block_rows(const nearest *s) {
    size_t rows = BLOCK_FLOATS / s->row_len;
    if (rows > KERNEL_MAX_ROWS) rows = KERNEL_MAX_ROWS;
    return rows >= 24 ? rows - rows % 24 : rows;
}

/* Replace the rows by what their codewords leave over; store codes and errors of this level. */
static void finish_level(const search *q, size_t level, float *block, size_t begin, size_t n,
                         const int32_t *codes) {
    const kernel_table *kernel = kernels();
    const nearest *s = q->levels[level];
    int last = level + 1 == q->n_levels;
    for (size_t r = 0; r < n; r++) {
        size_t at = (begin + r) * q->n_levels + level;
        q->codes[at] = codes[r];
        if (last && !q->errors) continue;
        float *row = block + r * s->row_len;
        kernel->sub_f32(row, s->rows + (size_t)codes[r] * s->row_len, s->row_len);
        if (q->errors) q->errors[at] = kernel->dot_f32(row, row, s->row_len);
    }
}

static void search_block(const search *q, size_t begin, size_t end) {
    const nearest *s = q->levels[0];
    size_t n = end - begin;
    int32_t codes[KERNEL_MAX_ROWS];
    _Alignas(64) float block[BLOCK_FLOATS];
    for (size_t r = 0; r < n; r++) pack_row(s, q->x + (begin + r) * s->dim, block + r * s->row_len);
    for (size_t level = 0; level < q->n_levels; level++) {
        kernels()->nearest_f32(block, n, &q->levels[level]->panels, codes);
        finish_level(q, level, block, begin, n, codes);
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
                           int32_t *codes, float *errors) {
    search q = {.levels = levels, .n_levels = n_levels, .x = x, .codes = codes, .errors = errors};
    const nearest *s = levels[0];
    size_t rows = block_rows(s), ops = rows * s->n_codewords * s->row_len * n_levels;
    parallel_chunks(n, rows * chunk_count(MIN_CHUNK_OPS, ops), search_chunk, &q);
}

void nearest_find(const nearest *s, const float *x, size_t n, int32_t *codes, float *distances) {
    nearest_find_residual(&s, 1, x, n, codes, distances);
}
