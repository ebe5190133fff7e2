/* torch.save (since PyTorch 1.6) writes a zip archive whose members share a prefix:
 *
 *     <prefix>/data.pkl     a pickle of the saved object
 *     <prefix>/data/<key>   the storages: the raw elements of tensors
 *     <prefix>/byteorder    "little"; missing in old files, which are little-endian too
 *
 * In the pickle, a tensor is a call _rebuild_tensor_v2(storage, offset, size, stride, ...), and a
 * storage a persistent id ("storage", type, key, device, elements). The pickle is parsed without
 * running anything (pickle.h), and calls of these names alone are interpreted.
 *
 * A file may state any size, offset and stride. Before an element is read, the storage's member
 * must have the bytes that the pickle says, every element must lie in it, and there may not be more
 * elements than it has, so that nothing larger than the file is allocated. Strides stay as they
 * are: a transposed tensor is read in place. A pickle may contain itself, so the walk over nested
 * dicts is limited in depth and number. */
#include "formats/pt_read.h"

#include "base/memory.h"
#include "formats/array_choice.h"
#include "formats/ids_pickle.h"
#include "formats/pickle.h"
#include "formats/zip_read.h"

#include <string.h>

typedef struct pt_file {
    const char *path;
    zip_archive zip;
    const uint8_t *description; /* data.pkl */
    void *unpacked;
    pickle pickle;
    const char *prefix; /* of every member's name, not NUL-terminated */
    size_t prefix_bytes;
} pt_file;

/* ---- the container ---- */

static semid_status find_member(const pt_file *f, const char *name, const zip_member **out,
                                semid_error *err) {
    char *full;
    TRY(mem_format(&full, err, "%.*s%s", (int)f->prefix_bytes, f->prefix, name));
    *out = zip_find(&f->zip, full);
    mem_free(full);
    return SEMID_OK;
}

static void close_file(pt_file *f) {
    pickle_release(&f->pickle);
    mem_free(f->unpacked);
    zip_close(&f->zip);
}

/* Finds the prefix, checks the byte order and parses the pickle. */
static semid_status read_description(pt_file *f, semid_error *err) {
    static const char suffix[] = "/data.pkl";
    const size_t n_suffix = sizeof suffix - 1;
    const zip_member *m = NULL;
    for (size_t i = 0; i < f->zip.n_members && !m; i++) {
        const zip_member *candidate = &f->zip.members[i];
        const char *end = candidate->name + candidate->name_bytes;
        if (candidate->name_bytes >= n_suffix && memcmp(end - n_suffix, suffix, n_suffix) == 0)
            m = candidate;
    }
    char found[256];
    if (!m)
        FAIL(SEMID_ERR_FORMAT, "%s: expected a file of torch.save with data.pkl, found %s", f->path,
             f->zip.n_members ? zip_describe(&f->zip, found, sizeof found) : "nothing");
    f->prefix = m->name;
    f->prefix_bytes = m->name_bytes - strlen("data.pkl");

    const zip_member *order;
    TRY(find_member(f, "byteorder", &order, err));
    if (order) {
        const uint8_t *text;
        void *owned;
        TRY(zip_read(&f->zip, order, &text, &owned, err));
        bool is_little = order->n_bytes == 6 && memcmp(text, "little", 6) == 0;
        mem_free(owned);
        if (!is_little) FAIL(SEMID_ERR_UNSUPPORTED, "%s: expected little-endian tensors", f->path);
    }

    TRY(zip_read(&f->zip, m, &f->description, &f->unpacked, err));
    return pickle_parse(&f->pickle, f->description, m->n_bytes, f->path, err);
}

