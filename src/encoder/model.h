/* encoder/model.h - a sentence encoder of the BERT family as a Hugging Face / sentence-transformers
 * folder holds it: config.json, model.safetensors, and optionally modules.json,
 * 1_Pooling/config.json, sentence_bert_config.json, config_sentence_transformers.json. */
#ifndef ENCODER_MODEL_H
#define ENCODER_MODEL_H

#include "base/error.h"
#include "formats/safetensors.h"
#include "kernels/encoder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the vectors of the tokens become one: their mean, that of [CLS], or tanh(W [CLS] + b). */
typedef enum pooling { POOLING_AUTO, POOLING_MEAN, POOLING_CLS, POOLING_POOLER } pooling;

/* They differ in the names of their tensors, in how positions are counted, and MPNet adds a bias to
 * the attention that depends on the distance of two tokens. */
typedef enum architecture {
    ARCHITECTURE_BERT,
    ARCHITECTURE_ROBERTA,
    ARCHITECTURE_MPNET
} architecture;

typedef struct model_config {
    /* config.json */
    architecture arch;
    size_t hidden, n_layers, n_heads, intermediate, n_words, n_positions;
    size_t n_types; /* 0: the architecture has none */
    int32_t pad_id; /* positions count from the one behind it, a literal <pad> has its own; -1: they
                       count from 0 */
    float layer_norm_eps;
    activation act;
    /* the sentence-transformers files; without them: mean, not normalised */
    pooling pool; /* never POOLING_AUTO */
    bool normalize;
    size_t max_seq_length; /* 0: not said */
    char *prompt;          /* put before every text; "" if none */
} model_config;

/* SEMID_ERR_UNSUPPORTED names what is not supported and what is. */
semid_status model_config_load(model_config *out, const char *model_dir, semid_error *err);
void model_config_release(model_config *c);

/* The tokens of the longest text for which there are positions. */
size_t model_config_max_tokens(const model_config *c);

/* What the weights are held in and multiplied as. */
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

typedef struct model_layer {
    linear qkv; /* query, key and value side by side, each padded to gemm_pad(hidden) */
    linear attention_out, up, down;
    norm attention_norm, output_norm;
} model_layer;

typedef struct model {
    model_config config;
    precision kind; /* of the layers; the pooler, one row a text, is float32 always */
    safetensors *file;
    array words;          /* [n_words, hidden], a view into file */
    float *places;        /* [n_positions, hidden]: position + type 0 */
    float *distance_bias; /* [n_heads, 2 max_tokens - 1], what attention adds for the distance of a
                             key from its query, in the order of distances; scaled so that it is
                             added to the plain products. NULL: nothing is */
    norm embedding_norm;
    model_layer *layers;
    linear pooler; /* n_out 0: the file has none */
} model;

/* Reads the folder; every tensor's shape and type is checked against config.json. */
semid_status model_open(model **out, const char *model_dir, precision kind, semid_error *err);
void model_close(model *m);

const char *pooling_name(pooling p);
const char *precision_name(precision kind);

#endif
