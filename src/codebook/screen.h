/* codebook/screen.h - the nearest codeword by way of 8-bit integers, exact all the same.
 *
 * Rows and codewords are quantized to bytes with one scale each. By Cauchy-Schwarz the score
 * |c|^2 - 2 x.c is off by no more than 2 (|x - x'| |c| + |x'| |c - c'|), and rounding in float32
 * adds a known little. Codewords whose score cannot be the least are dropped, the few others are
 * scored in float32 in the order of codeword_panels: the codes are those of nearest_f32, to the
 * last tie. */
#ifndef CODEBOOK_SCREEN_H
#define CODEBOOK_SCREEN_H

#include "base/error.h"
#include "codebook/shortlist.h"
#include "kernels/kernels.h"

#include <stdbool.h>

typedef struct screen {
    size_t n_codewords, dim;
    const float *codewords, *norms; /* borrowed [n_codewords, dim], [n_codewords] */
    screen_panels panels;
    int8_t *values; /* what panels points to */
    screen_terms *terms;
    bool in_range; /* no codeword is so long that bounds could overflow */
} screen;

semid_status screen_init(screen *s, size_t n_codewords, size_t dim, semid_error *err);
/* Prepare codewords and their squared norms; both stay with the caller, who leaves them alone. */
void screen_set(screen *s, const float *codewords, const float *norms);
/* The norms changed, the codewords did not. */
void screen_set_norms(screen *s);
void screen_release(screen *s);

/* Rows that one call of screen_find takes at this dimension. */
size_t screen_max_rows(size_t dim);
/* x [n, dim] -> codes [n], and shortlists [n] if not NULL (n_codewords <= SHORTLIST_MAX_CODEWORDS),
 * whose `rest` says on entry whether there shall be one: +inf, or -inf. others [n], or NULL, of
 * rows without lists: what no codeword but the chosen one has a score below; -inf where it is not
 * known.
 */
void screen_find(const screen *s, const float *x, size_t n, int32_t *codes, shortlist *lists,
                 float *others);

#endif
