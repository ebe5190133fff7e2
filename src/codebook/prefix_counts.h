/* codebook/prefix_counts.h - guesses, from the rows encoded so far, which prefixes will be shared
 * by many rows in the end. */
#ifndef CODEBOOK_PREFIX_COUNTS_H
#define CODEBOOK_PREFIX_COUNTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PREFIX_COUNTS_SLOTS = 1 << 16 };

typedef struct prefix_counts {
    size_t n_rows, n_levels, limit, n_seen;
    uint32_t *counts; /* [PREFIX_COUNTS_SLOTS] */
} prefix_counts;

/* For codes [n_rows, n_levels], whose first n_levels - 1 are the prefix; a prefix with `limit` rows
 * or more is large. */
semid_status prefix_counts_init(prefix_counts *c, size_t n_rows, size_t n_levels, size_t limit,
                                semid_error *err);
void prefix_counts_release(prefix_counts *c);

/* Count rows [n, n_levels]. */
void prefix_counts_add(prefix_counts *c, const int32_t *codes, size_t n);

/* Will the prefix of these codes be large, as far as can be told? */
bool prefix_counts_expect_large(const prefix_counts *c, const int32_t *codes);

#endif
