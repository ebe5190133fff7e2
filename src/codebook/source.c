#include "codebook/source.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 << 20, ROWS_PER_CHUNK = 128 };

source source_of(const float *x, size_t n, size_t dim) {
    return (source){.x = x, .n = n, .dim = dim};
}

semid_status source_open(source *out, const semid_rows *from, size_t dim, semid_error *err) {
    if (from->n_rows == 0 || dim == 0)
        FAIL(SEMID_ERR_DATA, "vectors: expected at least one, found shape [%zu, %zu]", from->n_rows,
             dim);
    source s = {.from = from, .n = from->n_rows, .dim = dim};
    s.block_rows = chunk_count(BLOCK_BYTES, dim * sizeof(float));
    if (s.block_rows > s.n) s.block_rows = s.n;
    TRY(mem_alloc(&s.block, s.block_rows, dim * sizeof *s.block, err));
    *out = s;
    return SEMID_OK;
}

void source_release(source *s) {
    mem_free(s->block);
    *s = (source){0};
}

/* ---- reading ---- */

typedef struct reading {
    const source *s;
    size_t first;
    uint64_t *places; /* row << 32 | where it goes, or NULL: rows from `first` on */
    float *out;
    atomic_flag failed; /* the first failure has status and err */
    semid_status status;
    semid_error *err;
} reading;

static void subtract_levels(const source *s, size_t row, float *x) {
    for (size_t l = 0; l < s->n_levels; l++) {
        size_t code = (size_t)s->codes[l * s->n + row];
        kernels()->sub_f32(x, s->codewords + (l * s->n_codewords + code) * s->dim, s->dim);
    }
}

static semid_status read_rows(const source *s, size_t row, size_t n, float *out, semid_error *err) {
    if (s->x) {
        memcpy(out, s->x + row * s->dim, n * s->dim * sizeof *out);
        return SEMID_OK;
    }
    TRY(s->from->read(s->from->user, row, n, out, err));
    for (size_t i = 0; i < n; i++) subtract_levels(s, row + i, out + i * s->dim);
    return SEMID_OK;
}

static semid_status read_places(const reading *r, size_t begin, size_t end, semid_error *err) {
    const source *s = r->s;
    if (!r->places)
        return read_rows(s, r->first + begin, end - begin, r->out + begin * s->dim, err);
    for (size_t i = begin; i < end; i++) {
        size_t row = (size_t)(r->places[i] >> 32), to = (uint32_t)r->places[i];
        TRY(read_rows(s, row, 1, r->out + to * s->dim, err));
    }
    return SEMID_OK;
}

static void read_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    reading *r = user;
    semid_error err = {0};
    semid_status status = read_places(r, begin, end, &err);
    if (status == SEMID_OK || atomic_flag_test_and_set(&r->failed)) return;
    r->status = status;
    if (r->err) *r->err = err;
}

static semid_status read_all(reading *r, size_t n) {
    atomic_flag_clear(&r->failed);
    parallel_chunks(n, ROWS_PER_CHUNK, read_chunk, r);
    return r->status;
}

semid_status source_read(const source *s, size_t row, size_t n, float *out, semid_error *err) {
    reading r = {.s = s, .first = row, .out = out, .err = err};
    return read_all(&r, n);
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static semid_status gather(const source *s, const uint64_t *rows, const uint32_t *rows_u32,
                           size_t n, float *out, semid_error *err) {
    reading r = {.s = s, .out = out, .err = err};
    TRY(mem_alloc(&r.places, n, sizeof *r.places, err));
    for (size_t i = 0; i < n; i++) r.places[i] = (rows ? rows[i] : (uint64_t)rows_u32[i]) << 32 | i;
    if (!s->x) qsort(r.places, n, sizeof *r.places, ascending);
    semid_status status = read_all(&r, n);
    mem_free(r.places);
    return status;
}

semid_status source_gather(const source *s, const uint64_t *rows, size_t n, float *out,
                           semid_error *err) {
    return gather(s, rows, NULL, n, out, err);
}

semid_status source_gather_u32(const source *s, const uint32_t *rows, size_t n, float *out,
                               semid_error *err) {
    return gather(s, NULL, rows, n, out, err);
}

semid_status source_block(const source *s, size_t row, const float **x, size_t *n,
                          semid_error *err) {
    *n = s->n - row;
    if (s->x) {
        *x = s->x + row * s->dim;
        return SEMID_OK;
    }
    TRY(check_interrupted(err));
    if (*n > s->block_rows) *n = s->block_rows;
    *x = s->block;
    return source_read(s, row, *n, s->block, err);
}
