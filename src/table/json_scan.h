/* table/json_scan.h - checks that a line is one JSON object and finds the values of wanted keys in
 * it, without building anything. Strict (RFC 8259, valid UTF-8, depth below 512), except that NaN,
 * Infinity and -Infinity pass, as Python writes them. */
#ifndef TABLE_JSON_SCAN_H
#define TABLE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes of a value in the line, with the quotes of a string. */
typedef struct json_span {
    const char *text; /* NULL: the key is missing or null */
    size_t n_bytes;
} json_span;

/* out[i] is the value of keys[i]; of a repeated key the last. Keys are compared without unescaping.
 * Returns NULL, or the position at which the line is malformed. */
const char *json_scan_object(const char *line, size_t n_bytes, const char *const *keys,
                             size_t n_keys, json_span *out);

/* The characters of a string value, or the text of any other, into buf (at least value.n_bytes);
 * returns the number of bytes. An unpaired surrogate becomes U+FFFD. The value must have been
 * scanned.
 */
size_t json_scan_text(json_span value, char *buf);

/* "rating, title, ..." - the keys of an object, truncated to n_buf - 1 bytes. */
void json_scan_keys(const char *line, size_t n_bytes, char *buf, size_t n_buf);

#endif
