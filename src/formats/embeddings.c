#include "formats/embeddings.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "formats/array_choice.h"
#include "formats/embeddings_source.h"
#include "formats/npy.h"
#include "formats/npz.h"
#include "formats/pt.h"
#include "formats/safetensors.h"

#include <stdatomic.h>
#include <string.h>

/* ---- formats ---- */

typedef semid_status (*source_opener)(embeddings_source *out, const char *path, const char *name,
                                      semid_error *err);

static semid_status open_npy(embeddings_source *out, const char *path, const char *name,
                             semid_error *err) {
    if (name) FAIL(SEMID_ERR_FORMAT, "%s: holds one array that has no name, found :%s", path, name);
    TRY(file_map_open(&out->map, path, err));
    return npy_parse(&out->matrix, out->map.data, out->map.n_bytes, path, err);
}

static semid_status open_npz(embeddings_source *out, const char *path, const char *name,
                             semid_error *err) {
    stored_array a;
    TRY(npz_open_vectors(&a, path, name, err));
    out->matrix = a.layout;
    out->map = a.map;
    out->owned = a.owned;
    return SEMID_OK;
}

static semid_status choose_tensor(const safetensors *s, const char *path, const char *name,
                                  size_t *out, semid_error *err) {
    array_choice choice = {.path = path, .key = name};
    const void *chosen;
    for (size_t i = 0; i < safetensors_count(s); i++) {
        strided t;
        safetensors_strided(s, i, &t);
        array_choice_offer_strided(&choice, safetensors_name(s, i), &t, safetensors_name(s, i));
    }
    TRY(array_choice_make(&choice, &chosen, err));
    *out = 0;
    while (safetensors_name(s, *out) != chosen) ++*out;
    return SEMID_OK;
}

static semid_status open_safetensors(embeddings_source *out, const char *path, const char *name,
                                     semid_error *err) {
    safetensors *s;
    size_t i;
    TRY(safetensors_open_raw(&s, path, err));
    semid_status status = choose_tensor(s, path, name, &i, err);
    if (status == SEMID_OK) {
        safetensors_strided(s, i, &out->matrix);
        out->map = safetensors_take_map(s, i);
    }
    safetensors_close(s);
    return status;
}

static const struct {
    const char *extension;
    source_opener open;
} formats[] = {{"npy", open_npy},
               {"npz", open_npz},
               {"pt", pt_open},
               {"safetensors", open_safetensors},
               {"json", open_safetensors}};

enum { MAX_LOADERS = 4, EXTENSION_BYTES = 16 };
static struct {
    char extension[EXTENSION_BYTES];
    embeddings_loader load;
} loaders[MAX_LOADERS];

void embeddings_register(const char *extension, embeddings_loader load) {
    for (int i = 0; i < MAX_LOADERS; i++) {
        if (loaders[i].load && strcmp(loaders[i].extension, extension) != 0) continue;
        snprintf(loaders[i].extension, EXTENSION_BYTES, "%s", extension);
        loaders[i].load = load;
        return;
    }
}

static semid_status open_registered(embeddings_source *out, embeddings_loader load,
                                    const char *path, const char *name, semid_error *err) {
    embeddings_block block = {0};
    TRY(load(&block, path, name, err));
    out->owned = block.data;
    out->list = block.list;
    out->matrix = (strided){.type = DTYPE_F32,
                            .n_dims = 2,
                            .shape = {block.n_rows, block.dim},
                            .data = (const uint8_t *)block.data};
    strided_set_order(&out->matrix, false);
    return SEMID_OK;
}

static semid_status open_source(embeddings_source *out, const char *path, const char *name,
                                semid_error *err) {
    char extension[16];
    path_extension(path, extension);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].extension, extension) == 0)
            return formats[i].open(out, path, name, err);
    for (int i = 0; i < MAX_LOADERS && loaders[i].load; i++)
        if (strcmp(loaders[i].extension, extension) == 0)
            return open_registered(out, loaders[i].load, path, name, err);
    FAIL(SEMID_ERR_UNSUPPORTED,
         "%s: expected embeddings as .npy, .npz, .pt, .safetensors or .parquet, found %s%s", path,
         *extension ? "." : "no extension", extension);
}

