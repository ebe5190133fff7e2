#include "table/csv_scan.h"

#include <string.h>

/* The closing quote of a field whose text starts at p, or NULL. */
static const char *closing_quote(const char *p, const char *end) {
    while ((p = memchr(p, '"', (size_t)(end - p)))) {
        if (p + 1 == end || p[1] != '"') return p;
        p += 2;
    }
    return NULL;
}

/* Where the field ends (a comma or the end of the line), or NULL. */
static const char *scan_field(const char *p, const char *end, csv_span *out) {
    const char *stop;
    if (p < end && *p == '"') {
        const char *close = closing_quote(p + 1, end);
        if (!close) return NULL;
        stop = close + 1;
        *out = (csv_span){p + 1, (size_t)(close - p - 1), true};
        return stop == end || *stop == ',' ? stop : NULL;
    }
    stop = memchr(p, ',', (size_t)(end - p));
    if (!stop) stop = end;
    *out = (csv_span){p, (size_t)(stop - p), false};
    return memchr(p, '"', out->n_bytes) ? NULL : stop;
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
