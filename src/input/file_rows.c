#include "input/file_rows.h"

#include "base/file.h"
#include "base/finite.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "formats/npy.h"

#include <math.h>
#include <string.h>

/* Rows are numbered twice: by their place in the file, and by their place among those that are
 * used, which is what everything above this file counts by. `numbers` leads from the second to the
 * first; without it both are the same.
 *
 * NaN and Inf are looked for once, on the first pass over the file: by file_rows_scan, where a step
 * wants statistics of its vectors anyway, or by file_rows_block while a step encodes. Bad rows are
 * kept as a list of their own, which is short, so that a pass that streams needs no memory per row;
 * only rows that are read again get the list of those left over.
 *
 * The statistics are sums in double precision over fixed chunks, combined in chunk order: the same
 * bits with any number of threads. */

enum { BLOCK_BYTES = 16 << 20, ROWS_PER_CHUNK = 256 };

file_rows file_rows_of(embeddings *file) {
    return (file_rows){.file = file, .n_rows = embeddings_rows(file), .dim = embeddings_dim(file)};
}

file_rows file_rows_subset(const file_rows *of, uint64_t *numbers, size_t n) {
    return (file_rows){.file = of->file,
                       .borrows_file = true,
                       .n_rows = n,
                       .dim = of->dim,
                       .numbers = numbers,
                       .is_checked = true};
}

void file_rows_close(file_rows *rows) {
    if (!rows->borrows_file) embeddings_close(rows->file);
    mem_free(rows->numbers);
    mem_free(rows->bad);
    *rows = (file_rows){0};
}

/* ---- bad rows ---- */

static semid_status note_bad(file_rows *rows, size_t number, semid_error *err) {
    TRY(mem_reserve(&rows->bad, &rows->bad_capacity, rows->n_bad + 1, sizeof *rows->bad, err));
    rows->bad[rows->n_bad++] = number;
    return SEMID_OK;
}

semid_status file_rows_check_bad(const file_rows *rows, bool skip_bad, semid_error *err) {
    const char *path = embeddings_path(rows->file);
    size_t n_file = embeddings_rows(rows->file), n_bad = rows->n_bad;
    if (n_bad == 0) return SEMID_OK;

    if (!skip_bad || n_bad == n_file)
        FAIL(SEMID_ERR_DATA,
             "%s: expected finite numbers, found NaN or Inf in %zu of %zu rows, first in row "
             "%llu%s",
             path, n_bad, n_file, (unsigned long long)rows->bad[0],
             skip_bad ? "" : " (--skip-bad-rows leaves them out)");
    log_warn("%s: left out %zu row%s with NaN or Inf, the first is row %llu", path, n_bad,
             n_bad == 1 ? "" : "s", (unsigned long long)rows->bad[0]);
    return SEMID_OK;
}

semid_status file_rows_drop_bad(file_rows *rows, semid_error *err) {
    rows->is_checked = true;
    if (rows->n_bad == 0) return SEMID_OK;

    size_t n_file = embeddings_rows(rows->file), n = 0, n_passed = 0;
    TRY(mem_alloc(&rows->numbers, n_file - rows->n_bad, sizeof *rows->numbers, err));
    for (size_t number = 0; number < n_file; number++) {
        if (n_passed < rows->n_bad && rows->bad[n_passed] == number)
            n_passed++;
        else
            rows->numbers[n++] = number;
    }
    rows->n_rows = n;
    return SEMID_OK;
}

/* Straight from the list of bad rows: after a pass that streamed there is no other. */
static semid_status write_kept(const file_rows *rows, const char *path, semid_error *err) {
    semid_status status;
    file_out f = {0};
    char header[NPY_HEADER_MAX_BYTES];
    size_t n_file = embeddings_rows(rows->file), n_kept = n_file - rows->n_bad, n_passed = 0;

    TRY_GOTO(file_out_open(&f, path, err));
    file_out_write(&f, header, npy_format_header(header, npy_descr(DTYPE_I64), 1, &n_kept));
    for (size_t row = 0; row < n_file; row++) {
        int64_t number = (int64_t)row;
        if (n_passed < rows->n_bad && rows->bad[n_passed] == row)
            n_passed++;
        else
            file_out_write(&f, &number, sizeof number);
    }
    TRY_GOTO(file_out_commit(&f, err));
done:
    file_out_release(&f);
    return status;
}

