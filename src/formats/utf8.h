/* formats/utf8.h - UTF-8 as ids need it: checked, and to and from NumPy's UTF-32. */
#ifndef FORMATS_UTF8_H
#define FORMATS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point at s, of which n > 0 bytes are there; its length, or 0 if it is malformed,
 * over-long or a surrogate. */
size_t utf8_decode(const char *s, size_t n, uint32_t *code_point);
/* Into buf; its length, or 0 if this is not a Unicode scalar value. */
size_t utf8_encode(uint32_t code_point, char buf[4]);
/* Whether all of it is UTF-8; the number of code points in *n_points if not NULL. */
bool utf8_check(const char *s, size_t n, size_t *n_points);

#endif
