#include "encoder/bpe.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "encoder/unicode.h"

#include <string.h>

/* A text is split into words by GPT-2's pattern; each word starts as its bytes' tokens, and the
 * adjacent pair with the lowest rank is merged until none is left (Sennrich et al. 2016).
 *
 * A word is a linked list of symbols with a heap of possible merges, by rank, then position: each
 * merge creates at most two new pairs, so a word of n bytes takes O(n log n), where searching the
 * list for each merge would take O(n^2). Candidates are never removed from the heap; one is stale
 * when the pair at its position would now make another token.
 *
 * Most words of a text are tokens that their own merges produce. These are found at opening and
 * kept in a trie: such a word costs one walk over its bytes.
 *
 * vocab.json writes each byte as a character: printable Latin-1 as itself, the other 68 in order as
 * U+0100, U+0101, ... */

enum { N_CHARACTERS = 0x100 + 68 };

static void list_byte_characters(uint32_t characters[256]) {
    uint32_t next = 0x100;
    for (int byte = 0; byte < 256; byte++) {
        bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
        characters[byte] = printable ? (uint32_t)byte : next++;
    }
}

/* ---- pairs ---- */

/* Where the pair is, or where it would be put. */
static size_t slot_of(const bpe *b, int32_t left, int32_t right) {
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (b->n_slots - 1);
    while (b->pairs[slot].left >= 0 &&
           (b->pairs[slot].left != left || b->pairs[slot].right != right))
        slot = (slot + 1) & (b->n_slots - 1);
    return slot;
}

/* ---- merging ---- */

typedef struct symbol {
    int32_t id;              /* -1: merged into the one before it */
    uint32_t previous, next; /* NONE at the ends */
} symbol;

typedef struct merge_candidate {
    uint32_t rank, at; /* the left of the two symbols */
    int32_t merged;
} merge_candidate;

typedef struct word {
    symbol *symbols;
    merge_candidate *heap;
    size_t n_symbols, n_heap;
} word;

static const uint32_t NONE = UINT32_MAX;

