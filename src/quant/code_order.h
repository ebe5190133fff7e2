/* quant/code_order.h - rows in the lexicographic order of their codes, equal codes in row order. */
#ifndef QUANT_CODE_ORDER_H
#define QUANT_CODE_ORDER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct code_order {
    const int32_t *codes; /* [n_rows, n_levels], borrowed */
    size_t n_rows, n_levels, n_codewords;
    uint32_t *rows;  /* [n_rows] the order */
    uint32_t *other; /* [n_rows] */
    size_t *starts;  /* [n_codewords + 1] */
} code_order;

/* SEMID_ERR_UNSUPPORTED if n_rows >= 2^32. */
semid_status code_order_init(code_order *o, const int32_t *codes, size_t n_rows, size_t n_levels,
                             size_t n_codewords, semid_error *err);
void code_order_release(code_order *o);

/* Fill `rows` from the codes as they are now. */
void code_order_sort(code_order *o);

/* Where the run of rows that share the first n_levels codes with the row at `begin` ends; it does
 * not go beyond `end`. */
size_t code_order_run(const code_order *o, size_t begin, size_t end, size_t n_levels);

#endif
