#include "table/csv_scan.h"

#include <string.h>

/* CSV as RFC 4180 has it, except that a record is a line: a quoted field may contain commas and
 * doubled quotes, but no line break, because lines are split before they are parsed. A quote within
 * a field that does not begin with one is malformed. memchr() does the searching. */

/* The end of the field at p (a comma or the end of the line), or NULL if it is malformed. */
static const char *scan_field(const char *p, const char *end, csv_span *out) {
    if (p == end || *p != '"') {
        const char *stop = memchr(p, ',', (size_t)(end - p));
        if (!stop) stop = end;
        *out = (csv_span){p, (size_t)(stop - p), false};
        return memchr(p, '"', out->n_bytes) ? NULL : stop;
    }

    /* The closing quote is the first one that is not doubled. */
    const char *text = ++p;
    while ((p = memchr(p, '"', (size_t)(end - p))) && p + 1 < end && p[1] == '"') p += 2;
    if (!p) return NULL;
    *out = (csv_span){text, (size_t)(p - text), true};
    p++;
    return p == end || *p == ',' ? p : NULL;
}

size_t csv_scan_line(const char *line, size_t n_bytes, csv_span *out, size_t n_max) {
    const char *p = line, *end = line + n_bytes;
    for (size_t n = 0;; p++) {
        csv_span field;
        if (!(p = scan_field(p, end, &field))) return 0;
        if (n < n_max) out[n] = field;
        n++;
        if (p == end) return n;
    }
}

size_t csv_scan_text(csv_span field, char *buf) {
    size_t n = 0;
    for (size_t i = 0; i < field.n_bytes; i++) {
        buf[n++] = field.text[i];
        if (field.quoted && field.text[i] == '"') i++;
    }
    return n;
}
