#include "encoder/tokenizer_spec.h"

#include "base/memory.h"
#include "encoder/json_member.h"

#include <string.h>

/* Three kinds of model folders describe a tokenizer: tokenizer.json, vocab.txt, and vocab.json with
 * merges.txt. Their readers (tokenizer_json*.c, tokenizer_vocab.c) fill one spec through these
 * functions, and tokenizer.c builds from it, so that what can be wrong with a token, an id or a
 * merge is checked once. Limits bound what a hostile file can make the builder allocate. */

/* Embedding tables have a row for every id up to the highest. */
static const int64_t MAX_ID = ((int64_t)1 << 22) - 1;
enum { MAX_TOKEN_BYTES = 4096, MAX_ADDED = 10000 };

static semid_status check_id(int64_t id, semid_error *err) {
    if (id < 0 || id > MAX_ID)
        FAIL(SEMID_ERR_FORMAT, "expected token ids from 0 to %lld, found %lld", (long long)MAX_ID,
             (long long)id);
    return SEMID_OK;
}

semid_status tokenizer_spec_add_token(tokenizer_spec *spec, const char *content, size_t n_bytes,
                                      int64_t id, semid_error *err) {
    TRY(check_id(id, err));
    if (n_bytes > MAX_TOKEN_BYTES)
        FAIL(SEMID_ERR_FORMAT, "token %lld: expected at most %d bytes, found %zu", (long long)id,
             MAX_TOKEN_BYTES, n_bytes);
    if (memchr(content, '\0', n_bytes))
        FAIL(SEMID_ERR_FORMAT, "token %lld: expected text, found a NUL character", (long long)id);

    TRY(mem_reserve(&spec->tokens, &spec->token_capacity, spec->n_tokens + 1, sizeof *spec->tokens,
                    err));
    spec->tokens[spec->n_tokens++] = (trie_key){content, n_bytes, (int32_t)id};
    return SEMID_OK;
}

semid_status tokenizer_spec_add_vocabulary(tokenizer_spec *spec, const json_t *vocab,
                                           const char *where, semid_error *err) {
    const char *token;
    size_t n_bytes;
    json_t *id;

    if (!json_is_object(vocab))
        FAIL(SEMID_ERR_FORMAT, "%s: expected an object from tokens to ids", where);

    json_object_keylen_foreach((json_t *)(uintptr_t)vocab, token, n_bytes, id) {
        if (!json_is_integer(id))
            FAIL(SEMID_ERR_FORMAT, "%s: token \"%s\": expected an integer id", where, token);
        TRY(tokenizer_spec_add_token(spec, token, n_bytes, json_integer_value(id), err));
    }
    return SEMID_OK;
}

semid_status tokenizer_spec_add_added(tokenizer_spec *spec, added_token added, semid_error *err) {
    TRY(check_id(added.id, err));
    if (added.content[0] == '\0')
        FAIL(SEMID_ERR_FORMAT, "added token %d: expected text, found an empty string", added.id);
    if (strlen(added.content) > MAX_TOKEN_BYTES)
        FAIL(SEMID_ERR_FORMAT, "added token %d: expected at most %d bytes, found %zu", added.id,
             MAX_TOKEN_BYTES, strlen(added.content));
    if (spec->n_added == MAX_ADDED)
        FAIL(SEMID_ERR_UNSUPPORTED, "more than %d added tokens are not supported", MAX_ADDED);

    TRY(mem_reserve(&spec->added, &spec->added_capacity, spec->n_added + 1, sizeof *spec->added,
                    err));
    spec->added[spec->n_added++] = added;
    return SEMID_OK;
}

semid_status tokenizer_spec_add_added_json(tokenizer_spec *spec, const json_t *object, int64_t id,
                                           semid_error *err) {
    const char *where = "added token";
    added_token added = {.id = (int32_t)id}; /* checked below, where the token can be named */

    TRY(json_member_string(object, where, "content", &added.content, err));
    TRY(json_member_bool(object, where, "special", &added.special, err));
    TRY(json_member_bool(object, where, "normalized", &added.normalized, err));
    TRY(json_member_bool(object, where, "single_word", &added.single_word, err));
    TRY(json_member_bool(object, where, "lstrip", &added.lstrip, err));
    TRY(json_member_bool(object, where, "rstrip", &added.rstrip, err));

    if (id < 0 || id > INT32_MAX)
        FAIL(SEMID_ERR_FORMAT, "added token \"%s\": id %lld is out of range", added.content,
             (long long)id);
    return tokenizer_spec_add_added(spec, added, err);
}

static semid_status push_merge(tokenizer_spec *spec, bpe_merge merge, semid_error *err) {
    TRY(mem_reserve(&spec->merges, &spec->merge_capacity, spec->n_merges + 1, sizeof *spec->merges,
                    err));
    spec->merges[spec->n_merges++] = merge;
    return SEMID_OK;
}

semid_status tokenizer_spec_add_merge(tokenizer_spec *spec, const char *line, size_t n_bytes,
                                      semid_error *err) {
    const char *space = memchr(line, ' ', n_bytes);
    size_t n_left = space ? (size_t)(space - line) : 0, n_right = space ? n_bytes - n_left - 1 : 0;
    if (!space || memchr(space + 1, ' ', n_right))
        FAIL(SEMID_ERR_FORMAT, "merge %zu: expected two tokens and a space between, found \"%.*s\"",
             spec->n_merges + 1, (int)(n_bytes < 100 ? n_bytes : 100), line);
    return push_merge(spec, (bpe_merge){line, space + 1, n_left, n_right}, err);
}

semid_status tokenizer_spec_add_merge_pair(tokenizer_spec *spec, const json_t *pair,
                                           semid_error *err) {
    const json_t *left = json_array_get(pair, 0), *right = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_string(left) || !json_is_string(right))
        FAIL(SEMID_ERR_FORMAT, "model.merges: expected strings or pairs of strings");
    return push_merge(spec,
                      (bpe_merge){json_string_value(left), json_string_value(right),
                                  json_string_length(left), json_string_length(right)},
                      err);
}

semid_status id_list_add(id_list *list, int64_t id, semid_error *err) {
    TRY(check_id(id, err));
    TRY(mem_reserve(&list->ids, &list->capacity, list->n_ids + 1, sizeof *list->ids, err));
    list->ids[list->n_ids++] = (int32_t)id;
    return SEMID_OK;
}

void tokenizer_spec_release(tokenizer_spec *spec) {
    mem_free(spec->tokens);
    mem_free(spec->added);
    mem_free(spec->merges);
    mem_free(spec->scores);
    mem_free(spec->before.ids);
    mem_free(spec->after.ids);
    json_decref(spec->json);
    mem_free(spec->text);
    *spec = (tokenizer_spec){0};
}
