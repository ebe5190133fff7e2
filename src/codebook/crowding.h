/* codebook/crowding.h - how many rows will share a prefix in the end, guessed from those seen so
 * far.
 */
#ifndef CODEBOOK_CROWDING_H
#define CODEBOOK_CROWDING_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prefixes that fall into one slot count as one: guesses may be too high. */
enum { CROWDING_SLOTS = 1 << 16 };

typedef struct crowding {
    size_t n_rows, n_levels, limit, n_seen;
    uint32_t *counts; /* [CROWDING_SLOTS] */
} crowding;

/* Of codes [n_rows, n_levels], of which the first n_levels - 1 are the prefix; `limit` rows are a
 * crowd. */
semid_status crowding_init(crowding *c, size_t n_rows, size_t n_levels, size_t limit,
                           semid_error *err);
void crowding_release(crowding *c);

/* Count rows [n, n_levels]. */
void crowding_add(crowding *c, const int32_t *codes, size_t n);

/* Is the prefix of these codes to be expected to hold a crowd? */
bool crowding_expects(const crowding *c, const int32_t *codes);

#endif