semid_status file_rows_save_kept(const file_rows *rows, const char *codes_path, semid_error *err) {
    char *path;
    TRY(path_replace_extension(&path, codes_path, ".rows.npy", err));
    semid_status status = rows->n_bad > 0 ? write_kept(rows, path, err) : file_remove(path, err);
    mem_free(path);
    return status;
}

/* ---- the scan ---- */

/* Of one chunk of a block. */
typedef struct chunk_sums {
    double *x;      /* [dim] */
    double squares; /* of all values */
    bool unit_norm;
} chunk_sums;

typedef struct rows_scan {
    size_t dim, block_rows;
    float *buffer;      /* [block_rows, dim] rows that cannot be used in place */
    const float *block; /* [n, dim] rows being scanned */
    bool *is_bad;       /* [block_rows] */
    chunk_sums *chunks; /* [chunks of a block] */
    double *chunk_x;    /* [chunks of a block, dim] */
    double *x, squares; /* sums over the file */
    bool unit_norm;
} rows_scan;

static void scan_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const rows_scan *s = user;
    chunk_sums *sums = &s->chunks[chunk];
    *sums = (chunk_sums){.x = s->chunk_x + chunk * s->dim, .unit_norm = true};
    memset(sums->x, 0, s->dim * sizeof(double));

    for (size_t i = begin; i < end; i++) {
        const float *x = s->block + i * s->dim;
        double squares = 0; /* finite where all values are: floats do not overflow its square */
        for (size_t j = 0; j < s->dim; j++) squares += (double)x[j] * (double)x[j];

        s->is_bad[i] = !isfinite(squares);
        if (s->is_bad[i]) continue;
        sums->squares += squares;
        sums->unit_norm &= fabs(sqrt(squares) - 1) <= 1e-3;
        for (size_t j = 0; j < s->dim; j++) sums->x[j] += (double)x[j];
    }
}

static semid_status scan_init(rows_scan *s, const file_rows *rows, semid_error *err) {
    s->dim = rows->dim;
    s->block_rows = BLOCK_BYTES / (s->dim * sizeof(float));
    if (s->block_rows > rows->n_rows) s->block_rows = rows->n_rows;
    if (s->block_rows == 0) s->block_rows = 1;
    s->unit_norm = true;

    size_t n_chunks = chunk_count(s->block_rows, ROWS_PER_CHUNK);
    TRY(mem_alloc(&s->buffer, s->block_rows * s->dim, sizeof(float), err));
    TRY(mem_alloc(&s->is_bad, s->block_rows, sizeof(bool), err));
    TRY(mem_alloc(&s->chunks, n_chunks, sizeof *s->chunks, err));
    TRY(mem_alloc(&s->chunk_x, n_chunks * s->dim, sizeof(double), err));
    return mem_calloc(&s->x, s->dim, sizeof(double), err);
}

static semid_status scan_block(rows_scan *s, file_rows *rows, size_t row, size_t n,
                               semid_error *err) {
    const float *view = embeddings_view(rows->file);
    if (!view) TRY(embeddings_read(rows->file, row, n, s->buffer, err));
    s->block = view ? view + row * s->dim : s->buffer;

    parallel_chunks(n, ROWS_PER_CHUNK, scan_chunk, s);
    embeddings_drop(rows->file, row, row + n);

    /* in chunk order: the same bits with any number of threads */
    for (size_t c = 0; c < chunk_count(n, ROWS_PER_CHUNK); c++) {
        s->squares += s->chunks[c].squares;
        s->unit_norm &= s->chunks[c].unit_norm;
        for (size_t j = 0; j < s->dim; j++) s->x[j] += s->chunks[c].x[j];
    }
    for (size_t i = 0; i < n; i++)
        if (s->is_bad[i]) TRY(note_bad(rows, row + i, err));
    return SEMID_OK;
}

