/* encoder/tokenizer_spec.h - what a model folder says about its tokenizer, before it is built. */
#ifndef ENCODER_TOKENIZER_SPEC_H
#define ENCODER_TOKENIZER_SPEC_H

#include "encoder/added_tokens.h"
#include "encoder/bpe.h"
#include "encoder/normalizer.h"
#include "encoder/spm_normalizer.h"
#include "encoder/tokenizer.h"
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
    trie_key *tokens; /* [n_tokens]; may hold an empty token, which no text contains */
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

/* From a vocab.txt, one token a line (taken over by the spec), and the contents of
 * tokenizer_config.json (borrowed, NULL if there is none). */
semid_status tokenizer_spec_read_vocab(tokenizer_spec *spec, char *text, size_t n_bytes,
                                       const json_t *config, semid_error *err);

semid_status tokenizer_spec_add_token(tokenizer_spec *spec, const char *content, size_t n_bytes,
                                      int64_t id, semid_error *err);
/* added.content must be checked by tokenizer_spec_string or the like: not empty, no NUL. */
semid_status tokenizer_spec_add_added(tokenizer_spec *spec, added_token added, semid_error *err);
/* "left right" */
semid_status tokenizer_spec_add_merge(tokenizer_spec *spec, const char *line, size_t n_bytes,
                                      semid_error *err);
/* ["left", "right"] */
semid_status tokenizer_spec_add_merge_pair(tokenizer_spec *spec, const json_t *pair,
                                           semid_error *err);
semid_status id_list_add(id_list *list, int64_t id, semid_error *err);

/* Members of a JSON object; `where` names it in errors. */
semid_status json_member_string(const json_t *object, const char *where, const char *key,
                                const char **out, semid_error *err);
semid_status json_member_bool(const json_t *object, const char *where, const char *key, bool *out,
                              semid_error *err);
semid_status json_member_integer(const json_t *object, const char *where, const char *key,
                                 int64_t *out, semid_error *err);
/* The part `key` of a file, which must be an object of one of the types, named in supported_list
 * too and NULL behind the last. */
semid_status json_check_type(const json_t *object, const char *key, const char *const *supported,
                             const char *supported_list, const char **type, semid_error *err);
/* model, normalizer and pre_tokenizer of a tokenizer.json. */
semid_status tokenizer_spec_read_model(tokenizer_spec *spec, const json_t *root, semid_error *err);
semid_status tokenizer_spec_read_unigram(tokenizer_spec *spec, const json_t *root,
                                         const json_t *model, semid_error *err);
/* {token: id} */
semid_status tokenizer_spec_read_vocabulary(tokenizer_spec *spec, const json_t *vocab,
                                            const char *where, semid_error *err);
semid_status json_optional_bool(const json_t *config, const char *key, bool usual, bool *out,
                                semid_error *err);
/* An added token's content (unless given) and flags. */
semid_status json_added_token(const json_t *object, added_token *out, semid_error *err);

void tokenizer_spec_release(tokenizer_spec *spec);

/* Checks that it all fits together. */
semid_status tokenizer_from_spec(tokenizer **out, tokenizer_spec *spec, semid_error *err);

#endif
