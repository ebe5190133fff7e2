#include "input/vectors.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <string.h>

enum { BLOCK_BYTES = 16 << 20, ROWS_PER_CHUNK = 256 };

/* Sums of one chunk of a block, combined in chunk order. */
typedef struct chunk_sums {
    double *x;      /* [dim] */
    double squares; /* of all values */
    size_t n_bad, first_bad;
    bool unit_norm;
} chunk_sums;

typedef struct scan {
    size_t dim, block_rows, n_chunks;
    float *block;       /* [block_rows, dim] rows that cannot be used in place */
    const float *rows;  /* [n, dim] of the block at hand */
    bool *bad;          /* [block_rows] */
    chunk_sums *chunks; /* [n_chunks] */
    double *chunk_x;    /* [n_chunks, dim] */
    double *x, squares; /* over the file */
    size_t n_bad, first_bad, capacity;
    bool unit_norm;
} scan;

static double row_squares(const float *x, size_t dim) {
    double sum = 0;
    for (size_t j = 0; j < dim; j++) sum += (double)x[j] * (double)x[j];
    return sum;
}

static void scan_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const scan *s = user;
    chunk_sums *sums = &s->chunks[chunk];
    *sums = (chunk_sums){.x = s->chunk_x + chunk * s->dim, .unit_norm = true};
    memset(sums->x, 0, s->dim * sizeof(double));
    for (size_t i = begin; i < end; i++) {
        const float *x = s->rows + i * s->dim;
        double squares = row_squares(x, s->dim); /* floats do not overflow a double's square */
        s->bad[i] = !isfinite(squares);
        if (s->bad[i]) continue;
        sums->squares += squares;
        sums->unit_norm &= fabs(sqrt(squares) - 1) <= 1e-3;
        for (size_t j = 0; j < s->dim; j++) sums->x[j] += (double)x[j];
    }
}

static void add_chunks(scan *s, size_t n) {
    for (size_t c = 0; c < chunk_count(n, ROWS_PER_CHUNK); c++) {
        s->squares += s->chunks[c].squares;
        s->unit_norm &= s->chunks[c].unit_norm;
        for (size_t j = 0; j < s->dim; j++) s->x[j] += s->chunks[c].x[j];
    }
}

/* The list of usable rows begins at the first bad one: until then it is the identity. */
static semid_status note_bad(scan *s, vectors *v, size_t row, size_t n, semid_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (s->bad[i] && s->n_bad++ == 0) {
            s->first_bad = row + i;
            TRY(mem_alloc(&v->usable, embeddings_rows(v->file), sizeof(uint64_t), err));
            for (size_t k = 0; k < v->n_rows; k++) v->usable[k] = k;
        }
        if (s->bad[i]) continue;
        if (v->usable) v->usable[v->n_rows] = row + i;
        v->n_rows++;
    }
    return SEMID_OK;
}

static semid_status scan_file(scan *s, vectors *v, semid_error *err) {
    size_t n_file = embeddings_rows(v->file);
    const float *view = embeddings_view(v->file);
    for (size_t row = 0; row < n_file; row += s->block_rows) {
        size_t n = n_file - row < s->block_rows ? n_file - row : s->block_rows;
        TRY(check_interrupted(err));
        if (!view) TRY(embeddings_read(v->file, row, n, s->block, err));
        s->rows = view ? view + row * s->dim : s->block;
        parallel_chunks(n, ROWS_PER_CHUNK, scan_chunk, s);
        add_chunks(s, n);
        TRY(note_bad(s, v, row, n, err));
        embeddings_drop(v->file, row, row + n);
    }
    return SEMID_OK;
}

static semid_status scan_init(scan *s, const embeddings *file, semid_error *err) {
    size_t n_rows = embeddings_rows(file);
    s->dim = embeddings_dim(file);
    s->block_rows = BLOCK_BYTES / (s->dim * sizeof(float));
    if (s->block_rows > n_rows) s->block_rows = n_rows;
    if (s->block_rows == 0) s->block_rows = 1;
    s->n_chunks = chunk_count(s->block_rows, ROWS_PER_CHUNK);
    s->unit_norm = true;
    TRY(mem_alloc(&s->block, s->block_rows * s->dim, sizeof(float), err));
    TRY(mem_alloc(&s->bad, s->block_rows, sizeof(bool), err));
    TRY(mem_alloc(&s->chunks, s->n_chunks, sizeof *s->chunks, err));
    TRY(mem_alloc(&s->chunk_x, s->n_chunks * s->dim, sizeof(double), err));
    return mem_calloc(&s->x, s->dim, sizeof(double), err);
}

