/* encoder/unigram.h - text to tokens as SentencePiece's Unigram model does it (Kudo 2018): words
 * that start with a mark for the space before them, each cut into the pieces whose scores add up
 * highest. */
#ifndef ENCODER_UNIGRAM_H
#define ENCODER_UNIGRAM_H

#include "encoder/token_ids.h"
#include "encoder/trie.h"

#include <stdbool.h>

/* Which words get a mark without a space before them: all of them, the one the text starts with, or
 * none. */
typedef enum mark_scheme { MARK_ALWAYS, MARK_FIRST, MARK_NEVER } mark_scheme;

enum { MAX_MARK_BYTES = 4 };

typedef struct unigram_options {
    const double *scores; /* of each id */
    size_t n_scores;
    int32_t unknown_id;
    bool byte_fallback; /* what is unknown becomes its bytes' tokens, if all have one */
    char mark[MAX_MARK_BYTES + 1];
    mark_scheme scheme;
    bool split_whitespace; /* white space separates words and is dropped */
    bool split_marks;      /* a mark starts a word */
} unigram_options;

typedef struct unigram {
    const trie *vocabulary;
    double *scores, unknown_score;
    int32_t unknown_id;
    bool byte_fallback;
    int32_t byte_ids[256]; /* -1: none */
    char mark[MAX_MARK_BYTES + 1];
    size_t n_mark;
    mark_scheme scheme;
    bool split_whitespace, split_marks;
    const uint8_t *kinds;
} unigram;

/* The vocabulary must outlive it. */
semid_status unigram_init(unigram *out, const trie *vocabulary, const unigram_options *options,
                          semid_error *err);
void unigram_release(unigram *u);

/* Appends the tokens of a normalised text (valid UTF-8); stops early once n_ids reaches `limit`.
 * first: nothing stands before it. */
semid_status unigram_append(const unigram *u, const char *text, size_t n_bytes, bool first,
                            size_t limit, token_ids *out, semid_error *err);

#endif
