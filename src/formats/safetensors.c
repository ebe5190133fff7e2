/* A safetensors file (github.com/huggingface/safetensors, README):
 *
 *     header length (8 bytes, little endian), header (JSON, padded with spaces), data
 *
 * The header maps each tensor's name to its dtype, its shape and the bytes [begin, end) of the data
 * that it takes. Before a tensor is handed out, the whole header was checked: its length against
 * the file and the official reader's limit, each shape's product against the bytes that it claims,
 * and that the tensors tile the data, so that no byte belongs to two tensors or to none. What is
 * allocated is proportional to the header; the data stays where it is, and is copied only where a
 * tensor lies misaligned and the caller wants it aligned.
 *
 * A model in several files has an index, {"weight_map": {tensor: file}}. Each file is opened and
 * checked as a whole, once; the index's tensors are entries that point into them. Names are sorted,
 * and found by binary search. */
#include "formats/safetensors.h"

#include "base/json_file.h"
#include "base/memory.h"
#include "formats/array_choice.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const size_t MAX_HEADER_BYTES = 100000000; /* the official reader's limit */
enum { LENGTH_BYTES = 8, ALIGNMENT = 8 };

typedef struct entry {
    char *name;
    strided tensor;
    size_t begin, end; /* in the data part */
    void *copy;        /* of the data, where the file has it misaligned */
    size_t shard;      /* that holds it, in an index */
} entry;

struct safetensors {
    char *path;
    const uint8_t *data; /* the whole file */
    size_t n_bytes;
    file_map map; /* of the file; zero where the caller keeps the bytes */
    size_t data_offset;
    entry *entries;
    size_t n_entries;
    const entry **by_name; /* [n_entries], for looking up */
    safetensors **shards;  /* [n_shards] of an index, whose entries lie in their maps */
    size_t n_shards;
};

/* ---- the names of types ---- */

static const char *const type_names[] = {
    [DTYPE_F16] = "F16",  [DTYPE_BF16] = "BF16", [DTYPE_F32] = "F32", [DTYPE_F64] = "F64",
    [DTYPE_I8] = "I8",    [DTYPE_U8] = "U8",     [DTYPE_I16] = "I16", [DTYPE_U16] = "U16",
    [DTYPE_I32] = "I32",  [DTYPE_U32] = "U32",   [DTYPE_I64] = "I64", [DTYPE_U64] = "U64",
    [DTYPE_BOOL] = "BOOL"};

/* ---- reading the header ---- */

static semid_status read_json(safetensors *s, json_t **out, semid_error *err) {
    uint64_t length = 0;
    size_t n = s->n_bytes;
    if (n < LENGTH_BYTES)
        FAIL(SEMID_ERR_FORMAT, "%s: expected a safetensors file, found %zu bytes", s->path, n);
    for (int i = LENGTH_BYTES; i-- > 0;) length = length << 8 | s->data[i];
    if (length > n - LENGTH_BYTES || length > MAX_HEADER_BYTES)
        FAIL(SEMID_ERR_FORMAT,
             "%s: truncated or not safetensors: a header of %llu bytes in a file of %zu", s->path,
             (unsigned long long)length, n);

    json_error_t where;
    json_t *header =
        json_loadb((const char *)s->data + LENGTH_BYTES, length, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(header)) {
        const char *what = header ? "not an object" : where.text;
        json_decref(header);
        FAIL(SEMID_ERR_FORMAT, "%s: expected a JSON header, found: %s", s->path, what);
    }

    s->data_offset = LENGTH_BYTES + length;
    *out = header;
    return SEMID_OK;
}

static bool read_sizes(const json_t *list, size_t max, size_t *n, size_t *out) {
    *n = json_array_size(list);
    if (!json_is_array(list) || *n > max) return false;
    for (size_t i = 0; i < *n; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0) return false;
        out[i] = (size_t)json_integer_value(v);
    }
    return true;
}

