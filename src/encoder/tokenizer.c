#include "encoder/tokenizer.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/memory.h"
#include "encoder/tokenizer_spec.h"

#include <string.h>

/* The library's order of things: added tokens that are matched in the raw text cut it first; what
 * lies between is normalised; added tokens that are matched in normalised text cut it again; the
 * rest goes through the model (WordPiece, BPE or Unigram). Ids of a template go around it all.
 *
 * Long texts are processed in parts of about PART_BYTES that end at a space, where that cannot
 * change the tokens: what truncation cuts off is never looked at, and the parts stay in the cache.
 * Normalising takes memory on the stack for such a part, and an allocation for a longer one.
 *
 * A tokenizer is read-only once built; what a call works in belongs to its token_ids. */

static const size_t MAX_FILE_BYTES = (size_t)64 << 20;
static const uint32_t NO_TOKEN = UINT32_MAX;
enum { PART_BYTES = 4096 };

struct tokenizer {
    normalizer normalizer;
    trie vocabulary;
    token_model model;
    wordpiece wordpiece;
    bpe bpe;
    spm_normalizer spm; /* goes with unigram */
    unigram unigram;
    token_matcher raw_tokens, normalized_tokens;
    id_list before, after;
    char *names;            /* all tokens, each NUL-terminated */
    uint32_t *name_offsets; /* [n_ids], NO_TOKEN where there is none */
    size_t n_ids;
};

/* ---- building ---- */

/* The vocabulary without its empty token, if it has one: no text contains it. */
static semid_status build_vocabulary(tokenizer *t, const tokenizer_spec *spec, semid_error *err) {
    trie_key *keys = NULL;
    size_t n_keys = 0;
    semid_status status = SEMID_OK;

    TRY_GOTO(mem_alloc(&keys, spec->n_tokens, sizeof *keys, err));
    for (size_t i = 0; i < spec->n_tokens; i++)
        if (spec->tokens[i].n_bytes > 0) keys[n_keys++] = spec->tokens[i];
    TRY_GOTO(trie_build(&t->vocabulary, keys, n_keys, err));

    /* they are sorted by now */
    for (size_t i = 1; i < n_keys; i++)
        if (keys[i].n_bytes == keys[i - 1].n_bytes &&
            memcmp(keys[i].bytes, keys[i - 1].bytes, keys[i].n_bytes) == 0)
            FAIL_GOTO(SEMID_ERR_FORMAT, "token \"%.*s\" has two ids, %d and %d",
                      (int)keys[i].n_bytes, keys[i].bytes, keys[i - 1].value, keys[i].value);

done:
    mem_free(keys);
    return status;
}

static semid_status add_name(tokenizer *t, const char *bytes, size_t n_bytes, int32_t id,
                             size_t *used, semid_error *err) {
    uint32_t *offset = &t->name_offsets[id];
    if (*offset != NO_TOKEN)
        FAIL(SEMID_ERR_FORMAT, "tokens \"%s\" and \"%.*s\" have the same id %d", t->names + *offset,
             (int)n_bytes, bytes, id);
    *offset = (uint32_t)*used;
    memcpy(t->names + *used, bytes, n_bytes);
    t->names[*used + n_bytes] = '\0';
    *used += n_bytes + 1;
    return SEMID_OK;
}

