/* base/utf8.h - the UTF-8 codec. Valid means what RFC 3629 and table 3-7 of the Unicode standard
 * say: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX_BYTES = 4, UTF8_REPLACEMENT = 0xfffd };

/* The code point at s, where n > 0 bytes are available; returns its length, or 0 if it is invalid
 * or truncated. */
size_t utf8_decode(const char *s, size_t n, uint32_t *code_point);

/* The code point at *text, which moves past it; U+FFFD for every maximal invalid part, as in the
 * Unicode standard (3.9, U+FFFD substitution) and Python's errors="replace". */
uint32_t utf8_next(const char **text, const char *end);

/* Writes a code point to buf; returns its length, or 0 if it is a surrogate or above U+10FFFF. */
size_t utf8_encode(uint32_t code_point, char buf[UTF8_MAX_BYTES]);

/* Appends a code point that utf8_encode accepts at `out`; returns the end. */
char *utf8_put(char *out, uint32_t code_point);

/* Whether all n bytes are valid; the number of code points in *n_points if not NULL. */
bool utf8_check(const char *s, size_t n, size_t *n_points);

/* The start of the character that the byte at `at` belongs to, in valid text; s[at] is readable. In
 * other text, `at` or one of the three positions before it. */
size_t utf8_boundary(const char *s, size_t at);

#endif
