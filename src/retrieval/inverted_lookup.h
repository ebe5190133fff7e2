/* retrieval/inverted_lookup.h - from an id to its row, and from a row to its code. */
#ifndef RETRIEVAL_INVERTED_LOOKUP_H
#define RETRIEVAL_INVERTED_LOOKUP_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct inverted_lookup {
    size_t n_slots;    /* a power of 2, at least 4/3 of the items */
    uint32_t *slots;   /* [n_slots] row + 1, or 0 where it is free */
    uint32_t *code_of; /* [n_items] the number of each row's code */
} inverted_lookup;

/* The sections of inverted.sid that it is made from (inverted_layout.h). */
typedef struct inverted_sections {
    size_t n_items, n_codes;
    const uint64_t *offsets;
    const uint32_t *rows;
    const uint64_t *id_offsets;
    const char *ids;
} inverted_sections;

semid_status inverted_lookup_init(inverted_lookup *out, const inverted_sections *s,
                                  semid_error *err);
void inverted_lookup_release(inverted_lookup *t);

/* SIZE_MAX if no item has this id. */
size_t inverted_lookup_row(const inverted_lookup *t, const inverted_sections *s, const char *id);

#endif
