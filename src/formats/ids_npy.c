#include "formats/ids_npy.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "formats/ids_pickle.h"

#include <string.h>

/* ---- reading ---- */

static uint32_t code_point_at(const uint8_t *p, bool big_endian) {
    return big_endian
               ? (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24
               : (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* UTF-32 with NULs behind the text. `text` has room for 4 bytes a code point. */
static semid_status append_unicode(ids *list, const npy_header *h, const uint8_t *item, char *text,
                                   semid_error *err) {
    size_t n = h->item_bytes / 4, at = 0;
    while (n > 0 && code_point_at(item + 4 * (n - 1), h->big_endian) == 0) n--;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = code_point_at(item + 4 * i, h->big_endian);
        size_t length = c ? utf8_encode(c, text + at) : 0;
        if (length == 0)
            FAIL(SEMID_ERR_FORMAT, "id %zu: expected a Unicode character, found U+%04X",
                 list->n_ids, c);
        at += length;
    }
    return ids_append(list, text, at, err);
}

static semid_status append_bytes(ids *list, const npy_header *h, const uint8_t *item,
                                 semid_error *err) {
    size_t n = h->item_bytes;
    while (n > 0 && item[n - 1] == 0) n--;
    return ids_append_checked(list, (const char *)item, n, err);
}

static semid_status append_integer(ids *list, const npy_header *h, const uint8_t *item,
                                   semid_error *err) {
    uint64_t v = 0;
    for (size_t b = 0; b < h->item_bytes; b++)
        v |= (uint64_t)item[h->big_endian ? h->item_bytes - 1 - b : b] << 8 * b;
    unsigned unused = (unsigned)(8 * (8 - h->item_bytes));
    int64_t as_signed = (int64_t)(v << unused) >> unused;
    char text[32];
    int n = h->kind == 'i' ? snprintf(text, sizeof text, "%lld", (long long)as_signed)
                           : snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    return ids_append(list, text, (size_t)n, err);
}

semid_status ids_append_array(ids *list, const npy_header *h, const uint8_t *data, size_t n_items,
                              semid_error *err) {
    char *text = NULL;
    semid_status status = SEMID_OK;
    if (h->kind == 'U') TRY(mem_alloc(&text, h->item_bytes, 1, err));
    for (size_t i = 0; i < n_items && status == SEMID_OK; i++) {
        const uint8_t *item = data + i * h->item_bytes;
        if (h->kind == 'U')
            status = append_unicode(list, h, item, text, err);
        else if (h->kind == 'S')
            status = append_bytes(list, h, item, err);
        else
            status = append_integer(list, h, item, err);
    }
    mem_free(text);
    return status;
}

bool ids_npy_type(const npy_header *h) {
    if (h->kind == 'U' || h->kind == 'S') return true;
    return (h->kind == 'i' || h->kind == 'u') &&
           (h->item_bytes == 1 || h->item_bytes == 2 || h->item_bytes == 4 || h->item_bytes == 8);
}

/* An object array is a pickle behind the header, which ends the file. */
static semid_status load_objects(ids *out, const npy_header *h, const file_map *map,
                                 const char *path, semid_error *err) {
    pickle p;
    size_t n_bytes = map->n_bytes - h->data_offset;
    TRY(pickle_parse(&p, map->data + h->data_offset, n_bytes, path, err));
    semid_status status = ids_append_pickled(out, &p, pickle_root(&p), err);
    if (status == SEMID_OK && (out->n_ids != h->shape[0] || p.n_bytes != n_bytes))
        status = error_set(err, SEMID_ERR_FORMAT, "corrupt: expected %zu ids, found %zu",
                           h->shape[0], out->n_ids);
    if (status != SEMID_OK) error_prefix(err, "%s", path);
    pickle_release(&p);
    return status;
}

static semid_status load_mapped(ids *out, const file_map *map, const char *path, semid_error *err) {
    npy_header h;
    size_t expected;
    char text[ARRAY_SHAPE_TEXT_BYTES];
    TRY(npy_parse_header(&h, map->data, map->n_bytes, path, err));
    if (h.n_dims != 1)
        FAIL(SEMID_ERR_SHAPE, "%s: expected ids [N], found %s", path,
             shape_describe(h.n_dims, h.shape, text));
    if (h.kind == 'O') return load_objects(out, &h, map, path, err);
    if (!ids_npy_type(&h))
        FAIL(SEMID_ERR_FORMAT, "%s: expected strings or integers, found dtype '%s'", path, h.descr);
    size_t found = map->n_bytes - h.data_offset;
    if (!size_mul(h.shape[0], h.item_bytes, &expected) || expected != found)
        FAIL(SEMID_ERR_FORMAT, "%s: truncated or corrupt: %zu bytes of data for %zu ids '%s'", path,
             found, h.shape[0], h.descr);
    if (h.item_bytes == 0 && h.shape[0] > 0)
        FAIL(SEMID_ERR_DATA, "%s: expected ids, found %zu empty strings", path, h.shape[0]);
    semid_status status = ids_append_array(out, &h, map->data + h.data_offset, h.shape[0], err);
    if (status != SEMID_OK) error_prefix(err, "%s", path);
    return status;
}

semid_status ids_npy_load(ids *out, const char *path, semid_error *err) {
    file_map map;
    TRY(file_map_open(&map, path, err));
    semid_status status = load_mapped(out, &map, path, err);
    file_map_close(&map);
    return status;
}

/* ---- writing ---- */

static semid_status longest_id(const ids *list, const char *path, size_t *out, semid_error *err) {
    size_t longest = 1; /* NumPy has no zero-width strings */
    for (size_t i = 0; i < list->n_ids; i++) {
        size_t n, points;
        const char *s = ids_get(list, i, &n);
        if (!utf8_check(s, n, &points) || memchr(s, '\0', n))
            FAIL(SEMID_ERR_DATA, "%s: id %zu: expected UTF-8 text, found other bytes", path, i);
        if (points > longest) longest = points;
    }
    *out = longest;
    return SEMID_OK;
}

static void encode_utf32(uint8_t *out, size_t n_points, const char *s, size_t n) {
    memset(out, 0, 4 * n_points);
    for (size_t at = 0; at < n; out += 4) {
        uint32_t c = 0;
        at += utf8_decode(s + at, n - at, &c);
        for (int b = 0; b < 4; b++) out[b] = (uint8_t)(c >> 8 * b);
    }
}

semid_status ids_npy_save(const ids *list, const char *path, semid_error *err) {
    size_t n_points;
    uint8_t *item;
    file_out f;
    TRY(longest_id(list, path, &n_points, err));
    TRY(mem_alloc(&item, n_points, 4, err));
    semid_status status = file_out_open(&f, path, err);
    if (status == SEMID_OK) {
        char header[NPY_HEADER_MAX_BYTES], descr[32];
        snprintf(descr, sizeof descr, "<U%zu", n_points);
        file_out_write(&f, header, npy_format_header(header, descr, 1, &list->n_ids));
        for (size_t i = 0; i < list->n_ids; i++) {
            size_t n;
            const char *s = ids_get(list, i, &n);
            encode_utf32(item, n_points, s, n);
            file_out_write(&f, item, 4 * n_points);
        }
        status = file_out_commit(&f, err);
    }
    file_out_release(&f);
    mem_free(item);
    return status;
}
