/* encoder/encoder.h - texts to vectors with a model folder: tokenizer, transformer, pooling. */
#ifndef ENCODER_ENCODER_H
#define ENCODER_ENCODER_H

#include "base/tristate.h"
#include "encoder/model.h"
#include "formats/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct encoder encoder;

typedef struct encoder_params {
    const char *model_dir;
    size_t max_len;     /* tokens of a text, [CLS] and [SEP] counted; the rest is cut off */
    pooling pool;       /* POOLING_AUTO: as the folder says */
    tristate normalize; /* TRISTATE_UNSET: as the folder says */
    precision kind;     /* of the products with the layers' weights */
    const char *prefix; /* put before every text, borrowed; NULL: the folder's default prompt */
} encoder_params;

/* SEMID_ERR_ARGUMENT when max_len is above the model's positions or has no room for a token. */
semid_status encoder_open(encoder **out, const encoder_params *params, semid_error *err);
void encoder_close(encoder *e);

size_t encoder_dim(const encoder *e);
/* What POOLING_AUTO, TRISTATE_UNSET and a prefix of NULL came to. */
pooling encoder_pooling(const encoder *e);
bool encoder_normalizes(const encoder *e);
const char *encoder_prefix(const encoder *e);

typedef struct encoder_counts {
    size_t n_tokens, n_truncated;
} encoder_counts;

/* out [texts->n_ids, dim]; adds to *counts. The vector of a text is the same bytes whatever texts
 * are with it and at any number of threads. SEMID_ERR_DATA if one is not finite. */
semid_status encoder_embed(encoder *e, const ids *texts, float *out, encoder_counts *counts,
                           semid_error *err);

#endif
