/* encoder/tokenizer_spec.h - what a model folder says about its tokenizer, before it is built. */
#ifndef ENCODER_TOKENIZER_SPEC_H
#define ENCODER_TOKENIZER_SPEC_H

#include "encoder/added_tokens.h"
#include "encoder/bpe.h"
#include "encoder/normalizer.h"
#include "encoder/spm_normalizer.h"
#include "encoder/unigram.h"
#include "encoder/wordpiece.h"

#include <jansson.h>

typedef struct id_list {
    int32_t *ids;
    size_t n_ids, capacity;
} id_list;

typedef enum token_model { MODEL_WORDPIECE, MODEL_BPE, MODEL_UNIGRAM } token_model;

/* Strings are borrowed from `text` and `json`. */
typedef struct tokenizer_spec {
    normalizer_options normalizer;
    trie_key *tokens; /* [n_tokens]; may contain an empty token, which no text contains */
    size_t n_tokens, token_capacity;
    token_model model;
    wordpiece_options wordpiece;
    bpe_options bpe;
    bpe_merge *merges; /* [n_merges] */
    size_t n_merges, merge_capacity;
    spm_options spm;
    unigram_options unigram;
    double *scores; /* [n_tokens] */
    size_t score_capacity;
    added_token *added; /* [n_added] */
    size_t n_added, added_capacity;
    id_list before, after; /* ids put around every text */
    json_t *json;
    char *text;
} tokenizer_spec;

/* From the bytes of a tokenizer.json. `spec` starts zeroed; release it after a failure too. */
semid_status tokenizer_spec_read_json(tokenizer_spec *spec, const char *text, size_t n_bytes,
                                      semid_error *err);

/* From the contents of vocab.json and the bytes of merges.txt, which the spec takes over, and the
 * contents of tokenizer_config.json (borrowed, NULL if there is none). */
semid_status tokenizer_spec_read_merges(tokenizer_spec *spec, json_t *vocab, char *text,
                                        size_t n_bytes, const json_t *config, semid_error *err);

/* From a vocab.txt, one token per line (taken over by the spec), and the contents of
 * tokenizer_config.json (borrowed, NULL if there is none). */
semid_status tokenizer_spec_read_vocab(tokenizer_spec *spec, char *text, size_t n_bytes,
                                       const json_t *config, semid_error *err);

void tokenizer_spec_release(tokenizer_spec *spec);

/* ---- for the readers of the formats ---- */

/* model, normalizer and pre_tokenizer of a tokenizer.json; those of a Unigram model. */
semid_status tokenizer_spec_read_model(tokenizer_spec *spec, const json_t *root, semid_error *err);
semid_status tokenizer_spec_read_unigram(tokenizer_spec *spec, const json_t *root,
                                         const json_t *model, semid_error *err);

semid_status tokenizer_spec_add_token(tokenizer_spec *spec, const char *content, size_t n_bytes,
                                      int64_t id, semid_error *err);
/* {token: id} */
semid_status tokenizer_spec_add_vocabulary(tokenizer_spec *spec, const json_t *vocab,
                                           const char *where, semid_error *err);
/* "left right" */
semid_status tokenizer_spec_add_merge(tokenizer_spec *spec, const char *line, size_t n_bytes,
                                      semid_error *err);
/* ["left", "right"] */
semid_status tokenizer_spec_add_merge_pair(tokenizer_spec *spec, const json_t *pair,
                                           semid_error *err);
/* added.content contains no NUL. */
semid_status tokenizer_spec_add_added(tokenizer_spec *spec, added_token added, semid_error *err);
/* An added token with the content and the flags of a JSON object. */
semid_status tokenizer_spec_add_added_json(tokenizer_spec *spec, const json_t *object, int64_t id,
                                           semid_error *err);
semid_status id_list_add(id_list *list, int64_t id, semid_error *err);

#endif
