/* encoder/text_model_config.h - what the small files of a model folder say: config.json, and of
 * sentence-transformers, if they exist, modules.json, 1_Pooling/config.json,
 * sentence_bert_config.json and config_sentence_transformers.json. */
#ifndef ENCODER_TEXT_MODEL_CONFIG_H
#define ENCODER_TEXT_MODEL_CONFIG_H

#include "base/error.h"
#include "kernels/gemm.h"

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

typedef struct text_model_config {
    /* config.json */
    architecture arch;
    size_t hidden, n_layers, n_heads, intermediate, n_words, n_positions;
    size_t n_types; /* 0: the architecture has none */
    int32_t pad_id; /* positions count from the one after it, a literal <pad> has its own; -1: they
                       count from 0 */
    float layer_norm_eps;
    activation act;
    /* the sentence-transformers files; without them: mean, not normalised */
    pooling pool; /* never POOLING_AUTO */
    bool normalize;
    size_t max_seq_length; /* 0: not said */
    char *prompt;          /* put before every text; "" if none */
} text_model_config;

/* SEMID_ERR_UNSUPPORTED names what is not supported and what is. */
semid_status text_model_config_load(text_model_config *out, const char *model_dir,
                                    semid_error *err);
void text_model_config_release(text_model_config *c);

/* The tokens of the longest text for which there are positions. */
size_t text_model_config_max_tokens(const text_model_config *c);

const char *pooling_name(pooling p);

#endif
