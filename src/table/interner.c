#include "table/interner.h"

#include "base/memory.h"

#include <string.h>

/* A hash table with open addressing and linear probing. Slots hold numbers only; the strings are in
 * the list, where a number finds its string. At most half the slots are used, so that a probe ends
 * after about 1.5 steps if the string is known and 2.5 if it is not (Knuth, TAOCP 3, 6.4). Doubling
 * re-inserts all strings: O(1) amortised per insertion. Numbers depend on the order of insertion
 * alone, never on the hash. */

enum { FIRST_SLOTS = 1024 };

/* FNV-1a, finished by a multiply so that the low bits depend on all bytes. */
static size_t hash(const char *s, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    h = (h ^ (h >> 32)) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 20);
}

semid_status interner_init(interner *t, ids *list, semid_error *err) {
    *t = (interner){.list = list, .n_slots = FIRST_SLOTS};
    return mem_calloc(&t->slots, t->n_slots, sizeof *t->slots, err);
}

static uint32_t *find(const interner *t, const char *s, size_t n_bytes) {
    size_t at = hash(s, n_bytes) & (t->n_slots - 1);
    while (t->slots[at]) {
        size_t n;
        const char *other = ids_get(t->list, t->slots[at] - 1, &n);
        if (n == n_bytes && memcmp(other, s, n) == 0) break;
        at = (at + 1) & (t->n_slots - 1);
    }
    return &t->slots[at];
}

static semid_status grow(interner *t, semid_error *err) {
    interner bigger = {.list = t->list, .n_slots = 2 * t->n_slots};
    TRY(mem_calloc(&bigger.slots, bigger.n_slots, sizeof *bigger.slots, err));
    for (size_t i = 0; i < t->list->n_ids; i++) {
        size_t n;
        const char *s = ids_get(t->list, i, &n);
        *find(&bigger, s, n) = (uint32_t)i + 1;
    }
    mem_free(t->slots);
    *t = bigger;
    return SEMID_OK;
}

semid_status interner_number(interner *t, const char *s, size_t n_bytes, uint32_t *out,
                             semid_error *err) {
    if (2 * (t->list->n_ids + 1) > t->n_slots) TRY(grow(t, err));
    uint32_t *slot = find(t, s, n_bytes);
    if (!*slot) {
        if (t->list->n_ids >= UINT32_MAX - 1)
            FAIL(SEMID_ERR_UNSUPPORTED, "more than 4 billion different ids");
        TRY(ids_append(t->list, s, n_bytes, err));
        *slot = (uint32_t)t->list->n_ids;
    }
    *out = *slot - 1;
    return SEMID_OK;
}

void interner_release(interner *t) {
    mem_free(t->slots);
    *t = (interner){0};
}
