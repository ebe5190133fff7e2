#include "eval/catalogue.h"

#include "base/finite.h"
#include "base/memory.h"
#include "base/threads.h"
#include "formats/ids_file.h"
#include "formats/ids_index.h"

#include <math.h>
#include <string.h>

/* Two forms of each vector are kept: as the file has it, because codebooks may have been trained on
 * vectors that are not of unit length, and scaled to length 1, because ranking is by cosine. The
 * file is used in place where it is float32 rows in memory order, and read otherwise. */

double vector_normalize(float *x, size_t dim) {
    double sum = 0;
    for (size_t j = 0; j < dim; j++) sum += (double)x[j] * (double)x[j];
    double norm = sqrt(sum);
    if (norm > 0)
        for (size_t j = 0; j < dim; j++) x[j] = (float)((double)x[j] / norm);
    return norm;
}

semid_status catalogue_ids_load(ids *out, const embeddings *file, const char *ids_path,
                                semid_error *err) {
    const char *path = ids_path ? ids_path : embeddings_path(file);
    ids list = {0};
    semid_status status = SEMID_OK;

    TRY(ids_path ? ids_load(&list, ids_path, err) : embeddings_ids(file, &list, err));
    if (list.n_ids == 0)
        FAIL_GOTO(SEMID_ERR_DATA, "%s: expected item ids inside, found none: name an ids file",
                  path);
    if (list.n_ids != embeddings_rows(file))
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected %zu ids, one for each row of %s, found %zu", path,
                  embeddings_rows(file), embeddings_path(file), list.n_ids);
    TRY_GOTO(ids_check_distinct(&list, path, err));

    *out = list;
    list = (ids){0};
done:
    ids_release(&list);
    return status;
}

semid_status catalogue_check_rows(const embeddings *file, const float *x, size_t n,
                                  size_t first_row, semid_error *err) {
    size_t bad, n_bad = rows_not_finite(x, n, embeddings_dim(file), &bad);
    if (n_bad)
        FAIL(SEMID_ERR_DATA,
             "%s: expected finite values, found NaN or Inf in row %zu (%zu of rows "
             "%zu to %zu)",
             embeddings_path(file), first_row + bad, n_bad, first_row, first_row + n - 1);
    return SEMID_OK;
}

enum { ROWS_PER_CHUNK = 1024 };

typedef struct normalize_task {
    catalogue *c;
    bool *chunk_is_unit;
} normalize_task;

static void normalize_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    normalize_task *task = user;
    catalogue *c = task->c;
    bool unit = true;

    memcpy(c->unit + begin * c->dim, c->raw + begin * c->dim,
           (end - begin) * c->dim * sizeof *c->unit);
    for (size_t i = begin; i < end; i++)
        unit &= fabs(vector_normalize(c->unit + i * c->dim, c->dim) - 1) <= 1e-3;
    task->chunk_is_unit[chunk] = unit;
}

semid_status catalogue_load(catalogue *c, embeddings *file, const char *ids_path,
                            semid_error *err) {
    semid_status status = SEMID_OK;
    normalize_task task = {.c = c};
    *c = (catalogue){.file = file, .n_items = embeddings_rows(file), .dim = embeddings_dim(file)};
    if (c->n_items >= UINT32_MAX)
        FAIL_GOTO(SEMID_ERR_UNSUPPORTED, "%s: expected fewer than 2^32 rows, found %zu",
                  embeddings_path(file), c->n_items);

    TRY_GOTO(catalogue_ids_load(&c->list, file, ids_path, err));
    TRY_GOTO(ids_index_init(&c->index, &c->list, err));

    c->raw = embeddings_view(file);
    if (!c->raw) {
        TRY_GOTO(mem_alloc(&c->read, c->n_items, c->dim * sizeof *c->read, err));
        TRY_GOTO(embeddings_read(file, 0, c->n_items, c->read, err));
        c->raw = c->read;
    }
    TRY_GOTO(catalogue_check_rows(file, c->raw, c->n_items, 0, err));

    size_t n_chunks = chunk_count(c->n_items, ROWS_PER_CHUNK);
    TRY_GOTO(mem_alloc(&c->unit, c->n_items, c->dim * sizeof *c->unit, err));
    TRY_GOTO(mem_alloc(&task.chunk_is_unit, n_chunks, sizeof(bool), err));
    parallel_chunks(c->n_items, ROWS_PER_CHUNK, normalize_chunk, &task);
    c->rows_are_unit = true;
    for (size_t i = 0; i < n_chunks; i++) c->rows_are_unit &= task.chunk_is_unit[i];
done:
    mem_free(task.chunk_is_unit);
    if (status != SEMID_OK) catalogue_release(c);
    return status;
}

void catalogue_release(catalogue *c) {
    mem_free(c->unit);
    mem_free(c->read);
    ids_index_release(&c->index);
    ids_release(&c->list);
    embeddings_close(c->file);
    *c = (catalogue){0};
}
