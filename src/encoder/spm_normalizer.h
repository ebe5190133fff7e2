/* encoder/spm_normalizer.h - what is done to a text before the Unigram model of SentencePiece, as
 * tokenizer.json says it: characters replaced by a table (Precompiled), runs of spaces by one
 * (Replace), white space stripped at the end (Strip). */
#ifndef ENCODER_SPM_NORMALIZER_H
#define ENCODER_SPM_NORMALIZER_H

#include "base/error.h"
#include "base/text_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum text_step_kind { STEP_CHARSMAP, STEP_SQUEEZE_SPACES, STEP_STRIP_RIGHT } text_step_kind;

enum { MAX_TEXT_STEPS = 8, MAX_SQUEEZED_BYTES = 4 };

typedef struct text_step {
    text_step_kind kind;
    char squeezed[MAX_SQUEEZED_BYTES + 1]; /* what several spaces become */
} text_step;

typedef struct spm_options {
    text_step steps[MAX_TEXT_STEPS];
    size_t n_steps;
    const char *charsmap; /* base64; NULL: there is no such step, else exactly one */
} spm_options;

/* A double array of keys (Aoe 1989, as darts-clone lays it out) and the strings they become. */
typedef struct charsmap {
    uint32_t *units; /* [n_units] */
    size_t n_units;
    char *strings; /* [n_string_bytes + 1], each ends with a NUL */
    size_t n_string_bytes;
    uint8_t ascii_mapped[128];
} charsmap;

typedef struct spm_normalizer {
    text_step steps[MAX_TEXT_STEPS];
    size_t n_steps;
    charsmap map;
    const uint8_t *kinds;
    bool keeps_visible_ascii; /* whatever stands around it */
} spm_normalizer;

/* SEMID_ERR_FORMAT for a charsmap that is none. */
semid_status spm_normalizer_init(spm_normalizer *out, const spm_options *options, semid_error *err);
void spm_normalizer_release(spm_normalizer *s);

/* text: valid UTF-8. Replaces the contents of `out`. */
semid_status spm_normalizer_run(const spm_normalizer *s, const char *text, size_t n_bytes,
                                text_buffer *out, semid_error *err);

#endif
