/* pipeline/json_line.h - JSON strings as lines of a file, without a document tree. */
#ifndef PIPELINE_JSON_LINE_H
#define PIPELINE_JSON_LINE_H

#include "base/error.h"

#include <stddef.h>

/* A growing piece of text. Starts zeroed. */
typedef struct text_buffer {
    char *bytes;
    size_t n_bytes, capacity;
} text_buffer;

/* The string that is all of a line; replaces the contents of `out`. Bytes that are no UTF-8 pass;
 * an escaped lone surrogate becomes U+FFFD. SEMID_ERR_FORMAT for anything else than a string. */
semid_status json_line_decode(const char *line, size_t n_bytes, text_buffer *out, semid_error *err);

/* Append it with quotes and escapes. */
semid_status json_line_append_string(text_buffer *out, const char *s, semid_error *err);

#endif
