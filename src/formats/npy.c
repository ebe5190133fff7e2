/* A .npy file (NumPy's numpy/lib/format.py):
 *
 *     "\x93NUMPY", version (2 bytes), header length (2 bytes; 4 from version 2.0 on), header, data
 *
 * The header is a Python dict literal such as {'descr': '<f4', 'fortran_order': False,
 * 'shape': (3, 2), }, padded with spaces and a newline so that the data starts 64-byte aligned.
 * Only what NumPy itself writes is accepted: the three keys, each once, strings without escapes,
 * plain integers; the parser walks it once and evaluates nothing. The file is trusted with nothing:
 * the header's length is checked against the bytes there are, the shape's product for overflow, and
 * the data must have exactly the length that shape and type give. Nothing is allocated to read one;
 * a file in C order, little endian and aligned is used in place. */
#include "formats/npy.h"

#include "base/memory.h"

#include <ctype.h>
#include <string.h>

enum { MAGIC_BYTES = 6, MAX_HEADER_BYTES = 1 << 20 };

/* ---- the dict literal ---- */

typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_space(cursor *c) {
    while (c->at < c->end && isspace((unsigned char)*c->at)) c->at++;
}

static bool take(cursor *c, const char *token) {
    skip_space(c);
    size_t n = strlen(token);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, token, n) != 0) return false;
    c->at += n;
    return true;
}

