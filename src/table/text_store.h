/* table/text_store.h - the texts of items in an unnamed file, and SQL functions that fetch them by
 * number. Rows that repeat an item's long text can so be sorted without it: the text joins them
 * only when they are written, and memory holds little of it. */
#ifndef TABLE_TEXT_STORE_H
#define TABLE_TEXT_STORE_H

#include "table/sql.h"

typedef struct text_store text_store;

/* Store the rows of `select` (VARCHAR title, VARCHAR[] description), numbered from 0 as they come,
 * in a file within `dir`, and make the functions stored_title(BIGINT) and
 * stored_description(BIGINT). `select` is released in any case. The store must outlive the
 * statements that use them. */
semid_status text_store_open(text_store **out, sql_db *db, sql_text *select, const char *dir,
                             semid_error *err);
void text_store_close(text_store *s); /* accepts NULL; the file is gone */

#endif
