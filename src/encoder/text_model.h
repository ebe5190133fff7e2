/* encoder/text_model.h - the weights of a sentence encoder of the BERT family, read from a Hugging
 * Face / sentence-transformers folder and packed for the products of the forward pass. */
#ifndef ENCODER_TEXT_MODEL_H
#define ENCODER_TEXT_MODEL_H

#include "encoder/text_model_config.h"
#include "formats/safetensors.h"

#include <stddef.h>

/* The numbers that weights are held in and multiplied in. */
typedef enum precision { PRECISION_F32, PRECISION_BF16, PRECISION_INT8 } precision;

/* y = x W + b; W packed for the product of its precision, all else padded like it. */
typedef struct linear {
    precision kind;
    size_t n_in, n_out;   /* n_out is a multiple of GEMM_PANEL */
    void *packed;         /* float, uint16_t or int8_t */
    float *bias;          /* [n_out] */
    float *scales, *sums; /* [n_out], int8 only */
} linear;

typedef struct norm {
    float *gamma, *beta; /* [hidden] */
} norm;

typedef struct text_model_layer {
    linear qkv; /* query, key and value side by side, each padded to gemm_pad(hidden) */
    linear attention_out, up, down;
    norm attention_norm, output_norm;
} text_model_layer;

typedef struct text_model {
    text_model_config config;
    precision kind; /* of the layers; the pooler, one row per text, is always float32 */
    safetensors *file;
    array words;                /* [n_words, hidden], a view into file */
    float *position_embeddings; /* [n_positions, hidden]: position + type 0 */
    float *distance_bias; /* [n_heads, 2 max_tokens - 1], what attention adds for the distance of a
                             key from its query, in the order of distances; scaled so that it is
                             added to the plain products. NULL: nothing is */
    norm embedding_norm;
    text_model_layer *layers;
    linear pooler; /* n_out 0: the file has none */
} text_model;

/* Reads the folder; every tensor's shape and type is checked against config.json. */
semid_status text_model_open(text_model **out, const char *model_dir, precision kind,
                             semid_error *err);
void text_model_close(text_model *m);

const char *precision_name(precision kind);

#endif