static semid_status build_names(tokenizer *t, const tokenizer_spec *spec, semid_error *err) {
    size_t n_bytes = 0, used = 0;
    int32_t highest = -1;

    for (size_t i = 0; i < spec->n_tokens; i++) {
        n_bytes += spec->tokens[i].n_bytes + 1;
        if (spec->tokens[i].value > highest) highest = spec->tokens[i].value;
    }
    for (size_t i = 0; i < spec->n_added; i++) {
        n_bytes += strlen(spec->added[i].content) + 1;
        if (spec->added[i].id > highest) highest = spec->added[i].id;
    }

    t->n_ids = (size_t)(highest + 1);
    TRY(mem_alloc(&t->names, n_bytes, 1, err));
    TRY(mem_alloc(&t->name_offsets, t->n_ids, sizeof *t->name_offsets, err));
    for (size_t i = 0; i < t->n_ids; i++) t->name_offsets[i] = NO_TOKEN;

    for (size_t i = 0; i < spec->n_tokens; i++)
        TRY(add_name(t, spec->tokens[i].bytes, spec->tokens[i].n_bytes, spec->tokens[i].value,
                     &used, err));

    /* The id of an added token must be the one that the library gives it, whatever the file says:
     * its id in the vocabulary, else the next one. */
    int32_t next_id = (int32_t)spec->n_tokens;
    for (size_t i = 0; i < spec->n_added; i++) {
        const added_token *added = &spec->added[i];
        size_t n = strlen(added->content);
        for (size_t j = 0; j < i; j++)
            if (strcmp(spec->added[j].content, added->content) == 0)
                FAIL(SEMID_ERR_FORMAT, "added token \"%s\" is there twice", added->content);

        int32_t known = trie_find(&t->vocabulary, added->content, n);
        int32_t expected = known == TRIE_NONE ? next_id : known;
        if (added->id != expected)
            FAIL(SEMID_ERR_FORMAT, "added token \"%s\": expected id %d, found %d", added->content,
                 expected, added->id);
        if (added->id >= next_id) next_id = added->id + 1;
        if (known == TRIE_NONE) TRY(add_name(t, added->content, n, added->id, &used, err));
    }
    return SEMID_OK;
}

static semid_status take_template(id_list *out, id_list *from, const tokenizer *t,
                                  semid_error *err) {
    for (size_t i = 0; i < from->n_ids; i++)
        if (!tokenizer_token(t, from->ids[i]))
            FAIL(SEMID_ERR_FORMAT, "post_processor: expected the id of a token, found %d",
                 from->ids[i]);
    *out = *from;
    *from = (id_list){0};
    return SEMID_OK;
}

semid_status tokenizer_from_spec(tokenizer **out, tokenizer_spec *spec, semid_error *err) {
    tokenizer *t;
    TRY(mem_calloc(&t, 1, sizeof *t, err));
    semid_status status = SEMID_OK;

    normalizer_init(&t->normalizer, spec->normalizer);
    TRY_GOTO(spm_normalizer_init(&t->spm, &spec->spm, err));
    TRY_GOTO(build_vocabulary(t, spec, err));
    t->model = spec->model;
    if (spec->model == MODEL_BPE)
        TRY_GOTO(bpe_init(&t->bpe, &t->vocabulary, spec->tokens, spec->n_tokens, spec->merges,
                          spec->n_merges, spec->bpe, err));
    else if (spec->model == MODEL_UNIGRAM)
        TRY_GOTO(unigram_init(&t->unigram, &t->vocabulary, &spec->unigram, err));
    else
        TRY_GOTO(wordpiece_init(&t->wordpiece, &t->vocabulary, spec->wordpiece, err));

    TRY_GOTO(build_names(t, spec, err));
    TRY_GOTO(take_template(&t->before, &spec->before, t, err));
    TRY_GOTO(take_template(&t->after, &spec->after, t, err));
    TRY_GOTO(token_matcher_init(&t->raw_tokens, spec->added, spec->n_added, false, &t->normalizer,
                                &t->spm, err));
    TRY_GOTO(token_matcher_init(&t->normalized_tokens, spec->added, spec->n_added, true,
                                &t->normalizer, &t->spm, err));
    *out = t;

done:
    if (status != SEMID_OK) tokenizer_close(t);
    return status;
}

/* ---- opening ---- */

/* The files that a folder can contain. */
enum { TOKENIZER_JSON, VOCAB_TXT, VOCAB_JSON, MERGES_TXT, CONFIG_JSON, N_FILES };

