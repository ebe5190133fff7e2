/* pipeline/json_line.h - JSON strings as lines of a file, without a document tree. */
#ifndef PIPELINE_JSON_LINE_H
#define PIPELINE_JSON_LINE_H

#include "base/error.h"
#include "base/text_buffer.h"

#include <stddef.h>

/* The JSON string that a line consists of; replaces the contents of `out`. Bytes that are not UTF-8
 * pass; an escaped lone surrogate becomes U+FFFD. SEMID_ERR_FORMAT for anything but one string. */
semid_status json_line_decode(const char *line, size_t n_bytes, text_buffer *out, semid_error *err);

/* Appends s with quotes and escapes. */
semid_status json_line_append_string(text_buffer *out, const char *s, semid_error *err);

#endif
