/* table/item_texts.h - one text per item from Parquet, streamed: the input of `embed`. */
#ifndef TABLE_ITEM_TEXTS_H
#define TABLE_ITEM_TEXTS_H

#include "base/error.h"
#include "base/string_list.h"
#include "formats/ids.h"

#include <stddef.h>
#include <stdint.h>

typedef struct item_texts item_texts;

typedef struct item_texts_params {
    const char *data;      /* parquet: file, folder, glob or comma list */
    const char *id_col;    /* "item_id" */
    const char *ts_col;    /* "timestamp"; may be missing: all rows then count as oldest */
    string_list text_cols; /* title, description */
} item_texts_params;

/* One row per item: the newest by timestamp (ties: the first). Rows are ordered by that timestamp,
 * missing ones first, and on ties as in the files. Pieces are stripped, empty ones skipped, list
 * elements joined by a space, pieces by " [SEP] "; an item without text gets "[EMPTY]". */
semid_status item_texts_open(item_texts **out, const item_texts_params *params, semid_error *err);
size_t item_texts_rows(const item_texts *t);
size_t item_texts_empty(const item_texts *t); /* how many rows read so far got "[EMPTY]" */
/* All ids, in row order. Must be called before the first item_texts_next. */
semid_status item_texts_ids(item_texts *t, ids *out, semid_error *err);
/* The texts of the next rows, at most n_max, which replace those in `texts`; n_ids 0 at the end. */
semid_status item_texts_next(item_texts *t, size_t n_max, ids *texts, semid_error *err);
void item_texts_close(item_texts *t);

#endif
