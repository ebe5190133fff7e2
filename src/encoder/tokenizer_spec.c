#include "encoder/tokenizer_spec.h"

#include "base/memory.h"

#include <string.h>

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

static const char *type_name(const json_t *value) {
    if (!value) return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

semid_status json_member_string(const json_t *object, const char *where, const char *key,
                                const char **out, semid_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        FAIL(SEMID_ERR_FORMAT, "%s.%s: expected a string, found %s", where, key, type_name(value));
    const char *s = json_string_value(value);
    if (strlen(s) != json_string_length(value))
        FAIL(SEMID_ERR_FORMAT, "%s.%s: expected text, found a NUL character", where, key);
    *out = s;
    return SEMID_OK;
}

semid_status json_member_bool(const json_t *object, const char *where, const char *key, bool *out,
                              semid_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_boolean(value))
        FAIL(SEMID_ERR_FORMAT, "%s.%s: expected true or false, found %s", where, key,
             type_name(value));
    *out = json_is_true(value);
    return SEMID_OK;
}

semid_status json_member_integer(const json_t *object, const char *where, const char *key,
                                 int64_t *out, semid_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        FAIL(SEMID_ERR_FORMAT, "%s.%s: expected an integer, found %s", where, key,
             type_name(value));
    *out = json_integer_value(value);
    return SEMID_OK;
}

semid_status json_optional_bool(const json_t *config, const char *key, bool usual, bool *out,
                                semid_error *err) {
    const json_t *value = json_object_get(config, key);
    *out = usual;
    if (!value || json_is_null(value)) return SEMID_OK;
    return json_member_bool(config, "tokenizer_config.json", key, out, err);
}

semid_status json_check_type(const json_t *object, const char *key, const char *const *supported,
                             const char *supported_list, const char **type, semid_error *err) {
    if (!json_is_object(object))
        FAIL(SEMID_ERR_UNSUPPORTED, "%s: none given; supported: %s", key, supported_list);
    TRY(json_member_string(object, key, "type", type, err));
    for (; *supported; supported++)
        if (strcmp(*supported, *type) == 0) return SEMID_OK;
    FAIL(SEMID_ERR_UNSUPPORTED, "%s \"%s\" is not supported; supported: %s", key, *type,
         supported_list);
}

semid_status json_added_token(const json_t *object, added_token *out, semid_error *err) {
    const char *where = "added token";
    TRY(json_member_string(object, where, "content", &out->content, err));
    TRY(json_member_bool(object, where, "special", &out->special, err));
    TRY(json_member_bool(object, where, "normalized", &out->normalized, err));
    TRY(json_member_bool(object, where, "single_word", &out->single_word, err));
    TRY(json_member_bool(object, where, "lstrip", &out->lstrip, err));
    return json_member_bool(object, where, "rstrip", &out->rstrip, err);
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