semid_status file_rows_scan(file_rows *rows, bool skip_bad, semid_error *err) {
    semid_status status = SEMID_OK;
    rows_scan s = {0};
    size_t n_file = rows->n_rows;
    TRY_GOTO(scan_init(&s, rows, err));

    for (size_t row = 0; row < n_file; row += s.block_rows) {
        size_t n = n_file - row < s.block_rows ? n_file - row : s.block_rows;
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(scan_block(&s, rows, row, n, err));
    }
    TRY_GOTO(file_rows_check_bad(rows, skip_bad, err));
    TRY_GOTO(file_rows_drop_bad(rows, err));

    /* E|x|^2 - |E x|^2 */
    double n = (double)rows->n_rows, mean_squares = 0;
    for (size_t j = 0; j < s.dim; j++) mean_squares += (s.x[j] / n) * (s.x[j] / n);
    rows->variance = fmax(0, (s.squares / n - mean_squares) / (double)s.dim);
    rows->unit_norm = s.unit_norm;
done:
    mem_free(s.buffer);
    mem_free(s.is_bad);
    mem_free(s.chunks);
    mem_free(s.chunk_x);
    mem_free(s.x);
    return status;
}

/* ---- reading in order ---- */

const float *file_rows_view(const file_rows *rows) {
    return rows->numbers ? NULL : embeddings_view(rows->file);
}

semid_status file_rows_read(const file_rows *rows, size_t row, size_t n, float *out,
                            semid_error *err) {
    if (rows->numbers) return embeddings_gather(rows->file, rows->numbers + row, n, out, err);
    return embeddings_read(rows->file, row, n, out, err);
}

semid_status file_rows_block(file_rows *rows, size_t row, size_t n, float *buffer, const float **x,
                             size_t *n_good, semid_error *err) {
    const float *view = file_rows_view(rows);
    size_t dim = rows->dim;
    if (!view) TRY(file_rows_read(rows, row, n, buffer, err));
    *x = view ? view + row * dim : buffer;
    *n_good = n;
    if (rows->is_checked || rows_are_finite(*x, n, dim)) return SEMID_OK;

    /* the good rows to the front of the buffer */
    size_t n_kept = 0, unused;
    for (size_t i = 0; i < n; i++) {
        const float *from = *x + i * dim;
        if (rows_not_finite(from, 1, dim, &unused) > 0)
            TRY(note_bad(rows, row + i, err));
        else
            memmove(buffer + n_kept++ * dim, from, dim * sizeof *from);
    }
    *x = buffer;
    *n_good = n_kept;
    return SEMID_OK;
}

void file_rows_release_pages(const file_rows *rows, size_t row, size_t n) {
    const uint64_t *numbers = rows->numbers;
    if (numbers)
        embeddings_drop(rows->file, (size_t)numbers[row], (size_t)numbers[row + n - 1] + 1);
    else
        embeddings_drop(rows->file, row, row + n);
}

/* ---- reading in any order ---- */

/* A fault maps the pages around it too, also those that other threads have just given back. So
 * pages are not returned row by row: all of them are, each time that reading may have mapped so
 * many bytes. */
static semid_status read_run(file_rows *rows, size_t number, size_t n, float *out,
                             semid_error *err) {
    static const size_t AROUND_BYTES = 65536, BETWEEN_DROPS_BYTES = 16 << 20;
    embeddings *file = rows->file;
    TRY(embeddings_read(file, number, n, out, err));
    if (!embeddings_maps(file)) return SEMID_OK;

    size_t mapped = AROUND_BYTES + n * rows->dim * sizeof(float);
    size_t before = atomic_fetch_add(&rows->n_mapped, mapped);
    if (before / BETWEEN_DROPS_BYTES != (before + mapped) / BETWEEN_DROPS_BYTES)
        embeddings_drop(file, 0, embeddings_rows(file));
    return SEMID_OK;
}

static semid_status read_any(void *user, size_t row, size_t n, float *out, semid_error *err) {
    file_rows *rows = user;
    if (!rows->numbers) return read_run(rows, row, n, out, err);
    for (size_t i = 0; i < n; i++)
        TRY(read_run(rows, (size_t)rows->numbers[row + i], 1, out + i * rows->dim, err));
    return SEMID_OK;
}

semid_rows file_rows_callback(file_rows *rows) {
    return (semid_rows){.n_rows = rows->n_rows, .read = read_any, .user = rows};
}
