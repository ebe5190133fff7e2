/* A hash table with open addressing and linear probing, at most half full, of 4 bytes per slot: it
 * holds rows, and the texts are compared in the list. A look-up costs a hash of the text and, on
 * average, less than two comparisons. The hash multiplies and folds eight bytes at a time; it is
 * not meant to resist an adversary who chooses the ids. */
#include "formats/ids_index.h"

#include "base/memory.h"

#include <string.h>

/* 64-bit multiply and fold. */
static uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t x = (a ^ b) * 0x9E3779B97F4A7C15u;
    return x ^ x >> 32;
}

static uint64_t hash_bytes(const char *s, size_t n) {
    uint64_t h = mix(n, 0xD1B54A32D192ED03u), word;
    for (; n >= sizeof word; n -= sizeof word, s += sizeof word) {
        memcpy(&word, s, sizeof word);
        h = mix(h, word);
    }
    word = 0;
    memcpy(&word, s, n);
    return mix(mix(h, word), h >> 29);
}

/* The slot that holds s, or the empty one where it belongs. */
static size_t find_slot(const ids_index *index, const char *s, size_t n_bytes) {
    size_t mask = index->n_slots - 1, slot = hash_bytes(s, n_bytes) & mask;
    for (; index->slots[slot] != 0; slot = (slot + 1) & mask) {
        size_t n;
        const char *t = ids_get(index->list, index->slots[slot] - 1, &n);
        if (n == n_bytes && memcmp(s, t, n) == 0) break;
    }
    return slot;
}

semid_status ids_index_init(ids_index *index, const ids *list, semid_error *err) {
    if (list->n_ids >= UINT32_MAX)
        FAIL(SEMID_ERR_UNSUPPORTED, "expected fewer than 2^32 ids, found %zu", list->n_ids);
    ids_index x = {.list = list, .n_slots = 16};
    while (x.n_slots < 2 * list->n_ids) x.n_slots *= 2;
    TRY(mem_calloc(&x.slots, x.n_slots, sizeof *x.slots, err));

    for (size_t i = 0; i < list->n_ids; i++) {
        size_t n;
        const char *s = ids_get(list, i, &n);
        size_t slot = find_slot(&x, s, n);
        if (x.slots[slot] != 0) {
            size_t first = x.slots[slot] - 1;
            ids_index_release(&x);
            FAIL(SEMID_ERR_DATA, "expected distinct ids, found %.200s in rows %zu and %zu", s,
                 first, i);
        }
        x.slots[slot] = (uint32_t)i + 1;
    }
    *index = x;
    return SEMID_OK;
}

size_t ids_index_find(const ids_index *index, const char *s, size_t n_bytes) {
    if (index->n_slots == 0) return IDS_NOT_FOUND;
    uint32_t found = index->slots[find_slot(index, s, n_bytes)];
    return found ? found - 1 : IDS_NOT_FOUND;
}

void ids_index_release(ids_index *index) {
    mem_free(index->slots);
    *index = (ids_index){0};
}

semid_status ids_check_distinct(const ids *list, const char *path, semid_error *err) {
    ids_index index;
    semid_status status = ids_index_init(&index, list, err);
    if (status != SEMID_OK)
        error_prefix(err, "%s", path);
    else
        ids_index_release(&index);
    return status;
}
