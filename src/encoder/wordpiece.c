#include "encoder/wordpiece.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "encoder/unicode.h"

#include <stdbool.h>
#include <string.h>

/* Words end at white space; a punctuation character is a word of its own. A word is covered from
 * the left by the longest tokens of the vocabulary, the first one as it is, later ones written
 * "##..."; a word that cannot be covered so, or is too long, is one unknown token (Wu et al. 2016,
 * as in BERT). The trie holds both kinds: a later token is looked up from the node that "##" leads
 * to. One pass over the text; each lookup walks at most the rest of the word. */

semid_status wordpiece_init(wordpiece *out, const trie *vocabulary, wordpiece_options options,
                            semid_error *err) {
    wordpiece w = {.vocabulary = vocabulary,
                   .max_word_chars = options.max_word_chars,
                   .properties = unicode_properties()};

    w.unknown_id = trie_find(vocabulary, options.unknown_token, strlen(options.unknown_token));
    if (w.unknown_id == TRIE_NONE)
        FAIL(SEMID_ERR_FORMAT, "expected the unknown token %s in the vocabulary, found none",
             options.unknown_token);

    w.continuation = trie_walk(vocabulary, TRIE_ROOT, options.continuation_prefix,
                               strlen(options.continuation_prefix));
    for (int c = 0; c < 128; c++)
        w.ascii_kinds[c] = w.properties[c] & (CHAR_WHITESPACE | CHAR_PUNCTUATION);
    *out = w;
    return SEMID_OK;
}

/* The tokens of a word, which may be empty. */
static semid_status append_word(const wordpiece *w, const char *word, const char *end,
                                size_t n_chars, token_ids *out, semid_error *err) {
    bool too_long = n_chars > w->max_word_chars;
    size_t n_bytes = (size_t)(end - word), n_most = too_long ? 1 : n_bytes, n_ids = 0;
    if (n_bytes == 0) return SEMID_OK;
    if (out->capacity - out->n_ids < n_most)
        TRY(mem_reserve(&out->ids, &out->capacity, out->n_ids + n_most, sizeof *out->ids, err));
    int32_t *ids = out->ids + out->n_ids;

    uint32_t node = too_long ? UINT32_MAX : TRIE_ROOT;
    for (size_t at = 0, n_matched; at < n_bytes; at += n_matched) {
        int32_t id = TRIE_NONE;
        if (node != UINT32_MAX)
            id = trie_longest(w->vocabulary, node, word + at, n_bytes - at, &n_matched);
        if (id == TRIE_NONE) {
            ids[0] = w->unknown_id;
            n_ids = 1;
            break;
        }
        ids[n_ids++] = id;
        node = w->continuation;
    }
    out->n_ids += n_ids;
    return SEMID_OK;
}

semid_status wordpiece_append(const wordpiece *w, const char *text, size_t n_bytes, size_t limit,
                              token_ids *out, semid_error *err) {
    const char *p = text, *end = text + n_bytes, *word = text;
    size_t n_chars = 0;

    while (p < end && out->n_ids < limit) {
        const char *character = p;
        uint8_t kind; /* 0: part of a word */
        if ((uint8_t)*p < 0x80)
            kind = w->ascii_kinds[(uint8_t)*p++];
        else
            kind = w->properties[utf8_next(&p, end)] & (CHAR_WHITESPACE | CHAR_PUNCTUATION);
        if (kind == 0) {
            n_chars++;
            continue;
        }

        /* a word ends before this character */
        TRY(append_word(w, word, character, n_chars, out, err));
        if (kind & CHAR_PUNCTUATION) TRY(append_word(w, character, p, 1, out, err));
        word = p;
        n_chars = 0;
    }
    if (out->n_ids < limit) TRY(append_word(w, word, end, n_chars, out, err));
    return SEMID_OK;
}