semid_status tokenizer_open(tokenizer **out, const char *model_dir, semid_error *err) {
    static const char *const names[N_FILES] = {"tokenizer.json", "vocab.txt", "vocab.json",
                                               "merges.txt", "tokenizer_config.json"};
    char *paths[N_FILES] = {NULL}, *text = NULL;
    json_t *config = NULL, *vocab = NULL;
    tokenizer_spec spec = {0};
    size_t n_bytes;
    semid_status status = SEMID_OK;

    for (int i = 0; i < N_FILES; i++) TRY_GOTO(path_join(&paths[i], model_dir, names[i], err));
    bool is_json = path_exists(paths[TOKENIZER_JSON]);
    bool is_lines = !is_json && path_exists(paths[VOCAB_TXT]);
    if (!is_json && !is_lines &&
        !(path_exists(paths[VOCAB_JSON]) && path_exists(paths[MERGES_TXT])))
        FAIL_GOTO(SEMID_ERR_IO,
                  "%s: expected a model folder with tokenizer.json, vocab.txt, or vocab.json and "
                  "merges.txt, found %s",
                  model_dir,
                  !path_exists(model_dir)  ? "nothing"
                  : path_is_dir(model_dir) ? "none of them"
                                           : "a file");

    int main_file = is_json ? TOKENIZER_JSON : is_lines ? VOCAB_TXT : VOCAB_JSON;
    if (!is_json && path_exists(paths[CONFIG_JSON]))
        TRY_GOTO(json_file_load(&config, paths[CONFIG_JSON], err));
    if (main_file == VOCAB_JSON) TRY_GOTO(json_file_load(&vocab, paths[VOCAB_JSON], err));
    TRY_GOTO(file_read_all(paths[main_file == VOCAB_JSON ? MERGES_TXT : main_file], MAX_FILE_BYTES,
                           &text, &n_bytes, err));

    /* the spec takes over `text` and `vocab` where it borrows from them */
    if (is_json) {
        status = tokenizer_spec_read_json(&spec, text, n_bytes, err);
        mem_free(text);
    } else if (is_lines) {
        status = tokenizer_spec_read_vocab(&spec, text, n_bytes, config, err);
    } else {
        status = tokenizer_spec_read_merges(&spec, vocab, text, n_bytes, config, err);
        vocab = NULL;
    }

    /* an error of the contents names the main file; those of reading a file name it themselves */
    if (status == SEMID_OK) status = tokenizer_from_spec(out, &spec, err);
    if (status != SEMID_OK) error_prefix(err, "%s", paths[main_file]);

done:
    tokenizer_spec_release(&spec);
    json_decref(vocab);
    json_decref(config);
    for (int i = 0; i < N_FILES; i++) mem_free(paths[i]);
    return status;
}

void tokenizer_close(tokenizer *t) {
    if (!t) return;
    trie_release(&t->vocabulary);
    bpe_release(&t->bpe);
    unigram_release(&t->unigram);
    spm_normalizer_release(&t->spm);
    token_matcher_release(&t->raw_tokens);
    token_matcher_release(&t->normalized_tokens);

    mem_free(t->before.ids);
    mem_free(t->after.ids);
    mem_free(t->names);
    mem_free(t->name_offsets);
    mem_free(t);
}

const char *tokenizer_token(const tokenizer *t, int32_t id) {
    if (id < 0 || (size_t)id >= t->n_ids || t->name_offsets[id] == NO_TOKEN) return NULL;
    return t->names + t->name_offsets[id];
}

size_t tokenizer_vocab_size(const tokenizer *t) {
    return t->n_ids;
}

size_t tokenizer_n_before(const tokenizer *t) {
    return t->before.n_ids;
}

size_t tokenizer_n_after(const tokenizer *t) {
    return t->after.n_ids;
}

/* ---- encoding ---- */

/* Where a part stands: at the start of the whole text, or of what follows an added token. */
typedef struct part_position {
    bool first, begins;
} part_position;

/* Where a part of at most PART_BYTES ends: after a space; without one, after the next. */
static size_t part_end(const tokenizer *t, const char *text, size_t n_bytes) {
    if (t->model != MODEL_WORDPIECE) return bpe_part_end(text, n_bytes, PART_BYTES);
    if (n_bytes <= PART_BYTES) return n_bytes;
    const char *space = memrchr(text, ' ', PART_BYTES);
    if (!space) space = memchr(text + PART_BYTES, ' ', n_bytes - PART_BYTES);
    return space ? (size_t)(space - text) + 1 : n_bytes;
}

