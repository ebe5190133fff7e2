/* A pickle spells ids as a list or tuple of text, bytes and integers, where NumPy's own are calls
 * (scalar(dtype, bytes)), or as a NumPy array: a call of _reconstruct whose state holds the shape,
 * the dtype and the data, which are raw bytes or, for objects, a list. Each is interpreted, none is
 * called (pickle.h). The bytes must be exactly what dtype and shape say before they are read. */
#include "formats/ids_pickle.h"

#include "formats/ids_array.h"

#include <string.h>

/* ---- NumPy's objects: calls of numpy.dtype, _reconstruct and scalar ---- */

/* dtype("U5", False, True) with the state (3, "<", ..., item size, ...). */
static bool read_dtype(npy_header *h, const pickle *p, const pickle_value *v) {
    if (!pickle_is_call(v, GLOBAL_DTYPE)) return false;
    const pickle_value *name = pickle_item(p, pickle_item(p, v, 0), 0);
    const pickle_value *order = pickle_item(p, pickle_item(p, v, 1), 1);
    if (!name || name->kind != PICKLE_STR || name->n < 2 || name->n > 20) return false;

    h->kind = name->as.bytes[0];
    h->item_bytes = 0;
    h->big_endian = pickle_is_str(order, ">");
    for (uint32_t i = 1; i < name->n; i++) {
        char c = name->as.bytes[i];
        if (c < '0' || c > '9' || h->item_bytes > SIZE_MAX / 100) return false;
        h->item_bytes = h->item_bytes * 10 + (size_t)(c - '0');
    }
    if (h->kind == 'U') h->item_bytes *= 4;
    return true;
}

/* numpy.str_ and NumPy's integers: scalar(dtype, bytes). */
static semid_status append_scalar(ids *list, const pickle *p, const pickle_value *v,
                                  semid_error *err) {
    const pickle_value *args = pickle_item(p, v, 0), *data = pickle_item(p, args, 1);
    npy_header h = {0};
    if (!read_dtype(&h, p, pickle_item(p, args, 0)) || !ids_array_type(&h) || !data ||
        data->kind != PICKLE_BYTES || data->n != h.item_bytes)
        FAIL(SEMID_ERR_FORMAT, "id %zu: expected text or an integer, found another NumPy scalar",
             list->n_ids);
    return ids_append_array(list, &h, (const uint8_t *)data->as.bytes, 1, err);
}

static semid_status append_one(ids *list, const pickle *p, const pickle_value *v,
                               semid_error *err) {
    if (v && (v->kind == PICKLE_STR || v->kind == PICKLE_BYTES))
        return ids_append_checked(list, v->as.bytes, v->n, err);
    if (v && v->kind == PICKLE_INT) return ids_append_integer(list, v->as.integer, err);
    if (pickle_is_call(v, GLOBAL_SCALAR)) return append_scalar(list, p, v, err);
    FAIL(SEMID_ERR_FORMAT, "id %zu: expected text or an integer, found %s", list->n_ids,
         pickle_describe(v));
}

static semid_status append_items(ids *list, const pickle *p, const pickle_value *v,
                                 semid_error *err) {
    for (size_t i = 0; i < v->n; i++) TRY(append_one(list, p, pickle_item(p, v, i), err));
    return SEMID_OK;
}

/* ndarray with the state (version, shape, dtype, fortran order, data). */
static semid_status append_ndarray(ids *list, const pickle *p, const pickle_value *v,
                                   semid_error *err) {
    const pickle_value *state = pickle_item(p, v, 1), *shape = pickle_item(p, state, 1);
    const pickle_value *data = pickle_item(p, state, 4);
    npy_header h = {0};
    size_t n;

    if (!shape || shape->kind != PICKLE_TUPLE || shape->n != 1 ||
        !pickle_size(pickle_item(p, shape, 0), &n))
        FAIL(SEMID_ERR_SHAPE, "expected a NumPy array of ids [N], found another shape");
    if (!data || !read_dtype(&h, p, pickle_item(p, state, 2)))
        FAIL(SEMID_ERR_FORMAT, "expected a NumPy array of ids, found a damaged one");

    if (h.kind == 'O' && data->kind == PICKLE_LIST && data->n == n)
        return append_items(list, p, data, err);
    if (!ids_array_type(&h) || data->kind != PICKLE_BYTES || h.item_bytes == 0 ||
        data->n % h.item_bytes != 0 || data->n / h.item_bytes != n)
        FAIL(SEMID_ERR_FORMAT,
             "expected a NumPy array of %zu strings or integers, found other data", n);
    return ids_append_array(list, &h, (const uint8_t *)data->as.bytes, n, err);
}

semid_status ids_append_pickled(ids *list, const pickle *p, const pickle_value *v,
                                semid_error *err) {
    if (pickle_is_call(v, GLOBAL_ARRAY)) return append_ndarray(list, p, v, err);
    if (v && (v->kind == PICKLE_LIST || v->kind == PICKLE_TUPLE))
        return append_items(list, p, v, err);
    FAIL(SEMID_ERR_FORMAT, "expected a list of ids, found %s", pickle_describe(v));
}