static semid_status read_entry(const safetensors *s, entry *e, const json_t *value,
                               semid_error *err) {
    strided *t = &e->tensor;
    size_t n_offsets, offsets[2], n_bytes, data_bytes = s->n_bytes - s->data_offset;
    const char *type = json_string_value(json_object_get(value, "dtype"));
    if (!type ||
        !read_sizes(json_object_get(value, "shape"), ARRAY_MAX_DIMS, &t->n_dims, t->shape) ||
        !read_sizes(json_object_get(value, "data_offsets"), 2, &n_offsets, offsets) ||
        n_offsets != 2)
        FAIL(SEMID_ERR_FORMAT, "%s: tensor %s: expected dtype, shape and data_offsets", s->path,
             e->name);
    size_t n_types = sizeof type_names / sizeof *type_names, i = 0;
    while (i < n_types && strcmp(type_names[i], type) != 0) i++;
    if (i == n_types)
        FAIL(SEMID_ERR_UNSUPPORTED, "%s: tensor %s: dtype %.20s is not supported", s->path, e->name,
             type);

    /* The shape's bytes must be those that it claims, and lie in the file. */
    t->type = (dtype)i;
    e->begin = offsets[0];
    e->end = offsets[1];
    if (!shape_bytes(t->n_dims, t->shape, dtype_bytes(t->type), &n_bytes) || e->begin > e->end ||
        e->end - e->begin != n_bytes)
        FAIL(SEMID_ERR_FORMAT, "%s: tensor %s: the shape does not fit bytes %zu to %zu", s->path,
             e->name, e->begin, e->end);
    if (e->end > data_bytes)
        FAIL(SEMID_ERR_FORMAT, "%s: truncated: tensor %s ends at byte %zu of %zu", s->path, e->name,
             e->end, data_bytes);

    t->data = s->data + s->data_offset + e->begin;
    strided_set_order(t, false);
    return SEMID_OK;
}

static semid_status read_entries(safetensors *s, json_t *header, semid_error *err) {
    const char *name;
    json_t *value;
    TRY(mem_calloc(&s->entries, json_object_size(header), sizeof *s->entries, err));
    json_object_foreach(header, name, value) {
        if (strcmp(name, "__metadata__") == 0) continue;
        entry *e = &s->entries[s->n_entries];
        TRY(mem_strdup(&e->name, name, err));
        s->n_entries++;
        TRY(read_entry(s, e, value, err));
    }
    return SEMID_OK;
}

static int by_offset(const void *a, const void *b) {
    const entry *x = *(const entry *const *)a, *y = *(const entry *const *)b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Tensors must tile the data: no byte belongs to two or to none. */
static semid_status check_tiling(const safetensors *s, semid_error *err) {
    const entry **sorted;
    TRY(mem_alloc(&sorted, s->n_entries, sizeof *sorted, err));
    for (size_t i = 0; i < s->n_entries; i++) sorted[i] = &s->entries[i];
    qsort(sorted, s->n_entries, sizeof *sorted, by_offset);

    semid_status status = SEMID_OK;
    size_t at = 0;
    for (size_t i = 0; i < s->n_entries; at = sorted[i++]->end)
        if (sorted[i]->begin != at)
            FAIL_GOTO(SEMID_ERR_FORMAT, "%s: corrupt: tensor %s starts at byte %zu, expected %zu",
                      s->path, sorted[i]->name, sorted[i]->begin, at);
    if (at != s->n_bytes - s->data_offset)
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: corrupt: expected %zu bytes of data, found %zu", s->path,
                  at, s->n_bytes - s->data_offset);
done:
    mem_free(sorted);
    return status;
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const entry *const *)a)->name, (*(const entry *const *)b)->name);
}

static semid_status sort_names(safetensors *s, semid_error *err) {
    TRY(mem_alloc(&s->by_name, s->n_entries, sizeof *s->by_name, err));
    for (size_t i = 0; i < s->n_entries; i++) s->by_name[i] = &s->entries[i];
    qsort(s->by_name, s->n_entries, sizeof *s->by_name, compare_names);
    return SEMID_OK;
}

