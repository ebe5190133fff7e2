#include "retrieval/inverted_lookup.h"

#include "base/memory.h"

#include <string.h>

/* Two tables that inverted.sid does not hold, made on demand: the inverse of its list of rows, and
 * a hash table of the ids with open addressing and linear probing. A slot keeps a row alone; ids
 * are compared where they lie in the file. At most 3/4 of the slots are in use, so a search ends
 * after a few. Rows are inserted in ascending order and an id that is there already is left as it
 * is: the lowest row of equal ids is found. */

/* FNV-1a, then a multiplication so that the low bits depend on all bytes. */
static size_t hash(const char *s, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    h = (h ^ (h >> 32)) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 20);
}

/* The slot of an id of n bytes, or the free slot where it would be. */
static size_t find_slot(const inverted_lookup *t, const inverted_sections *s, const char *id,
                        size_t n) {
    size_t at = hash(id, n) & (t->n_slots - 1);

    for (; t->slots[at] != 0; at = (at + 1) & (t->n_slots - 1)) {
        size_t row = t->slots[at] - 1;
        uint64_t begin = s->id_offsets[row], end = s->id_offsets[row + 1]; /* with its NUL */
        if (end - begin == n + 1 && memcmp(s->ids + begin, id, n) == 0) break;
    }
    return at;
}

semid_status inverted_lookup_init(inverted_lookup *out, const inverted_sections *s,
                                  semid_error *err) {
    semid_status status = SEMID_OK;
    inverted_lookup t = {.n_slots = 16};
    while (t.n_slots / 4 * 3 < s->n_items) t.n_slots *= 2;
    TRY_GOTO(mem_calloc(&t.slots, t.n_slots, sizeof *t.slots, err));
    TRY_GOTO(mem_alloc(&t.code_of, s->n_items, sizeof *t.code_of, err));

    for (size_t row = 0; row < s->n_items; row++) {
        const char *id = s->ids + s->id_offsets[row];
        size_t at = find_slot(&t, s, id, (size_t)(s->id_offsets[row + 1] - s->id_offsets[row]) - 1);
        if (t.slots[at] == 0) t.slots[at] = (uint32_t)row + 1;
    }
    for (size_t code = 0; code < s->n_codes; code++)
        for (uint64_t i = s->offsets[code]; i < s->offsets[code + 1]; i++)
            t.code_of[s->rows[i]] = (uint32_t)code;
    *out = t;
    t = (inverted_lookup){0};

done:
    inverted_lookup_release(&t);
    return status;
}

void inverted_lookup_release(inverted_lookup *t) {
    mem_free(t->slots);
    mem_free(t->code_of);
    *t = (inverted_lookup){0};
}

size_t inverted_lookup_row(const inverted_lookup *t, const inverted_sections *s, const char *id) {
    uint32_t found = t->slots[find_slot(t, s, id, strlen(id))];
    return found == 0 ? SIZE_MAX : (size_t)found - 1;
}