/* Text that contains no raw added token, in one go. */
static semid_status append_part(const tokenizer *t, const char *text, size_t n_bytes,
                                part_position at, size_t limit, token_ids *out, semid_error *err) {
    char usual[NORMALIZER_ROOM(PART_BYTES)], *large = NULL;
    if (n_bytes > PART_BYTES) {
        if (n_bytes > SIZE_MAX / 8)
            FAIL(SEMID_ERR_NO_MEMORY, "out of memory: a text of %zu bytes", n_bytes);
        TRY(mem_alloc(&large, NORMALIZER_ROOM(n_bytes), 1, err));
    }

    text_buffer spm = {0};
    semid_status status = SEMID_OK;
    const char *normal = large ? large : usual;
    size_t n_normal = normalizer_run(&t->normalizer, text, n_bytes, large ? large : usual);
    if (t->spm.n_steps > 0) {
        TRY_GOTO(spm_normalizer_run(&t->spm, normal, n_normal, &spm, err));
        normal = spm.bytes;
        n_normal = spm.n_bytes;
    }

    /* it may contain added tokens that are matched in normalised text */
    match_state state = {0};
    text_piece piece;
    while (out->n_ids < limit &&
           token_matcher_next(&t->normalized_tokens, normal, n_normal, &state, &piece)) {
        const char *words = normal + piece.begin;
        size_t n = piece.end - piece.begin;
        if (piece.id >= 0)
            TRY_GOTO(token_ids_append(out, &piece.id, 1, err));
        else if (t->model == MODEL_BPE)
            TRY_GOTO(bpe_append(&t->bpe, words, n, at.begins, limit, out, err));
        else if (t->model == MODEL_UNIGRAM)
            TRY_GOTO(unigram_append(&t->unigram, words, n, at.first && piece.begin == 0, limit, out,
                                    err));
        else
            TRY_GOTO(wordpiece_append(&t->wordpiece, words, n, limit, out, err));
    }

done:
    mem_free(spm.bytes);
    mem_free(large);
    return status;
}

semid_status tokenizer_encode(const tokenizer *t, const char *text, size_t n_bytes, size_t max_len,
                              token_ids *out, semid_error *err) {
    size_t n_around = t->before.n_ids + t->after.n_ids;
    if (max_len > 0 && max_len < n_around)
        FAIL(SEMID_ERR_ARGUMENT, "expected a maximal length of at least %zu, found %zu", n_around,
             max_len);
    size_t limit = max_len > 0 ? max_len - t->after.n_ids : SIZE_MAX;

    out->n_ids = 0;
    TRY(token_ids_append(out, t->before.ids, t->before.n_ids, err));

    /* Whether parts give the same tokens as the whole: not where added tokens, which may contain
     * spaces, are matched in normalised text, nor where words of Unigram do not end at spaces. */
    bool in_parts =
        t->normalized_tokens.n_tokens == 0 &&
        (t->model != MODEL_UNIGRAM || (t->unigram.split_marks && t->spm.keeps_visible_ascii));

    match_state state = {0};
    text_piece piece;
    while (out->n_ids < limit &&
           token_matcher_next(&t->raw_tokens, text, n_bytes, &state, &piece)) {
        if (piece.id >= 0) {
            TRY(token_ids_append(out, &piece.id, 1, err));
            continue;
        }
        for (size_t at = piece.begin, n; at < piece.end && out->n_ids < limit; at += n) {
            part_position position = {.first = at == 0, .begins = at == piece.begin};
            n = in_parts ? part_end(t, text + at, piece.end - at) : piece.end - at;
            TRY(append_part(t, text + at, n, position, limit, out, err));
        }
    }

    /* a part may have appended more than was left */
    if (out->n_ids > limit) out->n_ids = limit;
    return token_ids_append(out, t->after.ids, t->after.n_ids, err);
}
