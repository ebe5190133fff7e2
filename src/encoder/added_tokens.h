/* encoder/added_tokens.h - tokens that are found in a text before it is split into words, such as
 * [SEP]. */
#ifndef ENCODER_ADDED_TOKENS_H
#define ENCODER_ADDED_TOKENS_H

#include "base/error.h"
#include "encoder/normalizer.h"
#include "encoder/spm_normalizer.h"
#include "encoder/trie.h"

typedef struct added_token {
    const char *content;
    int32_t id;
    bool special;        /* goes before others of the same text */
    bool normalized;     /* looked for in the normalised text, not in the raw one */
    bool single_word;    /* not next to word characters */
    bool lstrip, rstrip; /* takes the white space before / after it along */
} added_token;

/* Finds those with one value of `normalized`, leftmost first, longest of those. */
typedef struct token_matcher {
    trie contents;       /* to positions in tokens */
    added_token *tokens; /* [n_tokens], content not kept */
    size_t n_tokens;
    uint8_t starts[256]; /* 1: a token starts with this byte */
    int only_start;      /* if it is one byte, that byte; else -1 */
} token_matcher;

semid_status token_matcher_init(token_matcher *out, const added_token *tokens, size_t n_tokens,
                                bool normalized, const normalizer *n, const spm_normalizer *spm,
                                semid_error *err);
void token_matcher_release(token_matcher *m);

/* A part of a text: a token, or (id < 0) what lies between tokens. */
typedef struct text_piece {
    size_t begin, end;
    int32_t id;
} text_piece;

/* Starts zeroed. */
typedef struct match_state {
    size_t searched, taken; /* up to where the text was searched, and given out */
    bool pending;           /* `token` comes next: what lay before it was given out */
    text_piece token;
} match_state;

/* The next piece of the text, in order; false at its end. */
bool token_matcher_next(const token_matcher *m, const char *text, size_t n_bytes,
                        match_state *state, text_piece *piece);

#endif
