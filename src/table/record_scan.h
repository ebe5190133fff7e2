/* table/record_scan.h - the records of JSONL or CSV files as a table of DuckDB: one row per
 * well-formed line; malformed lines are counted, with their numbers. Several threads scan at once,
 * so rows come in any order; column `ord` (BIGINT) orders them by file and by line. */
#ifndef TABLE_RECORD_SCAN_H
#define TABLE_RECORD_SCAN_H

#include "table/sql.h"

#include "base/path_list.h"
typedef enum record_format {
    RECORD_JSONL, /* one JSON object per line */
    RECORD_CSV    /* a header, then lines with as many fields; UTF-8 */
} record_format;

/* A column, VARCHAR. NULL when the key is missing or null. */
typedef struct record_field {
    const char *name;
    bool raw_json; /* the value as JSON (a string with its quotes), not its text */
} record_field;

enum { RECORD_MAX_FIELDS = 16, RECORD_FIRST_BAD = 10 };

typedef struct record_spec {
    const path_list *files; /* must outlive the scan */
    record_format format;
    const record_field *fields;
    size_t n_fields;
    bool strict; /* the first malformed line is an error */
} record_spec;

/* The lines of one file. Blank ones do not count. */
typedef struct record_counts {
    uint64_t n_good, n_bad;
    uint64_t first_bad[RECORD_FIRST_BAD]; /* line numbers, from 1, ascending */
} record_counts;

typedef struct record_scan record_scan;

/* Make the table function name(), which can be used once, in one statement. The record_scan must
 * outlive that statement. */
semid_status record_scan_open(record_scan **out, sql_db *db, const char *name,
                              const record_spec *spec, semid_error *err);
/* After that statement returned `status`: the error of the scan if there was one (also one that
 * DuckDB did not see, from `strict`), else `status`. */
semid_status record_scan_finish(record_scan *s, semid_status status, semid_error *err);
const record_counts *record_scan_counts(const record_scan *s, size_t file);
/* "rating, title, ...": the keys of a well-formed line, for the message about missing ones. */
const char *record_scan_keys(const record_scan *s);
/* Bytes of the files consumed so far; callable during the scan. */
size_t record_scan_consumed(record_scan *s);
void record_scan_close(record_scan *s); /* accepts NULL */

#endif
