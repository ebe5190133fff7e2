/* Embeddings are one file (embeddings_file.h) or several side by side. A concatenation copies
 * nothing: each row is put together from a row of every part as it is read, scaled there (norms are
 * summed in double, so that the result does not depend on how many rows are read at once), and
 * matrices larger than memory can be concatenated. Parts must have the same number of rows and,
 * where they carry ids, the same ids. */
#include "formats/embeddings.h"

#include "base/context.h"
#include "base/memory.h"
#include "formats/embeddings_file.h"

#include <math.h>
#include <string.h>

struct embeddings {
    char *path; /* as it was given; "a + b" of a concatenation */
    size_t n_rows, dim;
    embeddings_file file;   /* zero for a concatenation */
    embeddings_part *parts; /* [n_parts] of a concatenation */
    size_t n_parts;
};

/* ---- opening and closing ---- */

semid_status embeddings_open(embeddings **out, const char *path, semid_error *err) {
    embeddings *e = NULL;
    semid_status status;
    TRY_GOTO(mem_calloc(&e, 1, sizeof *e, err));
    TRY_GOTO(mem_strdup(&e->path, path, err));
    TRY_GOTO(embeddings_file_open(&e->file, path, err));
    e->n_rows = e->file.matrix.layout.shape[0];
    e->dim = e->file.matrix.layout.shape[1];

    *out = e;
    e = NULL;
done:
    embeddings_close(e);
    return status;
}

void embeddings_close(embeddings *e) {
    if (!e) return;
    for (size_t p = 0; p < e->n_parts; p++) embeddings_close(e->parts[p].file);
    embeddings_file_release(&e->file);
    mem_free(e->parts);
    mem_free(e->path);
    mem_free(e);
}

/* Two files that carry ids must carry the same ones in the same order. */
static semid_status check_same_ids(const embeddings *a, const embeddings *b, semid_error *err) {
    const ids *x = &a->file.list, *y = &b->file.list;
    if (x->n_ids == 0 || y->n_ids == 0) return SEMID_OK;
    for (size_t i = 0; i < x->n_ids; i++) {
        const char *id = ids_get(x, i, NULL), *other = ids_get(y, i, NULL);
        if (strcmp(id, other) != 0)
            FAIL(SEMID_ERR_DATA,
                 "%s: expected the items of %s in the same order, found %s in row %zu instead of "
                 "%s",
                 b->path, a->path, other, i, id);
    }
    return SEMID_OK;
}

static semid_status add_part(embeddings *e, const embeddings_part *part, semid_error *err) {
    const embeddings *file = part->file;
    if (e->n_parts == 0) e->n_rows = file->n_rows;
    if (file->n_rows != e->n_rows)
        FAIL(SEMID_ERR_SHAPE, "%s: expected %zu rows as in %s, found %zu", file->path, e->n_rows,
             e->parts[0].file->path, file->n_rows);
    for (size_t p = 0; p < e->n_parts; p++) TRY(check_same_ids(e->parts[p].file, file, err));

    char *path;
    TRY(mem_format(&path, err, "%s%s%s", e->path ? e->path : "", e->path ? " + " : "", file->path));
    mem_free(e->path);
    e->path = path;
    e->dim += file->dim;
    e->parts[e->n_parts++] = *part;
    return SEMID_OK;
}

semid_status embeddings_concat(embeddings **out, const embeddings_part *parts, size_t n_parts,
                               semid_error *err) {
    embeddings *e = NULL;
    semid_status status;
    TRY_GOTO(mem_calloc(&e, 1, sizeof *e, err));
    TRY_GOTO(mem_alloc(&e->parts, n_parts, sizeof *e->parts, err));
    for (size_t p = 0; p < n_parts; p++) TRY_GOTO(add_part(e, &parts[p], err));
    *out = e;
    e = NULL;
done:
    if (e) e->n_parts = 0; /* they stay the caller's */
    embeddings_close(e);
    return status;
}

