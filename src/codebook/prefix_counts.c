#include "codebook/prefix_counts.h"

#include "base/memory.h"

/* Counts of prefixes by hash, in a table of fixed size without keys: prefixes that fall into one
 * slot are counted as one, so that a guess can be too high, never too low for what was seen. It
 * decides only whether a shortlist is worth making; results do not depend on it. The rows seen are
 * taken for a sample of all: a prefix with n of n_seen rows is expected to get n * n_rows / n_seen.
 */

/* Fewer rows of a prefix say nothing about it. */
enum { MIN_SEEN = 4 };

semid_status prefix_counts_init(prefix_counts *c, size_t n_rows, size_t n_levels, size_t limit,
                                semid_error *err) {
    *c = (prefix_counts){.n_rows = n_rows, .n_levels = n_levels, .limit = limit};
    return mem_calloc(&c->counts, PREFIX_COUNTS_SLOTS, sizeof *c->counts, err);
}

void prefix_counts_release(prefix_counts *c) {
    mem_free(c->counts);
    *c = (prefix_counts){0};
}

static size_t slot_of(const prefix_counts *c, const int32_t *codes) {
    uint64_t hash = 0;
    for (size_t l = 0; l + 1 < c->n_levels; l++)
        hash = (hash ^ (uint32_t)codes[l]) * 0x9e3779b97f4a7c15U;
    return (size_t)(hash >> 48);
}

void prefix_counts_add(prefix_counts *c, const int32_t *codes, size_t n) {
    for (size_t i = 0; i < n; i++) c->counts[slot_of(c, codes + i * c->n_levels)]++;
    c->n_seen += n;
}

bool prefix_counts_expect_large(const prefix_counts *c, const int32_t *codes) {
    size_t n = c->counts[slot_of(c, codes)];
    return n >= MIN_SEEN && (double)n * (double)c->n_rows >= (double)c->limit * (double)c->n_seen;
}
