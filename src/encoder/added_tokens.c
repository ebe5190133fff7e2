#include "encoder/added_tokens.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "encoder/unicode.h"

#include <string.h>

/* ---- building ---- */

/* The wanted tokens, special ones first: of equal contents the first is the one that is found. */
static size_t select_tokens(added_token *out, const added_token *tokens, size_t n_tokens,
                            bool normalized) {
    size_t n = 0;
    for (int special = 1; special >= 0; special--)
        for (size_t i = 0; i < n_tokens; i++)
            if (tokens[i].normalized == normalized && tokens[i].special == special)
                out[n++] = tokens[i];
    return n;
}

/* Append what is left of a token's content after normalisation. */
static semid_status append_normalized(text_buffer *text, const char *content, const normalizer *n,
                                      const spm_normalizer *spm, semid_error *err) {
    text_buffer plain = {0}, done = {0};
    semid_status status = SEMID_OK;
    TRY_GOTO(mem_reserve(&plain.bytes, &plain.capacity, NORMALIZER_ROOM(strlen(content)), 1, err));
    plain.n_bytes = normalizer_run(n, content, strlen(content), plain.bytes);
    TRY_GOTO(spm_normalizer_run(spm, plain.bytes, plain.n_bytes, &done, err));
    if (done.n_bytes == 0)
        FAIL_GOTO(SEMID_ERR_UNSUPPORTED,
                  "added token \"%s\": nothing is left of it after normalisation", content);
    TRY_GOTO(mem_reserve(&text->bytes, &text->capacity, text->n_bytes + done.n_bytes, 1, err));
    memcpy(text->bytes + text->n_bytes, done.bytes, done.n_bytes);
    text->n_bytes += done.n_bytes;
done:
    mem_free(plain.bytes);
    mem_free(done.bytes);
    return status;
}

/* The contents as they are looked for, normalised into `text`. */
static semid_status make_keys(trie_key *keys, const token_matcher *m, const normalizer *n,
                              const spm_normalizer *spm, text_buffer *text, semid_error *err) {
    for (size_t i = 0; i < m->n_tokens; i++) {
        const added_token *token = &m->tokens[i];
        size_t n_before = text->n_bytes;
        keys[i] = (trie_key){token->content, strlen(token->content), (int32_t)i};
        if (!token->normalized) continue;
        TRY(append_normalized(text, token->content, n, spm, err));
        keys[i].n_bytes = text->n_bytes - n_before;
    }
    const char *bytes = text->bytes; /* it moves no more */
    for (size_t i = 0; i < m->n_tokens; i++) {
        if (!m->tokens[i].normalized) continue;
        keys[i].bytes = bytes;
        bytes += keys[i].n_bytes;
    }
    return SEMID_OK;
}

static void note_starts(token_matcher *m, const trie_key *keys) {
    int n_starts = 0;
    for (size_t i = 0; i < m->n_tokens; i++) m->starts[(uint8_t)keys[i].bytes[0]] = 1;
    for (int byte = 0; byte < 256; byte++) {
        if (!m->starts[byte]) continue;
        m->only_start = byte;
        n_starts++;
    }
    if (n_starts != 1) m->only_start = -1;
}

semid_status token_matcher_init(token_matcher *out, const added_token *tokens, size_t n_tokens,
                                bool normalized, const normalizer *n, const spm_normalizer *spm,
                                semid_error *err) {
    token_matcher m = {0};
    trie_key *keys = NULL;
    text_buffer text = {0};
    semid_status status = SEMID_OK;
    TRY_GOTO(mem_alloc(&m.tokens, n_tokens, sizeof *m.tokens, err));
    m.n_tokens = select_tokens(m.tokens, tokens, n_tokens, normalized);
    TRY_GOTO(mem_alloc(&keys, m.n_tokens, sizeof *keys, err));
    TRY_GOTO(make_keys(keys, &m, n, spm, &text, err));
    note_starts(&m, keys);
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

static size_t next_start(const token_matcher *m, const char *text, size_t at, size_t n_bytes) {
    if (m->only_start >= 0 && at < n_bytes) {
        const char *found = memchr(text + at, m->only_start, n_bytes - at);
        return found ? (size_t)(found - text) : n_bytes;
    }
    while (at < n_bytes && !m->starts[(uint8_t)text[at]]) at++;
    return at;
}

/* The first match from `at` on. */
static const added_token *find(const token_matcher *m, const char *text, size_t at, size_t n_bytes,
                               size_t *begin, size_t *end) {
    while ((at = next_start(m, text, at, n_bytes)) < n_bytes) {
        size_t n_matched;
        int32_t found = trie_longest(&m->contents, TRIE_ROOT, text + at, n_bytes - at, &n_matched);
        if (found != TRIE_NONE) {
            *begin = at;
            *end = at + n_matched;
            return &m->tokens[found];
        }
        at++;
    }
    return NULL;
}

static uint32_t character_at(const char *text, size_t at, size_t n_bytes, size_t *next) {
    const char *p = text + at;
    uint32_t c = utf8_next(&p, text + n_bytes);
    *next = (size_t)(p - text);
    return c;
}

static uint32_t character_before(const char *text, size_t at, size_t *previous) {
    size_t begin = utf8_boundary(text, at - 1), next;
    uint32_t c = character_at(text, begin, at, &next);
    *previous = next == at ? begin : at - 1;
    return next == at ? c : 0xfffd;
}

static bool is_whitespace(uint32_t c) {
    return unicode_properties()[c] & CHAR_WHITESPACE;
}

static bool stands_alone(const char *text, size_t n_bytes, size_t begin, size_t end) {
    size_t neighbour;
    if (begin > 0 && unicode_is_word(character_before(text, begin, &neighbour))) return false;
    return end == n_bytes || !unicode_is_word(character_at(text, end, n_bytes, &neighbour));
}

/* White space before `begin` that no token has taken yet. */
static size_t strip_left(const char *text, size_t begin, size_t taken) {
    size_t previous;
    while (begin > taken && is_whitespace(character_before(text, begin, &previous)))
        begin = previous;
    return begin;
}

static size_t strip_right(const char *text, size_t n_bytes, size_t end) {
    size_t next;
    while (end < n_bytes && is_whitespace(character_at(text, end, n_bytes, &next))) end = next;
    return end;
}

bool token_matcher_next(const token_matcher *m, const char *text, size_t n_bytes,
                        match_state *state, text_piece *piece) {
    if (state->pending) {
        state->pending = false;
        *piece = state->token;
        return true;
    }
    size_t begin, end;
    const added_token *token;
    while ((token = find(m, text, state->searched, n_bytes, &begin, &end))) {
        state->searched = end;
        if (token->single_word && !stands_alone(text, n_bytes, begin, end)) continue;
        if (token->lstrip) begin = strip_left(text, begin, state->taken);
        /* what is taken already lies before the end only if it is white space */
        if (token->rstrip)
            end = strip_right(text, n_bytes, end > state->taken ? end : state->taken);
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