static void scan_release(scan *s) {
    mem_free(s->block);
    mem_free(s->bad);
    mem_free(s->chunks);
    mem_free(s->chunk_x);
    mem_free(s->x);
}

static double variance_of(const scan *s, size_t n_rows) {
    double n = (double)n_rows, mean_squares = 0;
    for (size_t j = 0; j < s->dim; j++) mean_squares += (s->x[j] / n) * (s->x[j] / n);
    return fmax(0, (s->squares / n - mean_squares) / (double)s->dim);
}

static semid_status judge(const scan *s, vectors *v, bool skip_bad, semid_error *err) {
    const char *path = embeddings_path(v->file);
    if (s->n_bad > 0 && !skip_bad)
        FAIL(SEMID_ERR_DATA,
             "%s: expected finite numbers, found NaN or Inf in row %zu (%zu such row%s in all); "
             "--skip-bad-rows leaves them out",
             path, s->first_bad, s->n_bad, s->n_bad == 1 ? "" : "s");
    if (v->n_rows == 0)
        FAIL(SEMID_ERR_DATA, "%s: expected rows of finite numbers, found none in %zu rows", path,
             s->n_bad);
    if (s->n_bad > 0)
        log_warn("%s: left out %zu row%s with NaN or Inf, the first is row %zu", path, s->n_bad,
                 s->n_bad == 1 ? "" : "s", s->first_bad);
    v->is_scanned = true;
    v->n_bad = s->n_bad;
    v->unit_norm = s->unit_norm;
    v->variance = variance_of(s, v->n_rows);
    return SEMID_OK;
}

semid_status vectors_scan(vectors *out, embeddings *file, bool skip_bad, semid_error *err) {
    semid_status status = SEMID_OK;
    vectors v = {.file = file};
    scan s = {0};
    v.dim = embeddings_dim(v.file);
    TRY_GOTO(scan_init(&s, v.file, err));
    TRY_GOTO(scan_file(&s, &v, err));
    TRY_GOTO(judge(&s, &v, skip_bad, err));
    *out = v;
    v = (vectors){0};
done:
    scan_release(&s);
    vectors_close(&v);
    return status;
}

vectors vectors_unscanned(embeddings *file) {
    return (vectors){.file = file, .n_rows = embeddings_rows(file), .dim = embeddings_dim(file)};
}

void vectors_close(vectors *v) {
    embeddings_close(v->file);
    mem_free(v->usable);
    *v = (vectors){0};
}

semid_status vectors_read(const vectors *v, size_t row, size_t n, float *out, semid_error *err) {
    if (v->usable) return embeddings_gather(v->file, v->usable + row, n, out, err);
    return embeddings_read(v->file, row, n, out, err);
}

/* A fault maps pages around it too, those of other threads among them: now and then all are given
 * back. */
static semid_status read_rows(vectors_reader *r, size_t row, size_t n, float *out,
                              semid_error *err) {
    static const size_t AROUND_BYTES = 65536, BETWEEN_DROPS_BYTES = 16 << 20;
    const embeddings *file = r->v->file;
    size_t mapped = AROUND_BYTES + n * r->v->dim * sizeof(float);
    TRY(embeddings_read(file, row, n, out, err));
    if (!embeddings_maps(file)) return SEMID_OK;
    size_t before = atomic_fetch_add(&r->n_mapped, mapped);
    if (before / BETWEEN_DROPS_BYTES != (before + mapped) / BETWEEN_DROPS_BYTES)
        embeddings_drop(file, 0, embeddings_rows(file));
    return SEMID_OK;
}

semid_status vectors_reader_read(void *user, size_t row, size_t n, float *out, semid_error *err) {
    vectors_reader *r = user;
    if (!r->numbers) return read_rows(r, row, n, out, err);
    for (size_t i = 0; i < n; i++)
        TRY(read_rows(r, (size_t)r->numbers[row + i], 1, out + i * r->v->dim, err));
    return SEMID_OK;
}

const float *vectors_view(const vectors *v) {
    return v->usable ? NULL : embeddings_view(v->file);
}