static semid_status check_matrix(const strided *m, const char *path, semid_error *err) {
    char text[ARRAY_SHAPE_TEXT_BYTES];
    shape_describe(m->n_dims, m->shape, text);
    if (m->n_dims != 2)
        FAIL(SEMID_ERR_SHAPE, "%s: expected embeddings [rows, dim], found %s %s", path, text,
             dtype_name(m->type));
    if (m->type != DTYPE_F16 && m->type != DTYPE_BF16 && m->type != DTYPE_F32 &&
        m->type != DTYPE_F64)
        FAIL(SEMID_ERR_FORMAT, "%s: expected embeddings of floating-point type, found %s %s", path,
             text, dtype_name(m->type));
    if (m->shape[0] == 0 || m->shape[1] == 0)
        FAIL(SEMID_ERR_DATA, "%s: expected at least one row and column, found %s", path, text);
    return SEMID_OK;
}

/* ---- opening and closing ---- */

semid_status embeddings_open(embeddings **out, const char *path, semid_error *err) {
    embeddings *e = NULL;
    char *file = NULL;
    const char *name;
    semid_status status;
    TRY_GOTO(path_split_name(&file, &name, path, err));
    TRY_GOTO(file_check_readable(file, err));
    TRY_GOTO(mem_calloc(&e, 1, sizeof *e, err));
    TRY_GOTO(mem_strdup(&e->path, path, err));
    TRY_GOTO(open_source(&e->source, file, name, err));
    TRY_GOTO(check_matrix(&e->source.matrix, path, err));
    if (e->source.list.n_ids > 0 && e->source.list.n_ids != embeddings_rows(e))
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected an id for each of %zu rows, found %zu", path,
                  embeddings_rows(e), e->source.list.n_ids);
    *out = e;
    e = NULL;
done:
    mem_free(file);
    embeddings_close(e);
    return status;
}

void embeddings_close(embeddings *e) {
    if (!e) return;
    for (size_t p = 0; p < e->n_parts; p++) embeddings_close(e->parts[p].file);
    mem_free(e->parts);
    mem_free(e->path);
    mem_free(e->source.owned);
    ids_release(&e->source.list);
    file_map_close(&e->source.map);
    mem_free(e);
}

size_t embeddings_rows(const embeddings *e) {
    return e->source.matrix.shape[0];
}

size_t embeddings_dim(const embeddings *e) {
    return e->source.matrix.shape[1];
}

const char *embeddings_path(const embeddings *e) {
    return e->path;
}

semid_status embeddings_ids(const embeddings *e, ids *out, semid_error *err) {
    for (size_t p = 0; p < e->n_parts; p++)
        if (e->parts[p].file->source.list.n_ids > 0)
            return embeddings_ids(e->parts[p].file, out, err);
    const ids *from = &e->source.list;
    ids list = {0};
    for (size_t i = 0; i < from->n_ids; i++) {
        size_t n;
        const char *s = ids_get(from, i, &n);
        semid_status status = ids_append(&list, s, n, err);
        if (status == SEMID_OK) continue;
        ids_release(&list);
        return status;
    }
    *out = list;
    return SEMID_OK;
}

/* ---- reading ---- */

/* Rows lie one behind the other without gaps, little endian. */
static bool rows_are_plain(const strided *m) {
    return !m->big_endian && strided_is_c_order(m);
}

static size_t row_bytes(const strided *m) {
    return m->shape[1] * dtype_bytes(m->type);
}

/* By system calls: copying from the map would fault pages in, more than are asked for, that are to
 * be given back. */
static bool is_read_from_file(const embeddings *e) {
    return !e->source.owned && e->source.map.data && rows_are_plain(&e->source.matrix);
}

bool embeddings_maps(const embeddings *e) {
    return e->n_parts > 0 || (e->source.map.data && !e->source.owned && !is_read_from_file(e));
}

/* n values from `offset` on, through a buffer where they are no float32. */
static semid_status read_values(const embeddings *e, size_t offset, size_t n, float *out,
                                semid_error *err) {
    enum { BUFFER_BYTES = 16384 };
    uint8_t buffer[BUFFER_BYTES];
    const dtype type = e->source.matrix.type;
    if (type == DTYPE_F32) return file_map_read(&e->source.map, offset, n * sizeof *out, out, err);
    size_t most = BUFFER_BYTES / dtype_bytes(type);
    for (size_t i = 0; i < n; i += most) {
        size_t take = n - i < most ? n - i : most;
        TRY(file_map_read(&e->source.map, offset + i * dtype_bytes(type), take * dtype_bytes(type),
                          buffer, err));
        dtype_to_f32(type, buffer, take, out + i);
    }
    return SEMID_OK;
}

