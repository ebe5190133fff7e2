/* encoder/normalizer.h - BertNormalizer: cleaning, spaces around ideographs, accent stripping,
 * lower case. */
#ifndef ENCODER_NORMALIZER_H
#define ENCODER_NORMALIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct normalizer_options {
    bool clean_text, handle_chinese_chars, strip_accents, lowercase;
} normalizer_options;

typedef struct normalizer {
    uint8_t mask;       /* the properties of characters that need work */
    uint8_t ascii[128]; /* what each becomes */
    uint8_t kept[128];  /* 1, or 0 for those that are dropped */
    const uint8_t *properties;
} normalizer;

void normalizer_init(normalizer *n, normalizer_options options);

/* Bytes that normalizer_run needs for a text. No character grows to more than three times its bytes
 * (a Hangul syllable becomes three jamo, an invalid byte U+FFFD), and sorting takes a copy. */
#define NORMALIZER_ROOM(n_bytes) (6 * (n_bytes) + 4)

/* Writes the normalised text, valid UTF-8 even where `text` is not; returns its bytes.
 * out: [NORMALIZER_ROOM(n_bytes)]. */
size_t normalizer_run(const normalizer *n, const char *text, size_t n_bytes, char *out);

#endif
