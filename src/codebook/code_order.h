/* codebook/code_order.h - rows in the lexicographic order of their codes, equal codes in row order.
 */
#ifndef CODEBOOK_CODE_ORDER_H
#define CODEBOOK_CODE_ORDER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct code_order {
    const int32_t *codes; /* [n_rows, n_levels], borrowed */
    size_t n_rows, n_levels, n_codewords;
    uint32_t *rows;   /* [n_rows] the order */
    uint16_t *shared; /* [n_rows] how many leading codes a row has in common with the one before */
    uint64_t *records, *other; /* [n_rows] while sorting */
} code_order;

/* SEMID_ERR_UNSUPPORTED if n_rows >= 2^32 or n_levels >= 2^16. */
semid_status code_order_init(code_order *o, const int32_t *codes, size_t n_rows, size_t n_levels,
                             size_t n_codewords, semid_error *err);
void code_order_release(code_order *o);

/* Fill `rows` and `shared` from the present codes, each in [0, n_codewords). */
void code_order_sort(code_order *o);

/* The end, at most `end`, of the run of rows that had the first n_levels codes of the row at
 * `begin` when they were sorted. */
size_t code_order_run(const code_order *o, size_t begin, size_t end, size_t n_levels);

#endif