static bool take_string(cursor *c, char *buf, size_t capacity) {
    skip_space(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;

    char quote = *c->at++;
    const char *begin = c->at;
    while (c->at < c->end && *c->at != quote && *c->at != '\\') c->at++;
    size_t n = (size_t)(c->at - begin);
    if (c->at == c->end || *c->at != quote || n >= capacity) return false;

    memcpy(buf, begin, n);
    buf[n] = '\0';
    c->at++;
    return true;
}

static bool take_size(cursor *c, size_t *out) {
    skip_space(c);
    size_t v = 0;
    const char *begin = c->at;
    for (; c->at < c->end && isdigit((unsigned char)*c->at); c->at++)
        if (!size_mul(v, 10, &v) || !size_add(v, (size_t)(*c->at - '0'), &v)) return false;
    if (c->at == begin) return false;

    *out = v;
    take(c, "L"); /* Python 2 */
    return true;
}

static bool take_shape(cursor *c, npy_header *h) {
    if (!take(c, "(")) return false;
    h->n_dims = 0;
    while (!take(c, ")")) {
        if (h->n_dims == ARRAY_MAX_DIMS || !take_size(c, &h->shape[h->n_dims++])) return false;
        if (take(c, ",")) continue;
        return h->n_dims > 1 && take(c, ")");
    }
    return true;
}

/* "<f4", "|S10", ">U7": byte order, kind, size. */
static bool parse_descr(npy_header *h) {
    const char *d = h->descr;
    if (!*d || !strchr("<>|=", *d)) return false;
    h->big_endian = *d == '>';
    h->kind = d[1];

    if (h->kind == 'O') { /* pointers, of which the file has none: a pickle follows */
        h->item_bytes = 8;
        return d[2] == '\0';
    }
    cursor digits = {d + 2, d + strlen(d)};
    return isalpha((unsigned char)h->kind) && take_size(&digits, &h->item_bytes) &&
           digits.at == digits.end &&
           (h->kind != 'U' || size_mul(h->item_bytes, 4, &h->item_bytes));
}

enum { KEY_DESCR = 1, KEY_ORDER = 2, KEY_SHAPE = 4, KEY_ALL = 7 };

static bool take_item(cursor *c, npy_header *h, int *seen) {
    char key[16];
    if (!take_string(c, key, sizeof key) || !take(c, ":")) return false;

    int which = 0;
    bool ok = false;
    if (strcmp(key, "descr") == 0) {
        which = KEY_DESCR;
        ok = take_string(c, h->descr, sizeof h->descr) && parse_descr(h);
    } else if (strcmp(key, "fortran_order") == 0) {
        which = KEY_ORDER;
        h->fortran = take(c, "True");
        ok = h->fortran || take(c, "False");
    } else if (strcmp(key, "shape") == 0) {
        which = KEY_SHAPE;
        ok = take_shape(c, h);
    }

    if (!ok || (*seen & which)) return false; /* another key, or one that repeats */
    *seen |= which;
    return true;
}

static bool parse_dict(cursor *c, npy_header *h) {
    int seen = 0;
    if (!take(c, "{")) return false;

    /* A comma may follow the last item. */
    while (!take(c, "}")) {
        if (!take_item(c, h, &seen)) return false;
        if (take(c, ",")) continue;
        if (!take(c, "}")) return false;
        break;
    }

    skip_space(c);
    return seen == KEY_ALL && c->at == c->end;
}

/* ---- the file ---- */

semid_status npy_parse_header(npy_header *out, const uint8_t *data, size_t n_bytes,
                              const char *label, semid_error *err) {
    if (n_bytes < MAGIC_BYTES + 4 || memcmp(data, "\x93NUMPY", MAGIC_BYTES) != 0)
        FAIL(SEMID_ERR_FORMAT, "%s: expected a NumPy .npy file, found other bytes", label);

    uint8_t major = data[6];
    if (major < 1 || major > 3)
        FAIL(SEMID_ERR_UNSUPPORTED, "%s: expected .npy version 1 to 3, found %u", label, major);

    size_t at = major == 1 ? 10 : 12, length = (size_t)data[8] | (size_t)data[9] << 8;
    if (major > 1 && n_bytes >= 12) length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (n_bytes < at || length > n_bytes - at || length > MAX_HEADER_BYTES)
        FAIL(SEMID_ERR_FORMAT, "%s: truncated: expected a header of %zu bytes, found %zu", label,
             length, n_bytes < at ? 0 : n_bytes - at);

    npy_header h = {.data_offset = at + length};
    cursor c = {(const char *)data + at, (const char *)data + at + length};
    if (!parse_dict(&c, &h)) {
        const char *text = (const char *)data + at;
        size_t shown = length < 120 ? length : 120;
        while (shown > 0 && isspace((unsigned char)text[shown - 1])) shown--;
        FAIL(SEMID_ERR_FORMAT, "%s: expected an array of one type, found the header %.*s", label,
             (int)shown, text);
    }
    *out = h;
    return SEMID_OK;
}

static const struct {
    char kind;
    size_t n_bytes;
    dtype type;
} numeric_types[] = {
    {'f', 2, DTYPE_F16}, {'f', 4, DTYPE_F32}, {'f', 8, DTYPE_F64}, {'i', 1, DTYPE_I8},
    {'u', 1, DTYPE_U8},  {'i', 2, DTYPE_I16}, {'u', 2, DTYPE_U16}, {'i', 4, DTYPE_I32},
    {'u', 4, DTYPE_U32}, {'i', 8, DTYPE_I64}, {'u', 8, DTYPE_U64}, {'b', 1, DTYPE_BOOL},
};

semid_status npy_parse_head(strided *out, const uint8_t *data, size_t n_bytes, size_t n_total,
                            const char *label, semid_error *err) {
    npy_header h;
    TRY(npy_parse_header(&h, data, n_bytes, label, err));

    strided s = {.big_endian = h.big_endian, .n_dims = h.n_dims, .data = data + h.data_offset};
    if (h.kind == 'V' && h.item_bytes == 2)
        FAIL(SEMID_ERR_FORMAT,
             "%s: expected numbers, found dtype '%s': 2 bytes of a type that .npy cannot name; if "
             "it is bfloat16, save x.view(ml_dtypes.bfloat16).astype(numpy.float32)",
             label, h.descr);
    size_t n_types = sizeof numeric_types / sizeof *numeric_types, i = 0;
    while (i < n_types &&
           (numeric_types[i].kind != h.kind || numeric_types[i].n_bytes != h.item_bytes))
        i++;
    if (i == n_types)
        FAIL(SEMID_ERR_FORMAT, "%s: expected numbers, found dtype '%s'", label, h.descr);

    /* Shape and type give the length of the data. */
    s.type = numeric_types[i].type;
    memcpy(s.shape, h.shape, sizeof s.shape);
    size_t expected, found = n_total - h.data_offset;
    char text[ARRAY_SHAPE_TEXT_BYTES];
    if (!shape_bytes(s.n_dims, s.shape, dtype_bytes(s.type), &expected))
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: the shape %s overflows", label,
             shape_describe(s.n_dims, s.shape, text));
    if (expected != found)
        FAIL(SEMID_ERR_FORMAT, "%s: %s: expected %zu bytes of data for %s %s, found %zu", label,
             found < expected ? "truncated" : "corrupt", expected,
             shape_describe(s.n_dims, s.shape, text), dtype_name(s.type), found);
    strided_set_order(&s, h.fortran);
    *out = s;
    return SEMID_OK;
}