static semid_status open_file(pt_file *out, const char *path, semid_error *err) {
    pt_file f = {.path = path};
    semid_status status = zip_open(&f.zip, path, err);
    if (status == SEMID_ERR_FORMAT) {
        /* Before PyTorch 1.6, torch.save wrote a bare pickle. */
        file_map map;
        TRY(file_map_open(&map, path, err));
        bool is_pickle = map.n_bytes > 2 && map.data[0] == 0x80 && map.data[1] <= 5;
        file_map_close(&map);
        if (is_pickle)
            FAIL(SEMID_ERR_UNSUPPORTED,
                 "%s: expected PyTorch's zip format, found a bare pickle: save it again with "
                 "PyTorch 1.6 or newer",
                 path);
    }
    TRY(status);

    status = read_description(&f, err);
    if (status == SEMID_OK)
        *out = f;
    else
        close_file(&f);
    return status;
}

/* ---- tensors ---- */

static const struct {
    pickle_global global;
    dtype type;
} storage_types[] = {
    {GLOBAL_STORAGE_F16, DTYPE_F16}, {GLOBAL_STORAGE_BF16, DTYPE_BF16},
    {GLOBAL_STORAGE_F32, DTYPE_F32}, {GLOBAL_STORAGE_F64, DTYPE_F64},
    {GLOBAL_STORAGE_I8, DTYPE_I8},   {GLOBAL_STORAGE_U8, DTYPE_U8},
    {GLOBAL_STORAGE_I16, DTYPE_I16}, {GLOBAL_STORAGE_I32, DTYPE_I32},
    {GLOBAL_STORAGE_I64, DTYPE_I64}, {GLOBAL_STORAGE_BOOL, DTYPE_BOOL},
};

/* ("storage", type, key, location, elements) names the member data/<key>. */
static semid_status find_storage(const pt_file *f, const pickle_value *v, dtype *type,
                                 const zip_member **out, semid_error *err) {
    const pickle *p = &f->pickle;
    const pickle_value *id = v && v->kind == PICKLE_PERSISTENT ? pickle_item(p, v, 0) : NULL;
    const pickle_value *name_of_type = pickle_item(p, id, 1), *key = pickle_item(p, id, 2);
    size_t n_types = sizeof storage_types / sizeof *storage_types, t = 0, n_elements, n_bytes;
    if (name_of_type && name_of_type->kind == PICKLE_GLOBAL)
        while (t < n_types && storage_types[t].global != name_of_type->global) t++;
    else
        t = n_types;
    if (!pickle_is_str(pickle_item(p, id, 0), "storage") || t == n_types || !key ||
        key->kind != PICKLE_STR || key->n > 32 || !pickle_size(pickle_item(p, id, 4), &n_elements))
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: a tensor without a storage", f->path);

    *type = storage_types[t].type;
    char name[64];
    snprintf(name, sizeof name, "data/%.*s", (int)key->n, key->as.bytes);
    TRY(find_member(f, name, out, err));
    if (!*out) FAIL(SEMID_ERR_FORMAT, "%s: corrupt: the storage %s is missing", f->path, name);
    if (!size_mul(n_elements, dtype_bytes(*type), &n_bytes) || (*out)->n_bytes != n_bytes)
        FAIL(SEMID_ERR_FORMAT,
             "%s: truncated or corrupt: %s: expected %zu elements of %s, found %zu bytes", f->path,
             name, n_elements, dtype_name(*type), (*out)->n_bytes);
    return SEMID_OK;
}

static bool read_sizes(const pickle *p, const pickle_value *v, size_t *n, size_t *out) {
    if (!v || v->kind != PICKLE_TUPLE || v->n > ARRAY_MAX_DIMS) return false;
    *n = v->n;
    for (size_t i = 0; i < v->n; i++)
        if (!pickle_size(pickle_item(p, v, i), &out[i])) return false;
    return true;
}

/* Every element must lie inside the storage, and there are no more of them than it has: an expanded
 * tensor could claim any size. On success strides are in bytes. */
