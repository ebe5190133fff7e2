/* encoder/wordpiece.h - words to sub-word tokens: BertPreTokenizer and the WordPiece model. */
#ifndef ENCODER_WORDPIECE_H
#define ENCODER_WORDPIECE_H

#include "encoder/token_ids.h"
#include "encoder/trie.h"

typedef struct wordpiece {
    const trie *vocabulary;
    uint32_t continuation; /* the node of "##"; UINT32_MAX: no token starts so */
    int32_t unknown_id;
    size_t max_word_chars;    /* longer words are unknown */
    uint8_t ascii_kinds[128]; /* CHAR_WHITESPACE, CHAR_PUNCTUATION or 0 */
    const uint8_t *properties;
} wordpiece;

typedef struct wordpiece_options {
    const char *unknown_token, *continuation_prefix;
    size_t max_word_chars;
} wordpiece_options;

/* The vocabulary must outlive it. SEMID_ERR_FORMAT when the unknown token is not in it. */
semid_status wordpiece_init(wordpiece *out, const trie *vocabulary, wordpiece_options options,
                            semid_error *err);

/* Splits normalised text (valid UTF-8) into words and appends their tokens; stops early once n_ids
 * reaches `limit`. */
semid_status wordpiece_append(const wordpiece *w, const char *text, size_t n_bytes, size_t limit,
                              token_ids *out, semid_error *err);

#endif
