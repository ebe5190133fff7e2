/* table/csv_scan.h - the fields of one CSV line (RFC 4180 without line breaks inside fields). */
#ifndef TABLE_CSV_SCAN_H
#define TABLE_CSV_SCAN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct csv_span {
    const char *text; /* without the enclosing quotes */
    size_t n_bytes;
    bool quoted; /* quotes inside are doubled; csv_scan_text undoes that */
} csv_span;

/* The first n_max fields into out. Returns the number of fields, 0 if the line is malformed: a
 * quote is not closed or not allowed where it is. An empty line has one empty field. */
size_t csv_scan_line(const char *line, size_t n_bytes, csv_span *out, size_t n_max);

/* The field's text into buf (at least n_bytes); returns its length. */
size_t csv_scan_text(csv_span field, char *buf);

#endif
