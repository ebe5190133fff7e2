#include "codebook/row_source.h"

#include "base/context.h"
#include "base/failure.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

/* Training passes over the rows many times and looks at single rows in random order. Both go
 * through here, so that no algorithm knows whether its rows are in memory.
 *
 * Rows that are read can stand for residuals: what the first n_levels levels of codewords leave
 * over is computed again each time, which costs n_levels subtractions per row and saves a copy of
 * all rows. Subtraction level by level has the rounding of residuals that are kept, so both ways
 * give the same bits.
 *
 * Reading runs in parallel over chunks of rows. Where several chunks fail, the failure of the
 * lowest is reported: at any number of threads the one that a single thread would have met. */

enum { BLOCK_BYTES = 16 << 20, ROWS_PER_CHUNK = 128 };

row_source row_source_of(const float *x, size_t n, size_t dim) {
    return (row_source){.x = x, .n = n, .dim = dim};
}

semid_status row_source_open(row_source *out, const semid_rows *from, size_t dim,
                             semid_error *err) {
    TRY(check_reserved(from->reserved, sizeof from->reserved, err));
    if (from->n_rows == 0 || dim == 0)
        FAIL(SEMID_ERR_DATA, "vectors: expected at least one, found shape [%zu, %zu]", from->n_rows,
             dim);

    row_source s = {.from = from, .n = from->n_rows, .dim = dim};
    s.block_rows = chunk_count(BLOCK_BYTES, dim * sizeof(float));
    if (s.block_rows > s.n) s.block_rows = s.n;
    TRY(mem_alloc(&s.block, s.block_rows, dim * sizeof *s.block, err));

    *out = s;
    return SEMID_OK;
}

void row_source_release(row_source *s) {
    mem_free(s->block);
    *s = (row_source){0};
}

/* ---- reading ---- */

static semid_status read_rows(const row_source *s, size_t first, size_t n, float *out,
                              semid_error *err) {
    size_t dim = s->dim;
    if (s->x) {
        memcpy(out, s->x + first * dim, n * dim * sizeof *out);
        return SEMID_OK;
    }

    TRY(s->from->read(s->from->user, first, n, out, err));

    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < s->n_levels; l++) {
            size_t code = (size_t)s->codes[l * s->n + first + i];
            const float *codeword = s->codewords + (l * s->n_codewords + code) * dim;
            kernels()->sub_f32(out + i * dim, codeword, dim);
        }
    return SEMID_OK;
}

typedef struct read_task {
    const row_source *s;
    size_t first;
    const uint64_t *targets; /* row << 32 | its index in `out`, or NULL: rows from `first` on */
    float *out;
    failure failure;
} read_task;

static void read_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    read_task *t = user;
    if (failure_before(&t->failure, chunk)) return;

    const row_source *src = t->s;
    semid_error error = {0};
    semid_status status = SEMID_OK;
    if (!t->targets)
        status = read_rows(src, t->first + begin, end - begin, t->out + begin * src->dim, &error);
    for (size_t i = begin; t->targets && status == SEMID_OK && i < end; i++) {
        size_t row = (size_t)(t->targets[i] >> 32), to = (uint32_t)t->targets[i];
        status = read_rows(src, row, 1, t->out + to * src->dim, &error);
    }
    failure_note(&t->failure, chunk, status, &error);
}

static semid_status read_parallel(read_task *t, size_t n, semid_error *err) {
    failure_init(&t->failure);
    parallel_chunks(n, ROWS_PER_CHUNK, read_chunk, t);
    return failure_status(&t->failure, err);
}

semid_status row_source_read(const row_source *s, size_t row, size_t n, float *out,
                             semid_error *err) {
    read_task t = {.s = s, .first = row, .out = out};
    return read_parallel(&t, n, err);
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Rows named by one of the two arrays. */
static semid_status gather(const row_source *s, const uint64_t *rows, const uint32_t *rows_u32,
                           size_t n, float *out, semid_error *err) {
    uint64_t *targets;
    TRY(mem_alloc(&targets, n, sizeof *targets, err));
    for (size_t i = 0; i < n; i++) targets[i] = (rows ? rows[i] : (uint64_t)rows_u32[i]) << 32 | i;
    if (!s->x) qsort(targets, n, sizeof *targets, ascending);

    read_task t = {.s = s, .targets = targets, .out = out};
    semid_status status = read_parallel(&t, n, err);
    mem_free(targets);
    return status;
}

semid_status row_source_gather(const row_source *s, const uint64_t *rows, size_t n, float *out,
                               semid_error *err) {
    return gather(s, rows, NULL, n, out, err);
}

semid_status row_source_gather_u32(const row_source *s, const uint32_t *rows, size_t n, float *out,
                                   semid_error *err) {
    return gather(s, NULL, rows, n, out, err);
}

semid_status row_source_block(const row_source *s, size_t row, const float **x, size_t *n,
                              semid_error *err) {
    *n = s->n - row;
    if (s->x) {
        *x = s->x + row * s->dim;
        return SEMID_OK;
    }

    TRY(check_interrupted(err));
    if (*n > s->block_rows) *n = s->block_rows;
    *x = s->block;
    return row_source_read(s, row, *n, s->block, err);
}
