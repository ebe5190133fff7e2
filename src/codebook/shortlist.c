#include "codebook/shortlist.h"

#include <math.h>

void shortlist_clear(shortlist *list) {
    *list = (shortlist){.rest = -INFINITY};
    for (size_t i = 0; i < SHORTLIST_CODES; i++) list->scores[i] = INFINITY;
}

bool shortlist_is_clear(const shortlist *list) {
    return list->rest == -INFINITY;
}

static size_t worst(const shortlist *list) {
    size_t at = 0;
    for (size_t i = 1; i < SHORTLIST_CODES; i++)
        if (list->scores[i] > list->scores[at]) at = i;
    return at;
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
    for (size_t i = n_first; i < n; i++) {
        size_t at = worst(list);
        float dropped = fmaxf(scores[i], list->scores[at]);
        list->rest = fminf(list->rest, dropped);
        if (!(scores[i] < list->scores[at])) continue;
        list->scores[at] = scores[i];
        list->codes[at] = (uint16_t)codes[i];
    }
}
