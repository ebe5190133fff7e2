/* Every format ends as a strided view of bytes in a mapped file or in memory (stored_array). Rows
 * that lie in the file contiguously and in this machine's byte order are read by system calls:
 * copied from the map, they would fault in the pages around them too, which then have to be given
 * back. All others are converted from the map element by element. Nothing is cached here: a row
 * that is asked for twice is read twice. */
#include "formats/embeddings_file.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "formats/array_choice.h"
#include "formats/npy.h"
#include "formats/npz.h"
#include "formats/pt_read.h"
#include "formats/safetensors.h"

#include <string.h>

/* ---- formats ---- */

enum { MAX_FORMATS = 10, EXTENSION_BYTES = 16 };

typedef semid_status (*file_opener)(embeddings_file *out, const char *path, const char *name,
                                    semid_error *err);

static semid_status open_npy(embeddings_file *out, const char *path, const char *name,
                             semid_error *err) {
    stored_array *m = &out->matrix;
    if (name) FAIL(SEMID_ERR_FORMAT, "%s: holds one array that has no name, found :%s", path, name);
    TRY(file_map_open(&m->map, path, err));
    return npy_parse(&m->layout, m->map.data, m->map.n_bytes, path, err);
}

static semid_status open_npz(embeddings_file *out, const char *path, const char *name,
                             semid_error *err) {
    return npz_open_vectors(&out->matrix, path, name, err);
}

static semid_status open_pt(embeddings_file *out, const char *path, const char *name,
                            semid_error *err) {
    return pt_open_vectors(&out->matrix, &out->list, path, name, err);
}

static semid_status open_safetensors(embeddings_file *out, const char *path, const char *name,
                                     semid_error *err) {
    return safetensors_open_vectors(&out->matrix, path, name, err);
}

/* Either a reader of this folder or a loader of a higher layer. */
static struct {
    char extension[EXTENSION_BYTES];
    file_opener open;
    embeddings_loader load;
} formats[MAX_FORMATS] = {{"npy", open_npy, NULL},
                          {"npz", open_npz, NULL},
                          {"pt", open_pt, NULL},
                          {"safetensors", open_safetensors, NULL},
                          {"json", open_safetensors, NULL}};

void embeddings_register(const char *extension, embeddings_loader load) {
    for (int i = 0; i < MAX_FORMATS; i++) {
        if (*formats[i].extension && strcmp(formats[i].extension, extension) != 0) continue;
        snprintf(formats[i].extension, EXTENSION_BYTES, "%s", extension);
        formats[i].load = load;
        formats[i].open = NULL;
        return;
    }
}

static semid_status open_by_extension(embeddings_file *out, const char *path, const char *name,
                                      semid_error *err) {
    char extension[EXTENSION_BYTES];
    path_extension(path, extension);
    int i = 0;
    while (i < MAX_FORMATS && strcmp(formats[i].extension, extension) != 0) i++;
    if (i == MAX_FORMATS || !*extension)
        FAIL(SEMID_ERR_UNSUPPORTED,
             "%s: expected embeddings as .npy, .npz, .pt, .safetensors or .parquet, found %s%s",
             path, *extension ? "." : "no extension", extension);
    if (formats[i].open) return formats[i].open(out, path, name, err);

    /* A loader of a higher layer reads the whole matrix into memory. */
    embeddings_block block = {0};
    TRY(formats[i].load(&block, path, name, err));
    out->list = block.list;
    out->matrix.owned = block.data;
    out->matrix.layout = (strided){.type = DTYPE_F32,
                                   .n_dims = 2,
                                   .shape = {block.n_rows, block.dim},
                                   .data = (const uint8_t *)block.data};
    strided_set_order(&out->matrix.layout, false);
    return SEMID_OK;
}

static semid_status check_matrix(const embeddings_file *f, const char *spec, semid_error *err) {
    const strided *m = &f->matrix.layout;
    char text[ARRAY_SHAPE_TEXT_BYTES];
    shape_describe(m->n_dims, m->shape, text);

    if (m->n_dims != 2)
        FAIL(SEMID_ERR_SHAPE, "%s: expected embeddings [rows, dim], found %s %s", spec, text,
             dtype_name(m->type));
    if (!dtype_is_float(m->type))
        FAIL(SEMID_ERR_FORMAT, "%s: expected embeddings of floating-point type, found %s %s", spec,
             text, dtype_name(m->type));
    if (m->shape[0] == 0 || m->shape[1] == 0)
        FAIL(SEMID_ERR_DATA, "%s: expected at least one row and column, found %s", spec, text);

    if (f->list.n_ids > 0 && f->list.n_ids != m->shape[0])
        FAIL(SEMID_ERR_SHAPE, "%s: expected an id for each of %zu rows, found %zu", spec,
             m->shape[0], f->list.n_ids);
    return SEMID_OK;
}