size_t embeddings_rows(const embeddings *e) {
    return e->n_rows;
}

size_t embeddings_dim(const embeddings *e) {
    return e->dim;
}

const char *embeddings_path(const embeddings *e) {
    return e->path;
}

semid_status embeddings_ids(const embeddings *e, ids *out, semid_error *err) {
    for (size_t p = 0; p < e->n_parts; p++)
        if (e->parts[p].file->file.list.n_ids > 0)
            return embeddings_ids(e->parts[p].file, out, err);

    const ids *from = &e->file.list;
    ids copy = {0};
    for (size_t i = 0; i < from->n_ids; i++) {
        size_t n;
        const char *s = ids_get(from, i, &n);
        semid_status status = ids_append(&copy, s, n, err);
        if (status == SEMID_OK) continue;
        ids_release(&copy);
        return status;
    }
    *out = copy;
    return SEMID_OK;
}

/* ---- reading ---- */

static void scale_row(float *x, size_t dim, float weight, bool unit) {
    double factor = (double)weight, sum = 0;
    for (size_t j = 0; unit && j < dim; j++) sum += (double)x[j] * (double)x[j];
    if (sum > 0) factor /= sqrt(sum);
    for (size_t j = 0; j < dim; j++) x[j] = (float)((double)x[j] * factor);
}

semid_status embeddings_read(const embeddings *e, size_t row, size_t n, float *out,
                             semid_error *err) {
    if (row > e->n_rows || n > e->n_rows - row)
        FAIL(SEMID_ERR_ARGUMENT, "%s: rows %zu to %zu of %zu", e->path, row, row + n, e->n_rows);
    if (e->n_parts == 0) {
        if (embeddings_file_read(&e->file, row, n, out, err) == SEMID_OK) return SEMID_OK;
        return error_prefix(err, "%s", e->path);
    }

    /* Several rows are read one after the other: from memory, not by a system call for each. */
    for (size_t i = row; i < row + n; i++)
        for (size_t p = 0; p < e->n_parts; p++) {
            const embeddings_part *part = &e->parts[p];
            if (n == 1 || part->file->n_parts > 0)
                TRY(embeddings_read(part->file, i, 1, out, err));
            else
                embeddings_file_copy(&part->file->file, i, 1, out);
            scale_row(out, part->file->dim, part->weight, part->unit);
            out += part->file->dim;
        }
    return SEMID_OK;
}

semid_status embeddings_gather(const embeddings *e, const uint64_t *rows, size_t n, float *out,
                               semid_error *err) {
    /* A fault maps the pages around it too: without drops, a sample would map the whole file. */
    enum { ROWS_BETWEEN_DROPS = 1024 };
    for (size_t begin = 0; begin < n; begin += ROWS_BETWEEN_DROPS) {
        size_t end = n - begin < ROWS_BETWEEN_DROPS ? n : begin + ROWS_BETWEEN_DROPS;

        /* Rows that follow each other are read together. */
        for (size_t i = begin, n_run; i < end; i += n_run) {
            for (n_run = 1; i + n_run < end && rows[i + n_run] == rows[i] + n_run;) n_run++;
            TRY(embeddings_read(e, rows[i], n_run, out + i * e->dim, err));
        }

        if (embeddings_maps(e)) embeddings_drop(e, 0, e->n_rows);
        TRY(check_interrupted(err));
    }
    return SEMID_OK;
}

bool embeddings_maps(const embeddings *e) {
    return e->n_parts > 0 || embeddings_file_maps(&e->file);
}

const float *embeddings_view(const embeddings *e) {
    return e->n_parts > 0 ? NULL : embeddings_file_view(&e->file);
}

void embeddings_drop(const embeddings *e, size_t begin, size_t end) {
    for (size_t p = 0; p < e->n_parts; p++) embeddings_drop(e->parts[p].file, begin, end);
    if (e->n_parts == 0) embeddings_file_drop(&e->file, begin, end);
}