static const entry *find_entry(const safetensors *s, const char *name) {
    const entry key = {.name = (char *)name}, *wanted = &key;
    const entry **found =
        bsearch(&wanted, s->by_name, s->n_entries, sizeof *s->by_name, compare_names);
    return found ? *found : NULL;
}

/* The bytes of one file, which s->data points to. */
static semid_status read_bytes(safetensors *s, semid_error *err) {
    json_t *header = NULL;
    semid_status status;
    TRY_GOTO(read_json(s, &header, err));
    TRY_GOTO(read_entries(s, header, err));
    TRY_GOTO(check_tiling(s, err));
    TRY_GOTO(sort_names(s, err));
done:
    json_decref(header);
    return status;
}

/* ---- an index of several files: {"weight_map": {tensor: file}} ---- */

static semid_status open_unaligned(safetensors **out, const char *path, semid_error *err);

/* Files are named without a folder, and lie in that of the index: no other file can be meant.
 * `numbers` holds those that are open: {file: index in s->shards}. */
static semid_status open_shard(safetensors *s, json_t *numbers, const char *name, size_t *out,
                               semid_error *err) {
    const json_t *number = json_object_get(numbers, name);
    *out = number ? (size_t)json_integer_value(number) : s->n_shards;
    if (number) return SEMID_OK;

    char *path;
    size_t dir_len = (size_t)(path_basename(s->path) - s->path);
    if (!*name || strchr(name, '/') || strcmp(path_extension(name, (char[16]){0}), "safetensors"))
        FAIL(SEMID_ERR_FORMAT, "%s: expected the name of a .safetensors file beside it, found %s",
             s->path, name);

    TRY(mem_format(&path, err, "%.*s%s", (int)dir_len, s->path, name));
    semid_status status;
    if (json_object_set_new(numbers, name, json_integer((json_int_t)*out)) != 0)
        FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: the files of %s", s->path);
    TRY_GOTO(mem_resize(&s->shards, s->n_shards, s->n_shards + 1, sizeof *s->shards, err));
    TRY_GOTO(open_unaligned(&s->shards[s->n_shards], path, err));
    s->n_shards++;
done:
    mem_free(path);
    return status;
}

static semid_status read_shard_entry(safetensors *s, json_t *numbers, const char *name,
                                     const json_t *file, semid_error *err) {
    entry *e = &s->entries[s->n_entries];
    if (!json_is_string(file))
        FAIL(SEMID_ERR_FORMAT, "%s: tensor %s: expected the name of a file", s->path, name);

    size_t shard = 0;
    TRY(open_shard(s, numbers, json_string_value(file), &shard, err));
    const entry *found = find_entry(s->shards[shard], name);
    if (!found)
        FAIL(SEMID_ERR_FORMAT, "%s: expected tensor %s in %s, found none", s->path, name,
             json_string_value(file));

    *e = *found;
    e->shard = shard;
    e->name = NULL;
    TRY(mem_strdup(&e->name, name, err));
    s->n_entries++;
    return SEMID_OK;
}

static semid_status read_index(safetensors *s, semid_error *err) {
    json_t *index = NULL, *numbers = json_object(), *file;
    const char *name;
    semid_status status;
    if (!numbers) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the files of %s", s->path);
    TRY_GOTO(json_file_load(&index, s->path, err));
    json_t *map = json_object_get(index, "weight_map");
    if (!json_is_object(map))
        FAIL_GOTO(SEMID_ERR_FORMAT,
                  "%s: expected an index of safetensors files with a weight_map, found none",
                  s->path);

    TRY_GOTO(mem_calloc(&s->entries, json_object_size(map), sizeof *s->entries, err));
    json_object_foreach(map, name, file) TRY_GOTO(read_shard_entry(s, numbers, name, file, err));
    TRY_GOTO(sort_names(s, err));
done:
    json_decref(numbers);
    json_decref(index);
    return status;
}

