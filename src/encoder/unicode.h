/* encoder/unicode.h - code points as Hugging Face's tokenizers see them. The tables are generated
 * by scripts/make_unicode_tables.py from that library itself: its Unicode versions are its own. */
#ifndef ENCODER_UNICODE_H
#define ENCODER_UNICODE_H

#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHAR_REMOVED = 1,     /* dropped by cleaning */
    CHAR_WHITESPACE = 2,  /* separates words; a space after cleaning */
    CHAR_CHINESE = 4,     /* an ideograph: spaces are put around it */
    CHAR_PUNCTUATION = 8, /* a word of its own */
    CHAR_MARK = 16,       /* nothing is left of it once accents are stripped */
    CHAR_DECOMPOSES = 32, /* something else is left of it */
    CHAR_NONSTARTER = 64, /* combining class other than 0 */
    CHAR_UPPER = 128      /* has a lower case */
};

/* One byte of the flags above for each of the 0x110000 code points; shared, read-only. */
const uint8_t *unicode_properties(void);

/* What GPT-2's pattern tells apart: \p{L}, \p{N}, \s. */
enum { KIND_OTHER, KIND_LETTER, KIND_NUMBER, KIND_SPACE, KIND_MASK = 3 };

/* And how characters stick together. */
enum {
    CLUSTER_EXTENDS = 4,   /* belongs to the character before it, such as an accent */
    CLUSTER_CLOSED = 8,    /* nothing belongs to it: a control */
    CLUSTER_PREPENDS = 16, /* belongs to the character after it */
    CLUSTER_PICTURE = 32   /* a zero width joiner joins two of them */
};

/* A kind, and flags, for each code point, likewise. */
const uint8_t *unicode_kinds(void);

/* What \w matches. */
bool unicode_is_word(uint32_t c);

/* Lower case into out; returns how many code points (1 or 2). */
size_t unicode_lower(uint32_t c, uint32_t out[2]);

/* The canonical decomposition of a CHAR_DECOMPOSES without its marks: 1 to 3 code points. */
size_t unicode_decompose(uint32_t c, uint32_t out[3]);

/* The combining class of a character that is no CHAR_MARK. */
uint8_t unicode_combining_class(uint32_t c);

#endif
