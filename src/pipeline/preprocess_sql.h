/* pipeline/preprocess_sql.h - the statements of preprocess, one function per stage. Users and items
 * are numbered early (u, i), so that the k-core and the split work on integers. The tables:
 *
 *   reviews    ord, user_id, item_id, timestamp, rating        rows that have all they need
 *   coded      file, u, i, timestamp, rating                   by (timestamp, ord): rowid is the
 *                                                              order n
 *   core       n, u, i                                         what dedup and the k-core leave
 *   split      n, u, i, timestamp, rating, part                part: 0 train, 1 valid, 2 test
 *   items      i, item_id, title, description, ...             one row per item left, by item_id
 *   item_rows  i, item_id, item_row                            what is kept of it after it is
 * written
 */
#ifndef PIPELINE_PREPROCESS_SQL_H
#define PIPELINE_PREPROCESS_SQL_H

#include "pipeline/preprocess_params.h"
#include "table/text_store.h"

typedef struct core_counts {
    int64_t rows, users, items;
} core_counts;

semid_status preprocess_load_reviews(sql_db *db, semid_error *err); /* from read_reviews() */
semid_status preprocess_count_reviews(sql_db *db, double min_rating, int64_t *n_complete,
                                      int64_t *n_rated, semid_error *err);
semid_status preprocess_number(sql_db *db, double min_rating, semid_error *err);
semid_status preprocess_dedup_rows(sql_db *db, int dedup /* preprocess_dedup */, semid_error *err);
semid_status preprocess_count_core(sql_db *db, core_counts *out, semid_error *err);
/* One pass: drops users with fewer than k rows, then items with fewer than k of those left. */
semid_status preprocess_core_pass(sql_db *db, int64_t k, semid_error *err);
semid_status preprocess_split_rows(sql_db *db, const preprocess_params *p, int64_t n_rows,
                                   semid_error *err);
semid_status preprocess_load_meta(sql_db *db, semid_error *err); /* from read_meta() */
/* out: rows of meta with an id; different ids among them; items left that have a row. */
semid_status preprocess_count_meta(sql_db *db, int64_t out[3], semid_error *err);
semid_status preprocess_collect_items(sql_db *db, semid_error *err);

semid_status preprocess_write_items(sql_db *db, const char *path, semid_error *err);
/* Moves the texts that all parts repeat into a store in `dir`, and drops `items`. */
semid_status preprocess_store_texts(sql_db *db, const char *dir, text_store **out,
                                    semid_error *err);
semid_status preprocess_write_part(sql_db *db, int part, const char *path, semid_error *err);

typedef struct part_counts {
    int64_t rows, users, items, first_timestamp, last_timestamp;
} part_counts;
semid_status preprocess_count_part(sql_db *db, int part, part_counts *out, semid_error *err);
/* out: test rows whose user has no row in train and valid; those whose item has none. */
semid_status preprocess_count_cold(sql_db *db, int64_t out[2], semid_error *err);

#endif