static bool fit_storage(strided *s, size_t offset, size_t storage_bytes) {
    size_t size = dtype_bytes(s->type), n_bytes, last = offset, step;
    if (!shape_bytes(s->n_dims, s->shape, size, &n_bytes) || n_bytes > storage_bytes) return false;
    if (n_bytes == 0) return true;

    /* The last element has the largest index in every dimension. */
    for (size_t i = 0; i < s->n_dims; i++)
        if (!size_mul(s->shape[i] - 1, s->stride_bytes[i], &step) || !size_add(last, step, &last))
            return false;
    if (last >= storage_bytes / size) return false;

    /* The stride of a dimension of one is never used, and may be anything. */
    for (size_t i = 0; i < s->n_dims; i++)
        s->stride_bytes[i] = s->shape[i] > 1 ? s->stride_bytes[i] * size : size;
    return true;
}

static const pickle_value *skip_parameter(const pickle *p, const pickle_value *v) {
    return pickle_is_call(v, GLOBAL_PARAMETER) ? pickle_item(p, pickle_item(p, v, 0), 0) : v;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, ...): all but its data, which begins at *offset
 * elements into the member. */
static semid_status describe_tensor(const pt_file *f, const pickle_value *v, strided *out,
                                    const zip_member **m, size_t *offset, semid_error *err) {
    const pickle *p = &f->pickle;
    v = skip_parameter(p, v);
    if (!pickle_is_call(v, GLOBAL_TENSOR))
        FAIL(SEMID_ERR_FORMAT, "%s: expected a tensor, found %s", f->path, pickle_describe(v));

    const pickle_value *args = pickle_item(p, v, 0);
    strided s = {0};
    size_t n_strides;
    TRY(find_storage(f, pickle_item(p, args, 0), &s.type, m, err));
    if (!pickle_size(pickle_item(p, args, 1), offset) ||
        !read_sizes(p, pickle_item(p, args, 2), &s.n_dims, s.shape) ||
        !read_sizes(p, pickle_item(p, args, 3), &n_strides, s.stride_bytes) ||
        n_strides != s.n_dims || !fit_storage(&s, *offset, (*m)->n_bytes))
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: a tensor that does not fit its storage", f->path);
    *out = s;
    return SEMID_OK;
}

/* Its data is in the archive, or in *owned. */
static semid_status read_tensor(const pt_file *f, const pickle_value *v, strided *out, void **owned,
                                semid_error *err) {
    const zip_member *m;
    strided s;
    size_t offset;
    TRY(describe_tensor(f, v, &s, &m, &offset, err));
    TRY(zip_read(&f->zip, m, &s.data, owned, err));
    if (m->n_bytes) s.data += offset * dtype_bytes(s.type);
    *out = s;
    return SEMID_OK;
}

/* ---- ids ---- */

static semid_status append_tensor(ids *out, const pt_file *f, const pickle_value *v,
                                  semid_error *err) {
    strided s;
    void *owned = NULL;
    array a = {0};
    semid_status status;
    TRY_GOTO(read_tensor(f, v, &s, &owned, err));
    if (s.n_dims != 1)
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected ids [N], found %zu dimensions", f->path, s.n_dims);

    TRY_GOTO(strided_to_array(&a, &s, err));
    for (size_t i = 0; i < s.shape[0]; i++) {
        int64_t id;
        status = array_to_i64(&a, i, 1, &id, err);
        if (status != SEMID_OK) {
            error_prefix(err, "%s", f->path);
            goto done;
        }
        TRY_GOTO(ids_append_integer(out, id, err));
    }
done:
    array_release(&a);
    mem_free(owned);
    return status;
}

static semid_status append_ids(ids *out, const pt_file *f, const pickle_value *v,
                               semid_error *err) {
    if (pickle_is_call(v, GLOBAL_TENSOR)) return append_tensor(out, f, v, err);
    semid_status status = ids_append_pickled(out, &f->pickle, v, err);
    if (status != SEMID_OK) error_prefix(err, "%s", f->path);
    return status;
}

