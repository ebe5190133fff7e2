/* base/json_string.h - JSON strings (RFC 8259, section 7) as bytes, without a document tree. */
#ifndef BASE_JSON_STRING_H
#define BASE_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>

/* Where a scan of a string stopped. */
typedef enum json_string_stop {
    JSON_STRING_QUOTE,   /* at the closing quote: the string is well formed */
    JSON_STRING_END,     /* at the end of the text, without a closing quote */
    JSON_STRING_CONTROL, /* at a control character, which must be escaped */
    JSON_STRING_ESCAPE,  /* at the backslash of an escape that JSON does not have */
    JSON_STRING_INVALID  /* at a byte that is not UTF-8 */
} json_string_stop;

/* Reads on from *text, the first character after an opening quote, and moves *text to where it
 * stopped. Without `check_utf8`, bytes that are not UTF-8 pass. */
json_string_stop json_string_scan(const char **text, const char *end, bool check_utf8);

/* The characters of a scanned string into `out`, which has room for n bytes; `s` is what lies
 * between its quotes. Returns how many bytes. An escaped surrogate without its other half becomes
 * U+FFFD. `out` may be `s`. */
size_t json_string_unescape(const char *s, size_t n, char *out);

/* Writes the NUL-terminated s with quotes and escapes; returns the end. `out` has room for
 * JSON_STRING_ROOM(strlen(s)) bytes. */
#define JSON_STRING_ROOM(n) (6 * (n) + 2)
char *json_string_put(char *out, const char *s);

#endif
