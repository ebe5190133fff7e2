#include "pipeline/json_line.h"

#include "base/json_string.h"
#include "base/memory.h"

#include <string.h>

/* The strings themselves are scanned and unescaped by base/json_string; what is left is the line:
 * one string with space around it, and a message for each way in which it is something else. Lines
 * are decoded into one buffer over and over, which is why no document is parsed. */

static const char *skip_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) p++;
    return p;
}

semid_status json_line_decode(const char *line, size_t n_bytes, text_buffer *out,
                              semid_error *err) {
    const char *end = line + n_bytes, *p = skip_space(line, end);
    if (p == end) FAIL(SEMID_ERR_FORMAT, "expected a JSON string, found an empty line");
    if (*p != '"')
        FAIL(SEMID_ERR_FORMAT, "expected a JSON string, found \"%.*s\"",
             end - p > 20 ? 20 : (int)(end - p), p);

    const char *begin = ++p;
    switch (json_string_scan(&p, end, false)) {
    case JSON_STRING_CONTROL:
        FAIL(SEMID_ERR_FORMAT, "expected an escape, found a control character in the string");
    case JSON_STRING_ESCAPE:
        FAIL(SEMID_ERR_FORMAT, "expected an escape after a backslash");
    case JSON_STRING_END:
        FAIL(SEMID_ERR_FORMAT, "expected a closing quote, found the end of the line");
    case JSON_STRING_INVALID: /* such bytes pass */
    case JSON_STRING_QUOTE:
        break;
    }
    if (skip_space(p + 1, end) != end)
        FAIL(SEMID_ERR_FORMAT, "expected one JSON string, found more after it");

    TRY(mem_reserve(&out->bytes, &out->capacity, n_bytes, 1, err)); /* escapes only shrink */
    out->n_bytes = json_string_unescape(begin, (size_t)(p - begin), out->bytes);
    return SEMID_OK;
}

semid_status json_line_append_string(text_buffer *out, const char *s, semid_error *err) {
    size_t room = JSON_STRING_ROOM(strlen(s));
    TRY(mem_reserve(&out->bytes, &out->capacity, out->n_bytes + room, 1, err));
    out->n_bytes = (size_t)(json_string_put(out->bytes + out->n_bytes, s) - out->bytes);
    return SEMID_OK;
}