semid_status npy_parse(strided *out, const uint8_t *data, size_t n_bytes, const char *label,
                       semid_error *err) {
    return npy_parse_head(out, data, n_bytes, n_bytes, label, err);
}

semid_status npy_load_memory(array *out, const void *data, size_t n_bytes, const char *label,
                             semid_error *err) {
    strided s;
    TRY(npy_parse(&s, data, n_bytes, label, err));
    return strided_to_array(out, &s, err);
}

semid_status npy_load(array *out, const char *path, semid_error *err) {
    file_map map;
    array a;
    TRY(file_map_open(&map, path, err));
    semid_status status = npy_load_memory(&a, map.data, map.n_bytes, path, err);
    if (status == SEMID_OK && !a.owned) {
        a.map = map;
        map = (file_map){0};
    }
    if (status == SEMID_OK) *out = a;
    file_map_close(&map);
    return status;
}

/* ---- writing ---- */

const char *npy_descr(dtype t) {
    static const char *const names[] = {
        [DTYPE_F16] = "<f2", [DTYPE_F32] = "<f4", [DTYPE_F64] = "<f8", [DTYPE_I8] = "|i1",
        [DTYPE_U8] = "|u1",  [DTYPE_I16] = "<i2", [DTYPE_U16] = "<u2", [DTYPE_I32] = "<i4",
        [DTYPE_U32] = "<u4", [DTYPE_I64] = "<i8", [DTYPE_U64] = "<u8", [DTYPE_BOOL] = "|b1"};
    return names[t];
}

size_t npy_format_header(char buf[NPY_HEADER_MAX_BYTES], const char *descr, size_t n_dims,
                         const size_t *shape) {
    enum { ALIGNMENT = 64, PREFIX = 10 };

    int at = PREFIX + snprintf(buf + PREFIX, NPY_HEADER_MAX_BYTES - PREFIX,
                               "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (size_t i = 0; i < n_dims; i++)
        at += snprintf(buf + at, NPY_HEADER_MAX_BYTES - (size_t)at, "%zu%s", shape[i],
                       n_dims == 1 ? "," : (i + 1 < n_dims ? ", " : ""));
    at += snprintf(buf + at, NPY_HEADER_MAX_BYTES - (size_t)at, "), }");

    /* Spaces and a newline up to the next multiple of 64; then what comes before the dict. */
    size_t total = ((size_t)at + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(buf + at, ' ', total - (size_t)at);
    buf[total - 1] = '\n';
    memcpy(buf, "\x93NUMPY\x01\x00", 8);
    buf[8] = (char)((total - PREFIX) & 0xff);
    buf[9] = (char)((total - PREFIX) >> 8);
    return total;
}

/* Writes to an open sink, and closes it. */
static semid_status save(byte_sink *sink, dtype type, size_t n_dims, const size_t *shape,
                         const void *data, semid_error *err) {
    char header[NPY_HEADER_MAX_BYTES];
    const char *descr = npy_descr(type);
    semid_status status;
    size_t n_bytes;
    if (!descr)
        FAIL_GOTO(SEMID_ERR_ARGUMENT, "%s: NumPy has no %s", byte_sink_name(sink),
                  dtype_name(type));
    if (!shape_bytes(n_dims, shape, dtype_bytes(type), &n_bytes))
        FAIL_GOTO(SEMID_ERR_ARGUMENT, "%s: the shape overflows", byte_sink_name(sink));

    byte_sink_write(sink, header, npy_format_header(header, descr, n_dims, shape));
    byte_sink_write(sink, data, n_bytes);
    TRY_GOTO(byte_sink_commit(sink, err));
done:
    byte_sink_release(sink);
    return status;
}

semid_status npy_save(const char *path, dtype type, size_t n_dims, const size_t *shape,
                      const void *data, semid_error *err) {
    byte_sink sink;
    TRY(byte_sink_open_file(&sink, path, err));
    return save(&sink, type, n_dims, shape, data, err);
}

semid_status npy_save_memory(byte_buffer *out, dtype type, size_t n_dims, const size_t *shape,
                             const void *data, semid_error *err) {
    byte_sink sink;
    byte_sink_open_buffer(&sink, out);
    return save(&sink, type, n_dims, shape, data, err);
}
