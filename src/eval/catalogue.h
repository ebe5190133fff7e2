/* eval/catalogue.h - the items that evaluation ranks: one vector and one id per row. */
#ifndef EVAL_CATALOGUE_H
#define EVAL_CATALOGUE_H

#include "base/error.h"
#include "formats/embeddings.h"
#include "formats/ids.h"
#include "formats/ids_index.h"

#include <stdbool.h>

typedef struct catalogue {
    size_t n_items, dim;
    const float *raw;   /* [n_items, dim] as in the file; borrowed from `file` or `read` */
    float *unit;        /* [n_items, dim], rows scaled to length 1 (zero rows stay zero) */
    bool rows_are_unit; /* every raw row has norm 1 +- 1e-3 */
    ids list;
    ids_index index;
    embeddings *file;
    float *read; /* holds `raw` when the file cannot be used in place */
} catalogue;

/* Takes ownership of the file, also on failure. ids_path NULL: the ids in the file itself.
 * SEMID_ERR_DATA for NaN, Inf, duplicate or no ids; SEMID_ERR_SHAPE if there is not one id per row.
 */
semid_status catalogue_load(catalogue *c, embeddings *file, const char *ids_path, semid_error *err);
void catalogue_release(catalogue *c);

/* The ids of the rows of `file`: distinct, one per row; errors as above. */
semid_status catalogue_ids_load(ids *out, const embeddings *file, const char *ids_path,
                                semid_error *err);
/* SEMID_ERR_DATA if NaN or Inf is among the n rows x, which are those from `first_row` on. */
semid_status catalogue_check_rows(const embeddings *file, const float *x, size_t n,
                                  size_t first_row, semid_error *err);

/* x / |x|, or x if it is zero. Returns |x|. */
double vector_normalize(float *x, size_t dim);

#endif