static semid_status read_rows(const embeddings *e, size_t row, size_t n, float *out,
                              semid_error *err) {
    const strided *m = &e->source.matrix;
    size_t offset = (size_t)(m->data - e->source.map.data) + row * row_bytes(m);
    if (read_values(e, offset, n * m->shape[1], out, err) != SEMID_OK)
        return error_prefix(err, "%s", e->path);
    return SEMID_OK;
}

void embeddings_copy(const embeddings *e, size_t row, size_t n, float *out) {
    const strided *m = &e->source.matrix;
    size_t dim = m->shape[1];
    if (rows_are_plain(m))
        dtype_to_f32(m->type, m->data + row * row_bytes(m), n * dim, out);
    else
        for (size_t i = 0; i < n; i++) strided_row_to_f32(m, row + i, out + i * dim);
}

semid_status embeddings_read(const embeddings *e, size_t row, size_t n, float *out,
                             semid_error *err) {
    const strided *m = &e->source.matrix;
    size_t n_rows = m->shape[0];
    if (row > n_rows || n > n_rows - row)
        FAIL(SEMID_ERR_ARGUMENT, "%s: rows %zu to %zu of %zu", e->path, row, row + n, n_rows);
    if (e->n_parts > 0) return embeddings_concat_read(e, row, n, out, err);
    if (is_read_from_file(e)) return read_rows(e, row, n, out, err);
    embeddings_copy(e, row, n, out);
    return SEMID_OK;
}

semid_status embeddings_gather(const embeddings *e, const uint64_t *rows, size_t n, float *out,
                               semid_error *err) {
    /* A fault maps the pages around it too: without drops, a sample would map the whole file. */
    enum { ROWS_BETWEEN_DROPS = 1024 };
    size_t n_rows = embeddings_rows(e), dim = embeddings_dim(e);
    for (size_t begin = 0; begin < n; begin += ROWS_BETWEEN_DROPS) {
        size_t end = n - begin < ROWS_BETWEEN_DROPS ? n : begin + ROWS_BETWEEN_DROPS;
        for (size_t i = begin, n_run; i < end; i += n_run) {
            for (n_run = 1; i + n_run < end && rows[i + n_run] == rows[i] + n_run;) n_run++;
            TRY(embeddings_read(e, rows[i], n_run, out + i * dim, err));
        }
        if (embeddings_maps(e)) embeddings_drop(e, 0, n_rows);
        TRY(check_interrupted(err));
    }
    return SEMID_OK;
}

const float *embeddings_view(const embeddings *e) {
    const strided *m = &e->source.matrix;
    if (e->n_parts > 0) return NULL;
    bool fits = m->type == DTYPE_F32 && rows_are_plain(m) && (uintptr_t)m->data % 4 == 0;
    return fits ? (const float *)(const void *)m->data : NULL;
}

void embeddings_drop(const embeddings *e, size_t begin, size_t end) {
    /* Faults map up to this much before the page they need. */
    static const size_t AROUND_BYTES = 65536;
    const strided *m = &e->source.matrix;
    for (size_t p = 0; p < e->n_parts; p++) embeddings_drop(e->parts[p].file, begin, end);
    if (!e->source.map.data || e->source.owned) return;
    if (!rows_are_plain(m)) {
        file_map_drop(&e->source.map, 0, e->source.map.n_bytes);
        return;
    }
    size_t base = (size_t)(m->data - e->source.map.data), first = base + begin * row_bytes(m);
    file_map_drop(&e->source.map, first > AROUND_BYTES ? first - AROUND_BYTES : 0,
                  base + end * row_bytes(m));
}

/* ---- rows that are no numbers ---- */

size_t rows_not_finite(const float *x, size_t n, size_t dim, size_t *first_bad) {
    size_t n_bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bad = 0;
        for (size_t j = 0; j < dim; j++) {
            uint32_t bits;
            memcpy(&bits, &x[i * dim + j], sizeof bits);
            bad |= (bits & 0x7f800000u) == 0x7f800000u;
        }
        if (bad && n_bad++ == 0) *first_bad = i;
    }
    return n_bad;
}

typedef struct checking {
    const float *x;
    size_t dim;
    atomic_bool found_bad;
} checking;

static void check_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    checking *q = user;
    size_t first;
    if (rows_not_finite(q->x + begin * q->dim, end - begin, q->dim, &first) > 0)
        atomic_store(&q->found_bad, true);
}

bool rows_are_finite(const float *x, size_t n, size_t dim) {
    enum { CHUNK_ROWS = 256 };
    checking q = {.x = x, .dim = dim};
    parallel_chunks(n, CHUNK_ROWS, check_chunk, &q);
    return !atomic_load(&q.found_bad);
}
