#include "encoder/unigram.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "encoder/unicode.h"

#include <stdio.h>
#include <string.h>

/* A token has a score, the logarithm of its probability; a word is cut into the tokens whose scores
 * add up highest (Kudo 2018). The lattice has a node at every character boundary. Viterbi: from
 * each node on, in order, the trie lists the tokens that start there, and each offers its end a
 * path; of equal scores the first one found stays, as in SentencePiece. Following the best path
 * back from the end gives the tokens. O(n m) for n bytes and tokens of up to m bytes.
 *
 * A character that is no token by itself gets the unknown token, at a score below all others.
 * Spaces are characters of the vocabulary, written as a mark (U+2581), which starts the word after
 * it.
 *
 * Scores are added in double in the order of the library; the last bit decides ties. */

static const double UNKNOWN_PENALTY = 10;

semid_status unigram_init(unigram *out, const trie *vocabulary, const unigram_options *options,
                          semid_error *err) {
    unigram u = {.vocabulary = vocabulary,
                 .unknown_id = options->unknown_id,
                 .byte_fallback = options->byte_fallback,
                 .n_mark = strlen(options->mark),
                 .scheme = options->scheme,
                 .split_whitespace = options->split_whitespace,
                 .split_marks = options->split_marks,
                 .kinds = unicode_kinds()};
    memcpy(u.mark, options->mark, sizeof u.mark);

    if (options->unknown_id < 0 || (size_t)options->unknown_id >= options->n_scores)
        FAIL(SEMID_ERR_FORMAT, "model.unk_id: expected one of the %zu tokens, found %d",
             options->n_scores, (int)options->unknown_id);

    double least = options->scores[0];
    for (size_t i = 1; i < options->n_scores; i++)
        if (options->scores[i] < least) least = options->scores[i];
    u.unknown_score = least - UNKNOWN_PENALTY;

    for (int byte = 0; byte < 256; byte++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)byte);
        u.byte_ids[byte] = trie_find(vocabulary, name, strlen(name));
    }

    TRY(mem_alloc(&u.scores, options->n_scores, sizeof *u.scores, err));
    memcpy(u.scores, options->scores, options->n_scores * sizeof *u.scores);
    *out = u;
    return SEMID_OK;
}

void unigram_release(unigram *u) {
    mem_free(u->scores);
    *u = (unigram){0};
}

/* ---- the best path through a word ---- */

/* The boundary before a character, or the end of the word. */
typedef struct lattice_node {
    double score; /* of the best path that ends here */
    int32_t id;   /* its last token */
    uint32_t start;
    uint32_t stop; /* of the token that starts here in the best path of all */
} lattice_node;

static const uint32_t NONE = UINT32_MAX;

static void offer_path(lattice_node *to, double score, int32_t id, size_t start) {
    if (to->start != NONE && !(score > to->score)) return;
    to->score = score;
    to->id = id;
    to->start = (uint32_t)start;
}

static void find_path(const unigram *u, const char *word, size_t n_bytes, lattice_node *nodes) {
    const trie *t = u->vocabulary;
    size_t n_character;

    for (size_t i = 0; i <= n_bytes; i++) nodes[i] = (lattice_node){.start = NONE};
    for (size_t at = 0; at < n_bytes; at += n_character) {
        const char *next = word + at;
        utf8_next(&next, word + n_bytes);
        n_character = (size_t)(next - (word + at));

        /* all tokens that start here, and the unknown one if none is this character alone */
        double so_far = nodes[at].score;
        bool has_single = false;
        uint32_t place = TRIE_ROOT;
        for (size_t i = at; i < n_bytes;) {
            uint32_t child = t->nodes[place].base_and_end >> 1 ^ (uint8_t)word[i++];
            if (t->nodes[child].parent != place) break;
            place = child;
            if (!(t->nodes[place].base_and_end & 1)) continue;
            int32_t id = t->values[place];
            offer_path(&nodes[i], u->scores[id] + so_far, id, at);
            has_single |= i - at == n_character;
        }
        if (!has_single)
            offer_path(&nodes[at + n_character], u->unknown_score + so_far, u->unknown_id, at);
    }

    for (uint32_t at = (uint32_t)n_bytes; at > 0; at = nodes[at].start)
        nodes[nodes[at].start].stop = at;
}

/* ---- tokens ---- */

