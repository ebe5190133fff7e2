/* The file appears row by row: the header of each format states the shape, which is known at the
 * start, and the data follows in the order of the rows. Only the .pt, a zip archive, has something
 * after the data. Nothing is left of a file that is not committed (base/file.h). */
#include "formats/embeddings_write.h"

#include "base/file.h"
#include "base/memory.h"
#include "formats/npy.h"
#include "formats/pt_write.h"
#include "formats/safetensors.h"

#include <string.h>

struct embeddings_writer {
    char *path;
    size_t n_rows, dim, n_written;
    file_out file; /* .npy, .safetensors */
    zip_out zip;   /* .pt */
    bool is_zip;
};

static semid_status begin_safetensors(embeddings_writer *w, semid_error *err) {
    safetensors_tensor t = {
        .name = "emb", .type = DTYPE_F32, .n_dims = 2, .shape = {w->n_rows, w->dim}};
    char *header;
    size_t n_bytes;
    TRY(safetensors_header(&header, &n_bytes, &t, 1, err));
    semid_status status = file_out_open(&w->file, w->path, err);
    if (status == SEMID_OK) file_out_write(&w->file, header, n_bytes);
    mem_free(header);
    return status;
}

/* Opens the file and writes what comes before the data. */
static semid_status begin(embeddings_writer *w, const ids *list, semid_error *err) {
    char extension[16];
    path_extension(w->path, extension);
    if (strcmp(extension, "npy") == 0) {
        char header[NPY_HEADER_MAX_BYTES];
        size_t shape[] = {w->n_rows, w->dim};
        TRY(file_out_open(&w->file, w->path, err));
        file_out_write(&w->file, header, npy_format_header(header, "<f4", 2, shape));
        return SEMID_OK;
    }
    if (strcmp(extension, "safetensors") == 0) return begin_safetensors(w, err);
    if (strcmp(extension, "pt") == 0) {
        w->is_zip = true;
        TRY(zip_out_open(&w->zip, w->path, err));
        return pt_write_begin(&w->zip, w->n_rows, w->dim, list, err);
    }

    FAIL(SEMID_ERR_UNSUPPORTED,
         "%s: embeddings can be written as .npy, .pt or .safetensors, found %s%s", w->path,
         *extension ? "." : "no extension", extension);
}

semid_status embeddings_writer_open(embeddings_writer **out, const char *path, size_t n_rows,
                                    size_t dim, const ids *list, semid_error *err) {
    embeddings_writer *w = NULL;
    semid_status status;
    size_t shape[] = {n_rows, dim}, n_bytes;
    if (!shape_bytes(2, shape, sizeof(float), &n_bytes) || n_bytes > PTRDIFF_MAX)
        FAIL(SEMID_ERR_ARGUMENT, "%s: %zu rows of %zu are too many", path, n_rows, dim);
    if (list && list->n_ids != n_rows)
        FAIL(SEMID_ERR_SHAPE, "%s: expected an id for each of %zu rows, found %zu", path, n_rows,
             list->n_ids);

    TRY_GOTO(mem_calloc(&w, 1, sizeof *w, err));
    w->n_rows = n_rows;
    w->dim = dim;
    TRY_GOTO(mem_strdup(&w->path, path, err));
    TRY_GOTO(begin(w, list, err));
    *out = w;
    w = NULL;
done:
    embeddings_writer_free(w);
    return status;
}

semid_status embeddings_writer_append(embeddings_writer *w, const float *x, size_t n,
                                      semid_error *err) {
    if (n > w->n_rows - w->n_written)
        FAIL(SEMID_ERR_ARGUMENT, "%s: expected %zu rows, found %zu", w->path, w->n_rows,
             w->n_written + n);

    size_t n_bytes = n * w->dim * sizeof *x;
    if (w->is_zip)
        zip_out_write(&w->zip, x, n_bytes);
    else
        file_out_write(&w->file, x, n_bytes);
    w->n_written += n;
    return SEMID_OK;
}

semid_status embeddings_writer_commit(embeddings_writer *w, semid_error *err) {
    if (w->n_written != w->n_rows)
        FAIL(SEMID_ERR_ARGUMENT, "%s: expected %zu rows, found %zu", w->path, w->n_rows,
             w->n_written);
    if (!w->is_zip) return file_out_commit(&w->file, err);
    TRY(pt_write_finish(&w->zip, err));
    return zip_out_commit(&w->zip, err);
}

void embeddings_writer_free(embeddings_writer *w) {
    if (!w) return;
    file_out_release(&w->file);
    zip_out_release(&w->zip);
    mem_free(w->path);
    mem_free(w);
}
