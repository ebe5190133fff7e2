#include "codebook/crowding.h"

#include "base/memory.h"

/* Fewer rows seen of a prefix say nothing. */
enum { MIN_SEEN = 4 };

semid_status crowding_init(crowding *c, size_t n_rows, size_t n_levels, size_t limit,
                           semid_error *err) {
    *c = (crowding){.n_rows = n_rows, .n_levels = n_levels, .limit = limit};
    return mem_calloc(&c->counts, CROWDING_SLOTS, sizeof *c->counts, err);
}

void crowding_release(crowding *c) {
    mem_free(c->counts);
    *c = (crowding){0};
}

static size_t slot_of(const crowding *c, const int32_t *codes) {
    uint64_t hash = 0;
    for (size_t l = 0; l + 1 < c->n_levels; l++)
        hash = (hash ^ (uint32_t)codes[l]) * 0x9e3779b97f4a7c15U;
    return (size_t)(hash >> 48);
}

void crowding_add(crowding *c, const int32_t *codes, size_t n) {
    for (size_t i = 0; i < n; i++) c->counts[slot_of(c, codes + i * c->n_levels)]++;
    c->n_seen += n;
}

bool crowding_expects(const crowding *c, const int32_t *codes) {
    size_t n = c->counts[slot_of(c, codes)];
    return n >= MIN_SEEN && (double)n * (double)c->n_rows >= (double)c->limit * (double)c->n_seen;
}