/* There is room for n_bytes ids and n_bytes + 1 nodes. */
static void append_word(const unigram *u, const char *word, size_t n_bytes, lattice_node *nodes,
                        token_ids *out) {
    find_path(u, word, n_bytes, nodes);

    for (uint32_t at = 0, stop; at < n_bytes; at = stop) {
        stop = nodes[at].stop;
        int32_t id = nodes[stop].id;
        if (id != u->unknown_id) {
            out->ids[out->n_ids++] = id;
            continue;
        }

        /* Unknown characters in a row are one token, unless they are one that is known after all;
         * or the tokens of their bytes, if all have one. */
        while (stop < n_bytes && nodes[nodes[stop].stop].id == id) stop = nodes[stop].stop;
        size_t n = stop - at;
        id = trie_find(u->vocabulary, word + at, n);
        bool as_bytes = id == TRIE_NONE && u->byte_fallback;
        for (size_t i = at; as_bytes && i < stop; i++)
            as_bytes = u->byte_ids[(uint8_t)word[i]] >= 0;
        if (as_bytes)
            for (size_t i = at; i < stop; i++)
                out->ids[out->n_ids++] = u->byte_ids[(uint8_t)word[i]];
        else
            out->ids[out->n_ids++] = id == TRIE_NONE ? u->unknown_id : id;
    }
}

/* ---- words ---- */

/* The end of the word that starts at `at`: where the next mark is. */
static size_t word_end(const unigram *u, const char *text, size_t n_bytes, size_t at) {
    if (!u->split_marks) return n_bytes;
    for (size_t from = at + 1; from < n_bytes; from++) {
        const char *mark = memchr(text + from, u->mark[0], n_bytes - from);
        if (!mark) break;
        from = (size_t)(mark - text);
        if (n_bytes - from >= u->n_mark && memcmp(mark, u->mark, u->n_mark) == 0) return from;
    }
    return n_bytes;
}

/* A part of the text in which spaces become marks. first: nothing stands before it. */
static semid_status append_marked(const unigram *u, const char *text, size_t n_bytes, bool first,
                                  size_t limit, token_ids *out, semid_error *err) {
    size_t n_most = n_bytes + u->n_mark;
    if (n_bytes > UINT32_MAX / 8)
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: a text of %zu bytes", n_bytes);
    for (size_t i = 0; i < n_bytes; i++)
        if (text[i] == ' ') n_most += u->n_mark - 1;
    TRY(mem_reserve(&out->workspace, &out->workspace_bytes,
                    (n_most + 1) * (sizeof(lattice_node) + 1), 1, err));
    lattice_node *nodes = out->workspace;
    char *marked = (char *)(nodes + n_most + 1), *p = marked;

    /* marks for spaces, and one before it all if the scheme says so */
    bool has_mark =
        text[0] == ' ' || (n_bytes >= u->n_mark && memcmp(text, u->mark, u->n_mark) == 0);
    if (!has_mark && (u->scheme == MARK_ALWAYS || (u->scheme == MARK_FIRST && first)))
        p = mempcpy(p, u->mark, u->n_mark);
    for (size_t i = 0; i < n_bytes; i++)
        if (text[i] == ' ')
            p = mempcpy(p, u->mark, u->n_mark);
        else
            *p++ = text[i];

    size_t n_marked = (size_t)(p - marked), stop;
    for (size_t at = 0; at < n_marked && out->n_ids < limit; at = stop) {
        stop = word_end(u, marked, n_marked, at);
        TRY(mem_reserve(&out->ids, &out->capacity, out->n_ids + stop - at, sizeof *out->ids, err));
        append_word(u, marked + at, stop - at, nodes, out);
    }
    return SEMID_OK;
}

/* From `p` on, past characters that are white space or are not. */
static const char *skip(const unigram *u, const char *p, const char *end, bool space) {
    for (const char *next = p; p < end; p = next)
        if (((u->kinds[utf8_next(&next, end)] & KIND_MASK) == KIND_SPACE) != space) break;
    return p;
}

semid_status unigram_append(const unigram *u, const char *text, size_t n_bytes, bool first,
                            size_t limit, token_ids *out, semid_error *err) {
    if (!u->split_whitespace)
        return n_bytes ? append_marked(u, text, n_bytes, first, limit, out, err) : SEMID_OK;
    const char *end = text + n_bytes, *p = skip(u, text, end, true), *stop;
    for (; p < end && out->n_ids < limit; p = skip(u, stop, end, true)) {
        stop = skip(u, p, end, false);
        TRY(append_marked(u, p, (size_t)(stop - p), false, limit, out, err));
    }
    return SEMID_OK;
}
