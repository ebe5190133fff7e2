/* table/interactions.h - user histories for evaluation, read from train/valid/test.parquet. */
#ifndef TABLE_INTERACTIONS_H
#define TABLE_INTERACTIONS_H

#include "base/error.h"
#include "formats/ids.h"

#include <stddef.h>
#include <stdint.h>

/* `user` and `item` are positions in the two id lists of the set, which its files share. */
typedef struct interaction {
    uint32_t user, item;
    int64_t timestamp;
} interaction;

typedef struct interaction_set {
    ids users, items;     /* in order of first appearance */
    interaction *rows[3]; /* of train, valid and test, in file order */
    size_t n_rows[3];
} interaction_set;

/* Read files[i] (parquet; NULL = no rows) with columns user_id, item_id, timestamp. A missing
 * column is SEMID_ERR_FORMAT naming the columns found, a missing value SEMID_ERR_DATA. */
semid_status interactions_load(interaction_set *out, const char *const files[3], semid_error *err);
void interactions_release(interaction_set *set);

#endif
