#include "retrieval/inverted_layout.h"

#include "base/memory.h"

/* Put n elements at the next aligned place. */
static bool place(size_t *cursor, uint64_t n, size_t size, size_t *at) {
    size_t n_bytes;
    if (n > SIZE_MAX / 2 || !size_add(*cursor, INVERTED_ALIGN - 1, at)) return false;
    *at = *at / INVERTED_ALIGN * INVERTED_ALIGN;
    return size_mul((size_t)n, size, &n_bytes) && size_add(*at, n_bytes, cursor);
}

bool inverted_layout_init(inverted_layout *out, const inverted_header *h) {
    size_t cursor = sizeof *h;
    inverted_layout l = {0};
    if (!place(&cursor, h->n_codes, h->n_levels * sizeof(int32_t), &l.codes) ||
        !place(&cursor, h->n_codes + 1, sizeof(uint64_t), &l.offsets) ||
        !place(&cursor, h->n_items, sizeof(uint32_t), &l.rows) ||
        !place(&cursor, h->n_items + 1, sizeof(uint64_t), &l.id_offsets) ||
        !place(&cursor, h->id_bytes, 1, &l.ids))
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
