/* encoder/normalizer.h - BertNormalizer: cleaning, spaces around ideographs, accent stripping,
 * lower case. */
#ifndef ENCODER_NORMALIZER_H
#define ENCODER_NORMALIZER_H

#include "base/error.h"

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

/* A growing piece of text. */
typedef struct text_buffer {
    char *bytes;
    size_t n_bytes, capacity;
} text_buffer;

void normalizer_init(normalizer *n, normalizer_options options);

/* Replaces the contents of `out` by the normalised text, valid UTF-8 even where `text` is not. */
semid_status normalizer_run(const normalizer *n, const char *text, size_t n_bytes, text_buffer *out,
                            semid_error *err);

#endif
