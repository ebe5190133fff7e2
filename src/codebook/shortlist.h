/* codebook/shortlist.h - the nearest codewords of a row with their scores, and a lower bound of the
 * scores of all others: enough for most comparisons of codewords without reading the row again. */
#ifndef CODEBOOK_SHORTLIST_H
#define CODEBOOK_SHORTLIST_H

#include "codebook/prefix_counts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHORTLIST_CODES = 16, SHORTLIST_MAX_CODEWORDS = UINT16_MAX + 1 };

typedef struct shortlist {
    float rest;                    /* no codeword that is not listed has a lower score */
    float scores[SHORTLIST_CODES]; /* |c|^2 - 2 x.c; +inf: unused */
    uint16_t codes[SHORTLIST_CODES];
} shortlist;

/* Where encoding writes shortlists. None is made of rows whose prefix will be large. */
typedef struct shortlists {
    shortlist *of_row;             /* [n] */
    const prefix_counts *prefixes; /* or NULL: lists of all rows */
    /* [n] or NULL, at the level before the last: a lower bound of what any other codeword adds to
     * the squared error, as a search with biases would find it; -inf: not known. */
    float *gaps;
} shortlists;

/* Nothing is known: any codeword may have any score. */
void shortlist_clear(shortlist *list);
bool shortlist_is_clear(const shortlist *list);

/* List the best of n codes with their scores, when no other code has a score below `rest`. */
void shortlist_set(shortlist *list, const int32_t *codes, const float *scores, size_t n,
                   float rest);

#endif
