/* table/item_codes.h - the semantic-ID table: item_id with c1..cL (RQ) or token (VQ). */
#ifndef TABLE_ITEM_CODES_H
#define TABLE_ITEM_CODES_H

#include "base/error.h"
#include "formats/ids.h"
#include "semid/codes.h"

#include <stdbool.h>

/* Read .parquet / .csv / .jsonl written by item_codes_save (or by pandas with these columns), in
 * file order. Errors: SEMID_ERR_FORMAT, a column is missing, naming those found; SEMID_ERR_DATA,
 * there are no rows, or a row, which is named, has no id or a code that is not an integer of [0,
 * 2^31). */
semid_status item_codes_load(ids *list, semid_codes *codes, const char *path, const char *id_col,
                             semid_error *err);

/* SEMID_ERR_ARGUMENT if item_codes_save cannot write a file of this name. */
semid_status item_codes_check_path(const char *path, semid_error *err);

/* Write in the format of the extension. One level: column `token`; more: c1..cL. concat: add the
 * column code_str ("12-203-7"). */
semid_status item_codes_save(const ids *list, const semid_codes *codes, const char *path,
                             const char *id_col, bool concat, semid_error *err);

#endif
