/* encoder/text_encoder.h - texts to vectors with a model folder: tokenizer, transformer and pooling
 * in one object. */
#ifndef ENCODER_TEXT_ENCODER_H
#define ENCODER_TEXT_ENCODER_H

#include "base/tristate.h"
#include "encoder/text_model.h"
#include "formats/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct text_encoder text_encoder;

typedef struct text_encoder_params {
    const char *model_dir;
    size_t max_len;     /* tokens of a text, [CLS] and [SEP] counted; the rest is cut off */
    pooling pool;       /* POOLING_AUTO: as the folder says */
    tristate normalize; /* TRISTATE_UNSET: as the folder says */
    precision kind;     /* of the products with the layers' weights */
    const char *prefix; /* put before every text, borrowed; NULL: the folder's default prompt */
} text_encoder_params;

/* SEMID_ERR_ARGUMENT when max_len is above the model's positions or has no room for a token. */
semid_status text_encoder_open(text_encoder **out, const text_encoder_params *params,
                               semid_error *err);
void text_encoder_close(text_encoder *e);

size_t text_encoder_dim(const text_encoder *e);
/* What POOLING_AUTO, TRISTATE_UNSET and a prefix of NULL stand for in this model. */
pooling text_encoder_pooling(const text_encoder *e);
bool text_encoder_normalizes(const text_encoder *e);
const char *text_encoder_prefix(const text_encoder *e);

typedef struct text_encoder_counts {
    size_t n_tokens, n_truncated;
} text_encoder_counts;

/* out [texts->n_ids, dim]; adds to *counts. The vector of a text is the same bytes whatever texts
 * are with it and at any number of threads. SEMID_ERR_DATA if one is not finite. */
semid_status text_encoder_embed(text_encoder *e, const ids *texts, float *out,
                                text_encoder_counts *counts, semid_error *err);

#endif
