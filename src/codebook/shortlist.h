/* codebook/shortlist.h - the nearest codewords of a row, and what the others cannot be below:
 * enough for most of what compares codewords, without a second look at the row. */
#ifndef CODEBOOK_SHORTLIST_H
#define CODEBOOK_SHORTLIST_H

#include "codebook/crowding.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHORTLIST_CODES = 16, SHORTLIST_MAX_CODEWORDS = UINT16_MAX + 1 };

typedef struct shortlist {
    float rest;                    /* no codeword that is not listed has a lower score */
    float scores[SHORTLIST_CODES]; /* |c|^2 - 2 x.c, +inf: a free place */
    uint16_t codes[SHORTLIST_CODES];
} shortlist;

/* Shortlists that are asked for: of rows that a crowd shares its prefix with, none is made. */
typedef struct shortlists {
    shortlist *of_row;       /* [n] */
    const crowding *crowded; /* or NULL: of all rows */
    /* [n] or NULL, at the level before the last: what any other codeword adds to the squared error
     * at least, as a search with biases would find it; -inf: not known. */
    float *gaps;
} shortlists;

/* Nothing is known: any codeword may have any score. */
void shortlist_clear(shortlist *list);
bool shortlist_is_clear(const shortlist *list);

/* List the best of n codes with their scores, when no other code has a score below `rest`. */
void shortlist_set(shortlist *list, const int32_t *codes, const float *scores, size_t n,
                   float rest);

#endif
