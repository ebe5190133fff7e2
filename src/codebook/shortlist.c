#include "codebook/shortlist.h"

#include <math.h>

/* A shortlist holds the SHORTLIST_CODES best of the codewords that were scored, in no order, and a
 * lower bound of the scores of all others. What is dropped for lack of room lowers the bound, so
 * the list is right whatever it was made from; an empty one with bound -inf says nothing. */

void shortlist_clear(shortlist *list) {
    *list = (shortlist){.rest = -INFINITY};
    for (size_t i = 0; i < SHORTLIST_CODES; i++) list->scores[i] = INFINITY;
}

bool shortlist_is_clear(const shortlist *list) {
    return list->rest == -INFINITY;
}

void shortlist_set(shortlist *list, const int32_t *codes, const float *scores, size_t n,
                   float rest) {
    size_t n_first = n < SHORTLIST_CODES ? n : SHORTLIST_CODES;
    shortlist_clear(list);
    list->rest = rest;
    for (size_t i = 0; i < n_first; i++) {
        list->scores[i] = scores[i];
        list->codes[i] = (uint16_t)codes[i];
    }

    /* The others replace the worst that is listed, where they are better. */
    for (size_t i = n_first; i < n; i++) {
        size_t worst = 0;
        for (size_t k = 1; k < SHORTLIST_CODES; k++)
            if (list->scores[k] > list->scores[worst]) worst = k;

        float dropped = fmaxf(scores[i], list->scores[worst]);
        list->rest = fminf(list->rest, dropped);
        if (!(scores[i] < list->scores[worst])) continue;
        list->scores[worst] = scores[i];
        list->codes[worst] = (uint16_t)codes[i];
    }
}
