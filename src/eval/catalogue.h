/* eval/catalogue.h - the items that evaluation ranks: one vector and one id a row. */
#ifndef EVAL_CATALOGUE_H
#define EVAL_CATALOGUE_H

#include "base/error.h"
#include "formats/embeddings.h"
#include "formats/ids.h"

#include <stdbool.h>

typedef struct catalogue {
    size_t n_items, dim;
    const float *raw;   /* [n_items, dim] as the file has them; borrowed from what follows */
    float *unit;        /* [n_items, dim], rows scaled to length 1 (zero rows stay zero) */
    bool rows_are_unit; /* every raw row has norm 1 +- 1e-3 */
    ids list;
    ids_index index;
    embeddings *file;
    float *read; /* holds `raw` when the file cannot be used in place */
} catalogue;

/* Takes the file over, also on failure. ids NULL: those that it carries. Errors: NaN or Inf, ids !=
 * rows, duplicates. */
semid_status catalogue_load(catalogue *out, embeddings *file, const char *ids_path,
                            semid_error *err);
void catalogue_release(catalogue *c);

/* The ids of the rows of `file`: distinct, as many as rows. */
semid_status catalogue_ids_load(ids *out, const embeddings *file, const char *ids_path,
                                semid_error *err);
/* Fails if any of n rows read from row `first_row` on has a NaN or Inf. */
semid_status catalogue_check_rows(const embeddings *file, const float *x, size_t n,
                                  size_t first_row, semid_error *err);

/* x / |x|, or x if it is zero. Returns |x|. */
double vector_normalize(float *x, size_t dim);

#endif
