/* NumPy's elements have a fixed width: text is UTF-32 and bytes are raw, both padded with NULs at
 * the end, which are no part of the id; integers become decimal text. What is not valid Unicode, or
 * has a NUL inside, is refused with the id's number. */
#include "formats/ids_array.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdio.h>

/* The unsigned integer of n_bytes at p. */
static uint64_t integer_at(const uint8_t *p, size_t n_bytes, bool big_endian) {
    uint64_t v = 0;
    for (size_t b = 0; b < n_bytes; b++)
        v |= (uint64_t)p[big_endian ? n_bytes - 1 - b : b] << 8 * b;
    return v;
}

/* `text` has room for 4 bytes per code point. */
static semid_status append_unicode(ids *list, const npy_header *h, const uint8_t *item, char *text,
                                   semid_error *err) {
    size_t n = h->item_bytes / 4, at = 0;
    while (n > 0 && integer_at(item + 4 * (n - 1), 4, h->big_endian) == 0) n--;

    for (size_t i = 0; i < n; i++) {
        uint32_t c = (uint32_t)integer_at(item + 4 * i, 4, h->big_endian);
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
    uint64_t v = integer_at(item, h->item_bytes, h->big_endian);
    if (h->kind == 'i') { /* extend the sign */
        unsigned unused = (unsigned)(8 * (8 - h->item_bytes));
        return ids_append_integer(list, (int64_t)(v << unused) >> unused, err);
    }
    char text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)v);
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

bool ids_array_type(const npy_header *h) {
    if (h->kind == 'U' || h->kind == 'S') return true;
    return (h->kind == 'i' || h->kind == 'u') &&
           (h->item_bytes == 1 || h->item_bytes == 2 || h->item_bytes == 4 || h->item_bytes == 8);
}