/* ---- opening and closing ---- */

static semid_status new_safetensors(safetensors **out, const char *path, semid_error *err) {
    safetensors *s;
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    semid_status status = mem_strdup(&s->path, path, err);
    if (status == SEMID_OK)
        *out = s;
    else
        mem_free(s);
    return status;
}

/* Tensors that lie misaligned in the file stay so. */
static semid_status open_unaligned(safetensors **out, const char *path, semid_error *err) {
    safetensors *s;
    char extension[16];
    bool is_index = strcmp(path_extension(path, extension), "json") == 0;
    TRY(new_safetensors(&s, path, err));
    semid_status status;
    if (is_index) {
        status = read_index(s, err);
    } else {
        status = file_map_open(&s->map, path, err);
        s->data = s->map.data;
        s->n_bytes = s->map.n_bytes;
        if (status == SEMID_OK) status = read_bytes(s, err);
    }
    if (status == SEMID_OK)
        *out = s;
    else
        safetensors_close(s);
    return status;
}

/* Copies the tensors that are misaligned. Closes s on failure. */
static semid_status align(safetensors *s, semid_error *err) {
    semid_status status = SEMID_OK;
    for (size_t i = 0; i < s->n_entries && status == SEMID_OK; i++) {
        entry *e = &s->entries[i];
        array a;
        status = strided_to_array(&a, &e->tensor, err);
        if (status != SEMID_OK) break;
        e->copy = a.owned;
        e->tensor.data = a.data;
    }
    if (status != SEMID_OK) safetensors_close(s);
    return status;
}

semid_status safetensors_open(safetensors **out, const char *path, semid_error *err) {
    safetensors *s;
    TRY(open_unaligned(&s, path, err));
    TRY(align(s, err));
    *out = s;
    return SEMID_OK;
}

semid_status safetensors_open_memory(safetensors **out, const void *data, size_t n_bytes,
                                     const char *label, semid_error *err) {
    safetensors *s;
    TRY(new_safetensors(&s, label, err));
    s->data = data;
    s->n_bytes = n_bytes;

    semid_status status = read_bytes(s, err);
    if (status != SEMID_OK) {
        safetensors_close(s);
        return status;
    }
    TRY(align(s, err));
    *out = s;
    return SEMID_OK;
}

void safetensors_drop_pages(const safetensors *s) {
    for (size_t i = 0; i < s->n_shards; i++) safetensors_drop_pages(s->shards[i]);
    file_map_drop(&s->map, 0, s->map.n_bytes);
}

void safetensors_close(safetensors *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n_entries; i++) {
        mem_free(s->entries[i].name);
        mem_free(s->entries[i].copy);
    }
    for (size_t i = 0; i < s->n_shards; i++) safetensors_close(s->shards[i]);
    mem_free(s->shards);
    mem_free(s->by_name);
    mem_free(s->entries);
    mem_free(s->path);
    file_map_close(&s->map);
    mem_free(s);
}

/* ---- looking up ---- */

size_t safetensors_count(const safetensors *s) {
    return s->n_entries;
}

const char *safetensors_name(const safetensors *s, size_t i) {
    return s->entries[i].name;
}

bool safetensors_has(const safetensors *s, const char *name) {
    return find_entry(s, name) != NULL;
}

semid_status safetensors_get(const safetensors *s, const char *name, array *view,
                             semid_error *err) {
    const entry *e = find_entry(s, name);
    if (!e)
        FAIL(SEMID_ERR_FORMAT, "%s: expected a tensor %s among the %zu there, found none", s->path,
             name, s->n_entries);

    array a = {.type = e->tensor.type,
               .n_dims = e->tensor.n_dims,
               .data = e->tensor.data,
               .n_bytes = e->end - e->begin};
    memcpy(a.shape, e->tensor.shape, sizeof a.shape);
    *view = a;
    return SEMID_OK;
}

