/* encoder/bpe.h - text to tokens as GPT-2 and RoBERTa do it: words by a fixed pattern, their bytes
 * merged pair by pair in the order the merges were learnt (Sennrich 2016, over bytes). */
#ifndef ENCODER_BPE_H
#define ENCODER_BPE_H

#include "encoder/token_ids.h"
#include "encoder/trie.h"

#include <stdbool.h>

/* Two neighbouring tokens that become one; those earlier in the list go first. */
typedef struct bpe_merge {
    const char *left, *right;
    size_t n_left, n_right; /* bytes */
} bpe_merge;

typedef struct bpe_options {
    const char *unknown_token; /* for bytes without a token; NULL: they are dropped */
    bool fuse_unknown;         /* several in a row are one */
    bool whole_words;          /* a word that is a token is not taken apart */
    bool prefix_space;         /* a text that starts with no space gets one */
} bpe_options;

typedef struct bpe_pair {
    int32_t left, right; /* tokens; left < 0: a free slot */
    uint32_t rank;
    int32_t merged;
} bpe_pair;

typedef struct bpe {
    int32_t byte_ids[256]; /* -1: none */
    int32_t unknown_id;    /* -1: none */
    bool fuse_unknown, prefix_space;
    bpe_pair *pairs; /* [n_slots], a power of two: a hash table with linear probing */
    size_t n_slots;
    trie words; /* the bytes of the words that become one token, as most words of a text do */
    const uint8_t *kinds;
} bpe;

/* tokens [n_tokens] are written as in vocab.json: a character for each byte. SEMID_ERR_FORMAT when
 * a merge names or makes a token that is not among them. */
semid_status bpe_init(bpe *out, const trie *vocabulary, const trie_key *tokens, size_t n_tokens,
                      const bpe_merge *merges, size_t n_merges, bpe_options options,
                      semid_error *err);
void bpe_release(bpe *b);

/* Appends the tokens of a text (valid UTF-8); stops early once n_ids reaches `limit`. begins: it is
 * the start of a text, not what follows a part that ended at bpe_part_end. */
semid_status bpe_append(const bpe *b, const char *text, size_t n_bytes, bool begins, size_t limit,
                        token_ids *out, semid_error *err);

/* Where a text can be cut after at most n_most bytes without a change of its tokens, or, if it
 * cannot, the next such place. */
size_t bpe_part_end(const char *text, size_t n_bytes, size_t n_most);

#endif
