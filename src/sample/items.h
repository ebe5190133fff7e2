/* sample/items.h - the items of the sample catalogue: their ids, order, texts and metadata.
 *
 * Items are numbered 0 .. n-1 by product type, and within a type by product line, each of
 * SAMPLE_LINE_ITEMS items. Everything about an item follows from the seed and its number.
 */
#ifndef SAMPLE_ITEMS_H
#define SAMPLE_ITEMS_H

#include "base/rng.h"
#include "sample/words.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SAMPLE_LINE_ITEMS = 12, SAMPLE_MAX_TYPES = 64, SAMPLE_ID_BYTES = 16 };

/* The items of one product type. */
typedef struct sample_shelf {
    const sample_type *type;
    const char *department;
    uint64_t first, n_items; /* item numbers [first, first + n_items) */
    uint64_t n_lines;
    uint64_t popularity_stride; /* coprime to n_lines: spreads the popular lines over the shelf */
} sample_shelf;

typedef struct sample_catalogue {
    uint64_t seed, n_items;
    size_t n_shelves;
    size_t department_first[SAMPLE_MAX_TYPES]; /* of each shelf: its department's first shelf */
    size_t department_size[SAMPLE_MAX_TYPES];
    sample_shelf shelves[SAMPLE_MAX_TYPES];
    uint64_t order_stride; /* coprime to n_items: the order of the file steps by it */
} sample_catalogue;

void sample_catalogue_init(sample_catalogue *c, uint64_t n_items, uint64_t seed);

/* The item at a position of the file, and the shelf of an item. */
uint64_t sample_item_at(const sample_catalogue *c, uint64_t position);
size_t sample_shelf_of(const sample_catalogue *c, uint64_t item);

/* "B0" and eight characters, different for every number. */
void sample_asin(uint64_t item, char out[SAMPLE_ID_BYTES]);

/* Writes an item's line of JSON, with defects as often as in real files: some items have no line,
 * some have two. Returns the number of lines. */
int sample_write_meta(const sample_catalogue *c, uint64_t item, FILE *out);

bool sample_chance(rng *r, double p);
/* Copies a random element of a list (words.h) to buf, and returns buf. */
const char *sample_pick(rng *r, const char *list, char *buf, size_t n_buf);
void sample_write_string(FILE *out, const char *s); /* as a JSON string */

#endif