semid_status embeddings_file_open(embeddings_file *out, const char *spec, semid_error *err) {
    embeddings_file f = {0};
    char *path = NULL;
    const char *name;
    semid_status status;
    TRY_GOTO(path_split_name(&path, &name, spec, err));
    TRY_GOTO(file_check_readable(path, err));
    TRY_GOTO(open_by_extension(&f, path, name, err));
    TRY_GOTO(check_matrix(&f, spec, err));

    *out = f;
    f = (embeddings_file){0};
done:
    embeddings_file_release(&f);
    mem_free(path);
    return status;
}

void embeddings_file_release(embeddings_file *f) {
    stored_array_release(&f->matrix);
    ids_release(&f->list);
}

/* ---- rows ---- */

/* Rows follow each other without gaps, little endian. */
static bool rows_are_plain(const strided *m) {
    return !m->big_endian && strided_is_c_order(m);
}

static size_t row_bytes(const strided *m) {
    return m->shape[1] * dtype_bytes(m->type);
}

/* In the file rather than in memory of its own. */
static bool is_mapped(const embeddings_file *f) {
    return !f->matrix.owned && f->matrix.map.data;
}

bool embeddings_file_maps(const embeddings_file *f) {
    return is_mapped(f) && !rows_are_plain(&f->matrix.layout);
}

void embeddings_file_copy(const embeddings_file *f, size_t row, size_t n, float *out) {
    const strided *m = &f->matrix.layout;
    size_t dim = m->shape[1];
    if (rows_are_plain(m))
        dtype_to_f32(m->type, m->data + row * row_bytes(m), n * dim, out);
    else
        for (size_t i = 0; i < n; i++) strided_row_to_f32(m, row + i, out + i * dim);
}

semid_status embeddings_file_read(const embeddings_file *f, size_t row, size_t n, float *out,
                                  semid_error *err) {
    const strided *m = &f->matrix.layout;
    const file_map *map = &f->matrix.map;
    if (!is_mapped(f) || !rows_are_plain(m)) {
        embeddings_file_copy(f, row, n, out);
        return SEMID_OK;
    }

    size_t offset = (size_t)(m->data - map->data) + row * row_bytes(m), n_values = n * m->shape[1];
    if (m->type == DTYPE_F32) return file_map_read(map, offset, n_values * sizeof *out, out, err);

    /* Other types pass through a buffer. */
    enum { BUFFER_BYTES = 16384 };
    uint8_t buffer[BUFFER_BYTES];
    size_t value_bytes = dtype_bytes(m->type), most = BUFFER_BYTES / value_bytes;
    for (size_t i = 0; i < n_values; i += most) {
        size_t take = n_values - i < most ? n_values - i : most;
        TRY(file_map_read(map, offset + i * value_bytes, take * value_bytes, buffer, err));
        dtype_to_f32(m->type, buffer, take, out + i);
    }
    return SEMID_OK;
}

const float *embeddings_file_view(const embeddings_file *f) {
    const strided *m = &f->matrix.layout;
    bool fits = m->type == DTYPE_F32 && rows_are_plain(m) && (uintptr_t)m->data % 4 == 0;
    return fits ? (const float *)(const void *)m->data : NULL;
}

void embeddings_file_drop(const embeddings_file *f, size_t begin, size_t end) {
    /* Faults map up to this much before the page they need. */
    static const size_t AROUND_BYTES = 65536;
    const strided *m = &f->matrix.layout;
    const file_map *map = &f->matrix.map;
    if (!is_mapped(f)) return;
    if (!rows_are_plain(m)) { /* a row's elements may lie anywhere */
        file_map_drop(map, 0, map->n_bytes);
        return;
    }

    size_t base = (size_t)(m->data - map->data), first = base + begin * row_bytes(m);
    file_map_drop(map, first > AROUND_BYTES ? first - AROUND_BYTES : 0, base + end * row_bytes(m));
}
