#include "encoder/added_tokens.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "encoder/unicode.h"

#include <string.h>

/* Added tokens are found before the text is split: leftmost first, and of those that start at one
 * place the longest, as the Aho-Corasick automaton of the library `tokenizers` matches them. A trie
 * and a table of the bytes that can start a token do the same here, since tokens are few and most
 * texts contain none: where all start with one byte, memchr finds the next candidate.
 *
 * Pieces come out in order and cover the text. A match that fails its conditions (single_word) is
 * passed over as a whole, as in the library. Cost: linear in the text, times the longest token
 * where many candidates start. */

/* ---- building ---- */

/* The contents as they are looked for; those that are matched in normalised text are normalised
 * into `text`. */
static semid_status make_keys(trie_key *keys, const token_matcher *m, const normalizer *n,
                              const spm_normalizer *spm, text_buffer *text, semid_error *err) {
    text_buffer plain = {0}, done = {0};
    semid_status status = SEMID_OK;

    for (size_t i = 0; i < m->n_tokens; i++) {
        const char *content = m->tokens[i].content;
        keys[i] = (trie_key){content, strlen(content), (int32_t)i};
        if (!m->tokens[i].normalized) continue;

        TRY_GOTO(
            mem_reserve(&plain.bytes, &plain.capacity, NORMALIZER_ROOM(keys[i].n_bytes), 1, err));
        plain.n_bytes = normalizer_run(n, content, keys[i].n_bytes, plain.bytes);
        TRY_GOTO(spm_normalizer_run(spm, plain.bytes, plain.n_bytes, &done, err));
        if (done.n_bytes == 0)
            FAIL_GOTO(SEMID_ERR_UNSUPPORTED,
                      "added token \"%s\": nothing is left of it after normalisation", content);
        keys[i].n_bytes = done.n_bytes;
        TRY_GOTO(mem_reserve(&text->bytes, &text->capacity, text->n_bytes + done.n_bytes, 1, err));
        memcpy(text->bytes + text->n_bytes, done.bytes, done.n_bytes);
        text->n_bytes += done.n_bytes;
    }

    /* only now does `text` stay where it is */
    const char *bytes = text->bytes;
    for (size_t i = 0; i < m->n_tokens; i++) {
        if (!m->tokens[i].normalized) continue;
        keys[i].bytes = bytes;
        bytes += keys[i].n_bytes;
    }

done:
    mem_free(plain.bytes);
    mem_free(done.bytes);
    return status;
}

semid_status token_matcher_init(token_matcher *out, const added_token *tokens, size_t n_tokens,
                                bool normalized, const normalizer *n, const spm_normalizer *spm,
                                semid_error *err) {
    token_matcher m = {.only_start = -1};
    trie_key *keys = NULL;
    text_buffer text = {0};
    semid_status status = SEMID_OK;

    /* special ones first: of equal contents the first is the one that is found */
    TRY_GOTO(mem_alloc(&m.tokens, n_tokens, sizeof *m.tokens, err));
    for (int special = 1; special >= 0; special--)
        for (size_t i = 0; i < n_tokens; i++)
            if (tokens[i].normalized == normalized && tokens[i].special == special)
                m.tokens[m.n_tokens++] = tokens[i];

    TRY_GOTO(mem_alloc(&keys, m.n_tokens, sizeof *keys, err));
    TRY_GOTO(make_keys(keys, &m, n, spm, &text, err));

    int n_starts = 0;
    for (size_t i = 0; i < m.n_tokens; i++) {
        uint8_t byte = (uint8_t)keys[i].bytes[0];
        if (m.starts[byte]) continue;
        m.starts[byte] = 1;
        m.only_start = n_starts++ == 0 ? byte : -1;
    }

    TRY_GOTO(trie_build(&m.contents, keys, m.n_tokens, err));
    for (size_t i = 0; i < m.n_tokens; i++) m.tokens[i].content = NULL;
    *out = m;

done:
    mem_free(keys);
    mem_free(text.bytes);
    if (status != SEMID_OK) token_matcher_release(&m);
    return status;
}

void token_matcher_release(token_matcher *m) {
    trie_release(&m->contents);
    mem_free(m->tokens);
    *m = (token_matcher){0};
}

/* ---- matching ---- */

/* The first match from `at` on. */
static const added_token *find_match(const token_matcher *m, const char *text, size_t at,
                                     size_t n_bytes, size_t *begin, size_t *end) {
    for (; at < n_bytes; at++) {
        if (m->only_start >= 0) {
            const char *start = memchr(text + at, m->only_start, n_bytes - at);
            if (!start) return NULL;
            at = (size_t)(start - text);
        } else {
            while (at < n_bytes && !m->starts[(uint8_t)text[at]]) at++;
            if (at == n_bytes) return NULL;
        }

        size_t n_matched;
        int32_t found = trie_longest(&m->contents, TRIE_ROOT, text + at, n_bytes - at, &n_matched);
        if (found != TRIE_NONE) {
            *begin = at;
            *end = at + n_matched;
            return &m->tokens[found];
        }
    }
    return NULL;
}

static uint32_t character_at(const char *text, size_t at, size_t n_bytes, size_t *next) {
    const char *p = text + at;
    uint32_t c = utf8_next(&p, text + n_bytes);
    *next = (size_t)(p - text);
    return c;
}

/* The character that ends at `at` > 0, and its start; one invalid byte counts as a character. */
static uint32_t character_before(const char *text, size_t at, size_t *start) {
    size_t begin = utf8_boundary(text, at - 1), next;
    uint32_t c = character_at(text, begin, at, &next);
    *start = next == at ? begin : at - 1;
    return next == at ? c : UTF8_REPLACEMENT;
}

static bool is_whitespace(uint32_t c) {
    return unicode_properties()[c] & CHAR_WHITESPACE;
}

bool token_matcher_next(const token_matcher *m, const char *text, size_t n_bytes,
                        match_state *state, text_piece *piece) {
    size_t begin, end, edge;
    const added_token *token;

    if (state->pending) {
        state->pending = false;
        *piece = state->token;
        return true;
    }

    while ((token = find_match(m, text, state->searched, n_bytes, &begin, &end))) {
        state->searched = end;
        if (token->single_word) {
            bool joined = begin > 0 && unicode_is_word(character_before(text, begin, &edge));
            joined |= end < n_bytes && unicode_is_word(character_at(text, end, n_bytes, &edge));
            if (joined) continue;
        }

        /* White space on the left that no token has taken yet. On the right, an earlier token may
         * have taken more than this one matched, all of it white space. */
        if (token->lstrip)
            while (begin > state->taken && is_whitespace(character_before(text, begin, &edge)))
                begin = edge;
        if (token->rstrip) {
            end = end > state->taken ? end : state->taken;
            while (end < n_bytes && is_whitespace(character_at(text, end, n_bytes, &edge)))
                end = edge;
        }

        text_piece gap = {state->taken, begin, -1};
        state->token = (text_piece){begin, end, token->id};
        state->taken = end;
        state->pending = gap.begin < gap.end;
        *piece = state->pending ? gap : state->token;
        return true;
    }

    *piece = (text_piece){state->taken, n_bytes, -1};
    state->searched = n_bytes;
    state->taken = n_bytes;
    return piece->begin < piece->end;
}
