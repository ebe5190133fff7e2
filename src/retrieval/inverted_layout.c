#include "retrieval/inverted_layout.h"

#include "base/memory.h"

/* Sections follow each other at multiples of INVERTED_ALIGN. The counts come from a file that may
 * claim anything, so every sum and product is checked; the end is then compared with the length of
 * the file. */

/* *at: the next aligned offset, for n elements. */
static bool add_section(size_t *cursor, uint64_t n, size_t size, size_t *at) {
    size_t n_bytes;
    if (n > SIZE_MAX / 2 || !size_add(*cursor, INVERTED_ALIGN - 1, at)) return false;
    *at = *at / INVERTED_ALIGN * INVERTED_ALIGN;
    return size_mul((size_t)n, size, &n_bytes) && size_add(*at, n_bytes, cursor);
}

bool inverted_layout_init(inverted_layout *out, const inverted_header *h) {
    size_t cursor = sizeof *h;
    inverted_layout l = {0};
    if (!add_section(&cursor, h->n_codes, h->n_levels * sizeof(int32_t), &l.codes) ||
        !add_section(&cursor, h->n_codes + 1, sizeof(uint64_t), &l.offsets) ||
        !add_section(&cursor, h->n_items, sizeof(uint32_t), &l.rows) ||
        !add_section(&cursor, h->n_items + 1, sizeof(uint64_t), &l.id_offsets) ||
        !add_section(&cursor, h->id_bytes, 1, &l.ids))
        return false;

    l.end = cursor;
    *out = l;
    return true;
}

/* FNV-1a. */
uint64_t inverted_checksum(const inverted_header *header) {
    const unsigned char *bytes = (const unsigned char *)header;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < offsetof(inverted_header, checksum); i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}