static bool comes_before(const merge_candidate *a, const merge_candidate *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(word *w, merge_candidate c) {
    size_t at = w->n_heap++;
    for (size_t parent; at > 0 && comes_before(&c, &w->heap[parent = (at - 1) / 2]); at = parent)
        w->heap[at] = w->heap[parent];
    w->heap[at] = c;
}

static merge_candidate heap_pop(word *w) {
    merge_candidate top = w->heap[0], last = w->heap[--w->n_heap];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < w->n_heap; at = child) {
        if (child + 1 < w->n_heap && comes_before(&w->heap[child + 1], &w->heap[child])) child++;
        if (!comes_before(&w->heap[child], &last)) break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return top;
}

/* The pair of the symbol at `at` and the next one, or NULL if they do not merge. */
static const bpe_pair *find_pair(const bpe *b, const word *w, uint32_t at) {
    if (at == NONE || w->symbols[at].next == NONE) return NULL;
    const symbol *left = &w->symbols[at];
    const bpe_pair *pair = &b->pairs[slot_of(b, left->id, w->symbols[left->next].id)];
    return pair->left >= 0 ? pair : NULL;
}

static void push_candidate(const bpe *b, word *w, uint32_t at) {
    const bpe_pair *pair = find_pair(b, w, at);
    if (pair) heap_push(w, (merge_candidate){pair->rank, at, pair->merged});
}

static semid_status append_merged(const bpe *b, const char *bytes, size_t n_bytes, token_ids *out,
                                  semid_error *err) {
    /* There is a candidate for every pair at first, and at most two new ones per merge. */
    size_t one = sizeof(symbol) + 3 * sizeof(merge_candidate);
    if (n_bytes >= UINT32_MAX / 4)
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: a word of %zu bytes", n_bytes);
    TRY(mem_reserve(&out->workspace, &out->workspace_bytes, n_bytes * one, 1, err));
    TRY(mem_reserve(&out->ids, &out->capacity, out->n_ids + n_bytes, sizeof *out->ids, err));
    word w = {.symbols = out->workspace};
    w.heap = (merge_candidate *)(void *)(w.symbols + n_bytes);

    bool after_unknown = false;
    for (size_t i = 0; i < n_bytes; i++) {
        int32_t id = b->byte_ids[(uint8_t)bytes[i]];
        bool unknown = id < 0 && b->unknown_id >= 0;
        if (unknown && !(after_unknown && b->fuse_unknown)) id = b->unknown_id;
        if (id >= 0) w.symbols[w.n_symbols++] = (symbol){.id = id};
        after_unknown = unknown;
    }
    for (uint32_t i = 0; i < w.n_symbols; i++) {
        w.symbols[i].previous = i > 0 ? i - 1 : NONE;
        w.symbols[i].next = i + 1 < w.n_symbols ? i + 1 : NONE;
    }

    /* merge the pair of the lowest rank until none is left */
    for (uint32_t i = 0; i + 1 < w.n_symbols; i++) push_candidate(b, &w, i);
    while (w.n_heap > 0) {
        /* Stale if its symbols were merged otherwise: what a pair covers only grows, so the pair
         * that is there now would make another token. */
        merge_candidate c = heap_pop(&w);
        if (w.symbols[c.at].id < 0) continue;
        const bpe_pair *pair = find_pair(b, &w, c.at);
        if (!pair || pair->merged != c.merged) continue;

        symbol *left = &w.symbols[c.at], *right = &w.symbols[left->next];
        left->id = c.merged;
        left->next = right->next;
        right->id = -1;
        right->next = NONE;
        if (left->next != NONE) w.symbols[left->next].previous = c.at;

        push_candidate(b, &w, left->previous);
        push_candidate(b, &w, c.at);
    }

    for (uint32_t i = w.n_symbols > 0 ? 0 : NONE; i != NONE; i = w.symbols[i].next)
        out->ids[out->n_ids++] = w.symbols[i].id;
    return SEMID_OK;
}

/* ---- building ---- */

/* The trie of words that are one token: all tokens, or those that their own merges produce. */
static semid_status build_words(bpe *b, const trie_key *tokens, size_t n_tokens, bool all,
                                semid_error *err) {
    uint32_t characters[256];
    int16_t bytes[N_CHARACTERS];
    size_t n_keys = 0, n_text = 0;
    trie_key *keys = NULL;
    char *text = NULL, *at;
    token_ids ids = {0};
    semid_status status = SEMID_OK;

    list_byte_characters(characters);
    for (int i = 0; i < N_CHARACTERS; i++) bytes[i] = -1;
    for (int byte = 0; byte < 256; byte++) bytes[characters[byte]] = (int16_t)byte;
    for (size_t i = 0; i < n_tokens; i++) n_text += tokens[i].n_bytes;
    TRY_GOTO(mem_alloc(&keys, n_tokens, sizeof *keys, err));
    TRY_GOTO(mem_alloc(&text, n_text, 1, err));

    at = text;
    for (size_t i = 0; i < n_tokens; i++) {
        /* the token's bytes; no word contains one with other characters */
        size_t n = 0;
        const char *p = tokens[i].bytes, *end = p + tokens[i].n_bytes;
        while (p < end) {
            uint32_t c = utf8_next(&p, end);
            if (c >= N_CHARACTERS || bytes[c] < 0) {
                n = 0;
                break;
            }
            at[n++] = (char)bytes[c];
        }
        if (n == 0) continue;

        ids.n_ids = 0;
        TRY_GOTO(append_merged(b, at, n, &ids, err));
        if (!all && (ids.n_ids != 1 || ids.ids[0] != tokens[i].value)) continue;
        keys[n_keys++] = (trie_key){at, n, tokens[i].value};
        at += n;
    }
    TRY_GOTO(trie_build(&b->words, keys, n_keys, err));

done:
    mem_free(keys);
    mem_free(text);
    token_ids_release(&ids);
    return status;
}

semid_status bpe_init(bpe *out, const trie *vocabulary, const trie_key *tokens, size_t n_tokens,
                      const bpe_merge *merges, size_t n_merges, bpe_options options,
                      semid_error *err) {
    bpe b = {.unknown_id = -1,
             .fuse_unknown = options.fuse_unknown,
             .prefix_space = options.prefix_space,
             .kinds = unicode_kinds()};
    semid_status status = SEMID_OK;
    const char *unknown = options.unknown_token;

    if (unknown) b.unknown_id = trie_find(vocabulary, unknown, strlen(unknown));
    if (unknown && b.unknown_id < 0)
        FAIL(SEMID_ERR_FORMAT, "expected the unknown token %s in the vocabulary, found none",
             unknown);

    uint32_t characters[256];
    char text[UTF8_MAX_BYTES];
    list_byte_characters(characters);
    for (int byte = 0; byte < 256; byte++)
        b.byte_ids[byte] =
            trie_find(vocabulary, text, (size_t)(utf8_put(text, characters[byte]) - text));

    /* the table of pairs, at most half full */
    for (b.n_slots = 16; b.n_slots < 2 * n_merges;) b.n_slots *= 2;
    TRY_GOTO(mem_alloc(&b.pairs, b.n_slots, sizeof *b.pairs, err));
    for (size_t i = 0; i < b.n_slots; i++) b.pairs[i].left = -1;
    for (size_t i = 0; i < n_merges; i++) {
        const bpe_merge *m = &merges[i];
        uint32_t node = trie_walk(vocabulary, TRIE_ROOT, m->left, m->n_left);
        if (node != UINT32_MAX) node = trie_walk(vocabulary, node, m->right, m->n_right);

        bpe_pair pair = {.left = trie_find(vocabulary, m->left, m->n_left),
                         .right = trie_find(vocabulary, m->right, m->n_right),
                         .rank = (uint32_t)i,
                         .merged = node == UINT32_MAX ? TRIE_NONE : vocabulary->values[node]};
        if (pair.left < 0 || pair.right < 0 || pair.merged < 0)
            FAIL_GOTO(SEMID_ERR_FORMAT,
                      "merge %zu (\"%.*s\" and \"%.*s\"): expected both and what they make in the "
                      "vocabulary",
                      i + 1, (int)m->n_left, m->left, (int)m->n_right, m->right);
        b.pairs[slot_of(&b, pair.left, pair.right)] = pair;
    }

    TRY_GOTO(build_words(&b, tokens, n_tokens, options.whole_words, err));
    *out = b;

done:
    if (status != SEMID_OK) bpe_release(&b);
    return status;
}

void bpe_release(bpe *b) {
    mem_free(b->pairs);
    trie_release(&b->words);
    *b = (bpe){0};
}

/* ---- splitting into words ---- */

static inline uint8_t next_kind(const bpe *b, const char **p, const char *end) {
    return b->kinds[utf8_next(p, end)] & KIND_MASK;
}

/* The end of 's, 't, 'm, 'd, 're, 've or 'll, or NULL. */
static const char *contraction_end(const char *p, const char *end) {
    if (*p != '\'' || end - p < 2) return NULL;
    if (strchr("stmd", p[1]) && p[1]) return p + 2;
    if (end - p < 3) return NULL;
    bool found =
        memcmp(p + 1, "re", 2) == 0 || memcmp(p + 1, "ve", 2) == 0 || memcmp(p + 1, "ll", 2) == 0;
    return found ? p + 3 : NULL;
}

static const char *run_end(const bpe *b, const char *p, const char *end, uint8_t kind) {
    for (const char *next = p; p < end && next_kind(b, &next, end) == kind;) p = next;
    return p;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static const char *word_end(const bpe *b, const char *p, const char *end) {
    const char *contraction = contraction_end(p, end), *next = p;
    if (contraction) return contraction;

    uint8_t kind = next_kind(b, &next, end);
    if (*p == ' ' && next < end) {
        const char *after = next;
        uint8_t following = next_kind(b, &after, end);
        if (following != KIND_SPACE) return run_end(b, after, end, following);
    }
    if (kind != KIND_SPACE) return run_end(b, next, end, kind);

    /* White space up to the end of the text, else all but its last character, which may belong to
     * what follows; one character alone is taken as it is. */
    const char *last = p, *stop = next;
    for (; stop < end && next_kind(b, &next, end) == KIND_SPACE; stop = next) last = stop;
    return stop == end || last == p ? stop : last;
}

static semid_status append_words(const bpe *b, const char *text, size_t n_bytes, size_t limit,
                                 token_ids *out, semid_error *err) {
    const char *end = text + n_bytes, *stop;
    for (const char *p = text; p < end && out->n_ids < limit; p = stop) {
        stop = word_end(b, p, end);
        int32_t id = trie_find(&b->words, p, (size_t)(stop - p));
        TRY(id != TRIE_NONE ? token_ids_append(out, &id, 1, err)
                            : append_merged(b, p, (size_t)(stop - p), out, err));
    }
    return SEMID_OK;
}

semid_status bpe_append(const bpe *b, const char *text, size_t n_bytes, bool begins, size_t limit,
                        token_ids *out, semid_error *err) {
    char *copy;
    if (!begins || !b->prefix_space || n_bytes == 0 || text[0] == ' ')
        return append_words(b, text, n_bytes, limit, out, err);

    TRY(mem_alloc(&copy, n_bytes + 1, 1, err));
    copy[0] = ' ';
    memcpy(copy + 1, text, n_bytes);
    semid_status status = append_words(b, copy, n_bytes + 1, limit, out, err);
    mem_free(copy);
    return status;
}

/* Before a space after a visible character: no word spans it. */
static bool can_cut(const char *text, size_t at) {
    return text[at] == ' ' && text[at - 1] > ' ' && text[at - 1] < 0x7f;
}

size_t bpe_part_end(const char *text, size_t n_bytes, size_t n_most) {
    size_t at = n_most;
    if (n_bytes <= n_most) return n_bytes;
    while (at > 0 && !can_cut(text, at)) at--;
    if (at > 0) return at;
    for (at = n_most + 1; at < n_bytes && !can_cut(text, at);) at++;
    return at;
}