semid_status pt_load_ids(ids *out, const char *path, semid_error *err) {
    pt_file f;
    TRY(open_file(&f, path, err));
    semid_status status;
    const pickle_value *root = pickle_root(&f.pickle);

    if (root->kind == PICKLE_DICT) {
        root = pickle_find(&f.pickle, root, "ids");
        if (!root)
            FAIL_GOTO(SEMID_ERR_FORMAT,
                      "%s: expected a list of ids or a dict with ids, found a dict without", path);
    }

    TRY_GOTO(append_ids(out, &f, root, err));
done:
    close_file(&f);
    return status;
}

/* ---- vectors ---- */

enum { MAX_DICT_DEPTH = 4, MAX_OFFERS = 100000 };

typedef struct tensor_choice {
    const pt_file *file;
    array_choice choice;
    size_t n_offers;
} tensor_choice;

/* Everything under a name, tensor or not, so that a message can list what there is. */
static semid_status offer_dict(tensor_choice *c, const char *prefix, const pickle_value *dict,
                               size_t depth, semid_error *err) {
    const pickle *p = &c->file->pickle;
    for (size_t i = 0; i + 1 < dict->n && c->n_offers < MAX_OFFERS; i += 2) {
        const pickle_value *key = pickle_item(p, dict, i), *v = pickle_item(p, dict, i + 1);
        char *name;
        if (key->kind != PICKLE_STR) continue;
        c->n_offers++;
        TRY(mem_format(&name, err, "%s%s%.*s", prefix, *prefix ? "." : "", (int)key->n,
                       key->as.bytes));

        const zip_member *m;
        strided t;
        size_t offset;
        semid_status status = SEMID_OK;
        if (v->kind == PICKLE_DICT && depth < MAX_DICT_DEPTH)
            status = offer_dict(c, name, v, depth + 1, err);
        else if (describe_tensor(c->file, v, &t, &m, &offset, NULL) == SEMID_OK)
            array_choice_offer_strided(&c->choice, name, &t, v);
        else
            array_choice_offer(&c->choice, name, false, pickle_describe(v), v);
        mem_free(name);
        TRY(status);
    }
    return SEMID_OK;
}

/* The tensor, and the value that holds the ids: NULL if there is none. */
static semid_status choose_tensor(const pt_file *f, const char *name, const pickle_value **tensor,
                                  const pickle_value **list, semid_error *err) {
    const pickle_value *root = pickle_root(&f->pickle);
    *tensor = root;
    *list = NULL;

    if (root->kind == PICKLE_DICT) {
        tensor_choice c = {.file = f, .choice = {.path = f->path, .key = name}};
        const void *chosen;
        TRY(offer_dict(&c, "", root, 0, err));
        TRY(array_choice_make(&c.choice, &chosen, err));

        *tensor = chosen;
        *list = pickle_find(&f->pickle, root, "ids");
        if (*list == *tensor) *list = NULL;
    } else if (name) {
        FAIL(SEMID_ERR_FORMAT, "%s: expected a dict with %s, found %s", f->path, name,
             pickle_is_call(skip_parameter(&f->pickle, root), GLOBAL_TENSOR)
                 ? "a tensor"
                 : pickle_describe(root));
    }
    return SEMID_OK;
}

semid_status pt_open_vectors(stored_array *out, ids *list, const char *path, const char *name,
                             semid_error *err) {
    pt_file f;
    const pickle_value *tensor, *ids_value;
    stored_array a = {0};
    TRY(open_file(&f, path, err));
    semid_status status;
    TRY_GOTO(choose_tensor(&f, name, &tensor, &ids_value, err));
    TRY_GOTO(read_tensor(&f, tensor, &a.layout, &a.owned, err));
    if (ids_value) TRY_GOTO(append_ids(list, &f, ids_value, err));

    if (!a.owned) { /* the data is in the map, which is handed over */
        a.map = f.zip.map;
        f.zip.map = (file_map){0};
    }
    *out = a;
    a = (stored_array){0};
done:
    stored_array_release(&a);
    close_file(&f);
    return status;
}
