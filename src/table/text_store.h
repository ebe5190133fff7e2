/* table/text_store.h - the texts of items in an unnamed file, and SQL functions that fetch them by
 * number. Rows that repeat the long text of an item can so be sorted without it: it is added when
 * they are written, and little of it is in memory at a time. */
#ifndef TABLE_TEXT_STORE_H
#define TABLE_TEXT_STORE_H

#include "table/sql.h"

typedef struct text_store text_store;

/* Store the rows of `select` (VARCHAR title, VARCHAR[] description), numbered from 0 in order,
 * in a file within `dir`, and make the functions stored_title(BIGINT) and
 * stored_description(BIGINT). `select` is released in any case. The store must outlive the
 * statements that use them. */
semid_status text_store_open(text_store **out, sql_db *db, sql_text *select, const char *dir,
                             semid_error *err);
void text_store_close(text_store *s); /* accepts NULL; deletes the file */

#endif
