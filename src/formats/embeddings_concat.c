#include "base/memory.h"
#include "formats/embeddings_source.h"

#include <math.h>
#include <string.h>

/* ---- reading ---- */

static void scale_row(float *x, size_t dim, float weight, bool unit) {
    double factor = (double)weight, sum = 0;
    for (size_t j = 0; unit && j < dim; j++) sum += (double)x[j] * (double)x[j];
    if (sum > 0) factor /= sqrt(sum);
    for (size_t j = 0; j < dim; j++) x[j] = (float)((double)x[j] * factor);
}

semid_status embeddings_concat_read(const embeddings *e, size_t row, size_t n, float *out,
                                    semid_error *err) {
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < e->n_parts; p++) {
            const embeddings_part *part = &e->parts[p];
            size_t dim = embeddings_dim(part->file);
            if (n == 1)
                TRY(embeddings_read(part->file, row, 1, out, err));
            else
                embeddings_copy(part->file, row + i, 1, out);
            scale_row(out, dim, part->weight, part->unit);
            out += dim;
        }
    return SEMID_OK;
}

/* ---- putting together ---- */

static semid_status same_ids(const embeddings *a, const embeddings *b, semid_error *err) {
    const ids *x = &a->source.list, *y = &b->source.list;
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
    size_t *shape = e->source.matrix.shape, rows = embeddings_rows(part->file);
    char *path;
    if (e->n_parts == 0) {
        shape[0] = rows;
        e->source.matrix.n_dims = 2;
    } else if (rows != shape[0]) {
        FAIL(SEMID_ERR_SHAPE, "%s: expected %zu rows as in %s, found %zu", part->file->path,
             shape[0], e->parts[0].file->path, rows);
    }
    for (size_t p = 0; p < e->n_parts; p++) TRY(same_ids(e->parts[p].file, part->file, err));
    TRY(mem_format(&path, err, "%s%s%s", e->path ? e->path : "", e->path ? " + " : "",
                   part->file->path));
    mem_free(e->path);
    e->path = path;
    shape[1] += embeddings_dim(part->file);
    e->parts[e->n_parts++] = *part;
    return SEMID_OK;
}

semid_status embeddings_concat(embeddings **out, const embeddings_part *parts, size_t n_parts,
                               semid_error *err) {
    semid_status status;
    embeddings *e = NULL;
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
