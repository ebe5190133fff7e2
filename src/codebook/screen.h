/* codebook/screen.h - the nearest codeword by way of 8-bit integers, with exact results.
 *
 * Rows and codewords are quantized to bytes with one scale each, which gives bounds of the scores
 * |c|^2 - 2 x.c. Codewords whose score cannot be the least are dropped, the few others are scored
 * in float32 in the order of codeword_panels: the codes are those of nearest_f32, to the last tie.
 */
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
    bool in_range; /* all codewords are short enough that bounds do not overflow */
} screen;

semid_status screen_init(screen *s, size_t n_codewords, size_t dim, semid_error *err);
/* Codewords and their squared norms, which are borrowed and must not change until the next call. */
void screen_set(screen *s, const float *codewords, const float *norms);
/* After the norms changed and the codewords did not. */
void screen_set_norms(screen *s);
void screen_release(screen *s);

/* Upper limit of n in screen_find at this dimension. */
size_t screen_max_rows(size_t dim);
/* x [n, dim] -> codes [n].
 * lists [n] or NULL: shortlists (n_codewords <= SHORTLIST_MAX_CODEWORDS); the `rest` of each says
 * on entry whether it is wanted, +inf, or not, -inf. others [n] or NULL, and without lists only:
 * lower bounds of the scores of all codewords but the chosen one; -inf where none is known. */
void screen_find(const screen *s, const float *x, size_t n, int32_t *codes, shortlist *lists,
                 float *others);

#endif
