/* table/interactions.h - user histories for evaluation, read from train/valid/test.parquet. */
#ifndef TABLE_INTERACTIONS_H
#define TABLE_INTERACTIONS_H

#include "base/error.h"
#include "formats/ids.h"

#include <stddef.h>
#include <stdint.h>

/* Rows in file order. `user` and `item` index into the two id lists, which are shared by all files
 * that were read into the same set. */
typedef struct interaction {
    uint32_t user, item;
    int64_t timestamp;
} interaction;

typedef struct interaction_set {
    ids users, items; /* in order of first appearance */
    interaction *rows[3];
    size_t n_rows[3];
} interaction_set;

/* Read files[i] (parquet; NULL = no rows) with columns user_id, item_id, timestamp. A missing
 * column is SEMID_ERR_FORMAT naming the columns that are there. */
semid_status interactions_load(interaction_set *out, const char *const files[3], semid_error *err);
void interactions_release(interaction_set *set);

#endif