semid_status safetensors_open_vectors(stored_array *out, const char *path, const char *name,
                                      semid_error *err) {
    safetensors *s;
    TRY(open_unaligned(&s, path, err));
    semid_status status;
    array_choice choice = {.path = path, .key = name};
    const void *chosen;
    for (size_t i = 0; i < s->n_entries; i++)
        array_choice_offer_strided(&choice, s->entries[i].name, &s->entries[i].tensor,
                                   &s->entries[i]);
    TRY_GOTO(array_choice_make(&choice, &chosen, err));

    /* The map of the file that holds it is handed over. */
    const entry *e = chosen;
    safetensors *file = s->n_shards > 0 ? s->shards[e->shard] : s;
    *out = (stored_array){.layout = e->tensor, .map = file->map};
    file->map = (file_map){0};
done:
    safetensors_close(s);
    return status;
}

/* ---- writing ---- */

static json_t *describe_tensor(const safetensors_tensor *t, size_t *offset) {
    size_t n_bytes;
    if (!shape_bytes(t->n_dims, t->shape, dtype_bytes(t->type), &n_bytes)) return NULL;

    json_t *shape = json_array();
    for (size_t i = 0; i < t->n_dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)t->shape[i]));
    size_t begin = *offset;
    *offset += n_bytes;
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", type_names[t->type], "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)*offset);
}

semid_status safetensors_header(char **out, size_t *n_bytes, const safetensors_tensor *tensors,
                                size_t n_tensors, semid_error *err) {
    json_t *header = json_object();
    size_t offset = 0;
    bool ok = header != NULL;
    for (size_t i = 0; i < n_tensors && ok; i++)
        ok = json_object_set_new(header, tensors[i].name, describe_tensor(&tensors[i], &offset)) ==
             0;
    char *text = ok ? json_dumps(header, JSON_COMPACT) : NULL, *padded = NULL;
    json_decref(header);
    if (!text) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the header of a safetensors file");

    size_t n = strlen(text), total = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    semid_status status = mem_alloc(&padded, LENGTH_BYTES + total, 1, err);
    if (status == SEMID_OK) {
        for (int i = 0; i < LENGTH_BYTES; i++) padded[i] = (char)(total >> 8 * i);
        memcpy(padded + LENGTH_BYTES, text, n);
        memset(padded + LENGTH_BYTES + n, ' ', total - n);
        *n_bytes = LENGTH_BYTES + total;
        *out = padded;
    }
    free(text);
    return status;
}

/* Writes to an open sink, and closes it. */
static semid_status save(byte_sink *sink, const safetensors_tensor *tensors, size_t n_tensors,
                         semid_error *err) {
    char *header = NULL;
    size_t header_bytes;
    semid_status status;
    TRY_GOTO(safetensors_header(&header, &header_bytes, tensors, n_tensors, err));

    byte_sink_write(sink, header, header_bytes);
    for (size_t i = 0; i < n_tensors; i++) {
        const safetensors_tensor *t = &tensors[i];
        size_t n = 0;
        (void)shape_bytes(t->n_dims, t->shape, dtype_bytes(t->type), &n); /* did fit above */
        byte_sink_write(sink, t->data, n);
    }
    TRY_GOTO(byte_sink_commit(sink, err));
done:
    byte_sink_release(sink);
    mem_free(header);
    return status;
}

semid_status safetensors_save(const char *path, const safetensors_tensor *tensors, size_t n_tensors,
                              semid_error *err) {
    byte_sink sink;
    TRY(byte_sink_open_file(&sink, path, err));
    return save(&sink, tensors, n_tensors, err);
}

semid_status safetensors_save_memory(byte_buffer *out, const safetensors_tensor *tensors,
                                     size_t n_tensors, semid_error *err) {
    byte_sink sink;
    byte_sink_open_buffer(&sink, out);
    return save(&sink, tensors, n_tensors, err);
}
