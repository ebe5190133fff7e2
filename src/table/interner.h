/* table/interner.h - numbers distinct strings from 0, in order of first appearance. */
#ifndef TABLE_INTERNER_H
#define TABLE_INTERNER_H

#include "formats/ids.h"

typedef struct interner {
    ids *list;       /* borrowed; the string of a number is its row */
    uint32_t *slots; /* open addressing, at most half full; 0 = empty, else number + 1 */
    size_t n_slots;  /* a power of two */
} interner;

semid_status interner_init(interner *t, ids *list, semid_error *err);
semid_status interner_number(interner *t, const char *s, size_t n_bytes, uint32_t *out,
                             semid_error *err);
void interner_release(interner *t); /* the list stays */

#endif
