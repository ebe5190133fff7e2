/* Ids in a .npy file are a vector: of fixed-width elements (ids_array.h), or of Python objects,
 * which NumPy stores as a pickle after the header (ids_pickle.h). The header states how many there
 * are, and both kinds must match it. Written are unicode arrays, as wide as the longest id. */
#include "formats/ids_npy.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "formats/ids_array.h"
#include "formats/ids_pickle.h"
#include "formats/npy.h"

#include <string.h>

/* ---- reading ---- */

/* The pickle after the header of an object array ends the file. */
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

semid_status ids_npy_load(ids *out, const char *path, semid_error *err) {
    file_map map;
    npy_header h;
    semid_status status;
    TRY(file_map_open(&map, path, err));
    TRY_GOTO(npy_parse_header(&h, map.data, map.n_bytes, path, err));

    char text[ARRAY_SHAPE_TEXT_BYTES];
    if (h.n_dims != 1)
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected ids [N], found %s", path,
                  shape_describe(h.n_dims, h.shape, text));
    if (h.kind == 'O') {
        status = load_objects(out, &h, &map, path, err);
        goto done;
    }
    if (!ids_array_type(&h))
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: expected strings or integers, found dtype '%s'", path,
                  h.descr);

    /* The rest of the file must be exactly the elements. */
    size_t expected, found = map.n_bytes - h.data_offset;
    if (!size_mul(h.shape[0], h.item_bytes, &expected) || expected != found)
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: truncated or corrupt: %zu bytes of data for %zu ids '%s'",
                  path, found, h.shape[0], h.descr);
    if (h.item_bytes == 0 && h.shape[0] > 0)
        FAIL_GOTO(SEMID_ERR_DATA, "%s: expected ids, found %zu empty strings", path, h.shape[0]);

    status = ids_append_array(out, &h, map.data + h.data_offset, h.shape[0], err);
    if (status != SEMID_OK) error_prefix(err, "%s", path);
done:
    file_map_close(&map);
    return status;
}

/* ---- writing ---- */

static void encode_utf32(uint8_t *out, size_t n_points, const char *s, size_t n) {
    memset(out, 0, 4 * n_points);
    for (size_t at = 0; at < n; out += 4) {
        uint32_t c = 0;
        at += utf8_decode(s + at, n - at, &c);
        for (int b = 0; b < 4; b++) out[b] = (uint8_t)(c >> 8 * b);
    }
}

semid_status ids_npy_save(const ids *list, const char *path, semid_error *err) {
    /* The width of the array, in code points; NumPy has no zero-width strings. */
    size_t width = 1, n, points;
    for (size_t i = 0; i < list->n_ids; i++) {
        const char *s = ids_get(list, i, &n);
        if (!utf8_check(s, n, &points) || memchr(s, '\0', n))
            FAIL(SEMID_ERR_DATA, "%s: id %zu: expected UTF-8 text, found other bytes", path, i);
        if (points > width) width = points;
    }

    uint8_t *item;
    file_out f;
    TRY(mem_alloc(&item, width, 4, err));
    semid_status status = file_out_open(&f, path, err);
    if (status == SEMID_OK) {
        char header[NPY_HEADER_MAX_BYTES], descr[32];
        snprintf(descr, sizeof descr, "<U%zu", width);
        file_out_write(&f, header, npy_format_header(header, descr, 1, &list->n_ids));
        for (size_t i = 0; i < list->n_ids; i++) {
            const char *s = ids_get(list, i, &n);
            encode_utf32(item, width, s, n);
            file_out_write(&f, item, 4 * width);
        }
        status = file_out_commit(&f, err);
    }
    file_out_release(&f);
    mem_free(item);
    return status;
}
