/* vocab.txt and tokenizer_config.json: what model folders had before tokenizer.json. */
#include "encoder/tokenizer_spec.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static semid_status read_lines(tokenizer_spec *spec, char *text, size_t n_bytes, semid_error *err) {
    int64_t id = 0;
    for (char *line = text, *end = text + n_bytes; line < end; id++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        size_t length = (size_t)(stop - line);
        while (length > 0 && isspace((unsigned char)line[length - 1])) length--;
        TRY(tokenizer_spec_add_token(spec, line, length, id, err));
        line = stop + 1;
    }
    return SEMID_OK;
}

static int64_t find_token(const tokenizer_spec *spec, const char *content) {
    size_t n_bytes = strlen(content);
    for (size_t i = 0; i < spec->n_tokens; i++)
        if (spec->tokens[i].n_bytes == n_bytes &&
            memcmp(spec->tokens[i].bytes, content, n_bytes) == 0)
            return spec->tokens[i].value;
    return -1;
}

/* A special token's text: a string, or an object with `content`. */
static semid_status special_name(const json_t *config, const char *key, const char *usual,
                                 const char **out, semid_error *err) {
    const json_t *value = json_object_get(config, key);
    *out = usual;
    if (!value || json_is_null(value)) return SEMID_OK;
    if (json_is_object(value)) return json_member_string(value, key, "content", out, err);
    return json_member_string(config, "tokenizer_config.json", key, out, err);
}

static semid_status optional_bool(const json_t *config, const char *key, bool usual, bool *out,
                                  semid_error *err) {
    const json_t *value = json_object_get(config, key);
    *out = usual;
    if (!value || json_is_null(value)) return SEMID_OK;
    return json_member_bool(config, "tokenizer_config.json", key, out, err);
}

static semid_status check_class(const json_t *config, semid_error *err) {
    static const char *const bert[] = {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"};
    const char *name = json_string_value(json_object_get(config, "tokenizer_class"));
    if (!name) return SEMID_OK;
    for (size_t i = 0; i < sizeof bert / sizeof bert[0]; i++) {
        size_t n = strlen(bert[i]);
        if (strncmp(name, bert[i], n) == 0 && (!name[n] || strcmp(name + n, "Fast") == 0))
            return SEMID_OK;
    }
    FAIL(SEMID_ERR_UNSUPPORTED,
         "tokenizer_class \"%s\" is not supported; supported: BertTokenizer, DistilBertTokenizer, "
         "ElectraTokenizer and their Fast forms",
         name);
}

static bool is_added(const tokenizer_spec *spec, const char *content) {
    for (size_t i = 0; i < spec->n_added; i++)
        if (strcmp(spec->added[i].content, content) == 0) return true;
    return false;
}

/* added_tokens_decoder: {"0": {"content": "[PAD]", ...}} */
static semid_status read_decoder(tokenizer_spec *spec, const json_t *config, semid_error *err) {
    const json_t *entry;
    const char *key;
    json_object_foreach(json_object_get(config, "added_tokens_decoder"), key, entry) {
        added_token added = {0};
        char *end;
        long id = strtol(key, &end, 10);
        if (!isdigit((unsigned char)key[0]) || *end || id > INT32_MAX)
            FAIL(SEMID_ERR_FORMAT, "added_tokens_decoder: expected an id, found \"%s\"", key);
        TRY(json_added_token(entry, &added, err));
        added.id = (int32_t)id;
        TRY(tokenizer_spec_add_added(spec, added, err));
    }
    return SEMID_OK;
}

static semid_status read_special_tokens(tokenizer_spec *spec, const json_t *config,
                                        semid_error *err) {
    static const struct {
        const char *key, *usual;
    } specials[] = {{"unk_token", "[UNK]"},
                    {"sep_token", "[SEP]"},
                    {"pad_token", "[PAD]"},
                    {"cls_token", "[CLS]"},
                    {"mask_token", "[MASK]"}};
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        const char *name;
        TRY(special_name(config, specials[i].key, specials[i].usual, &name, err));
        int64_t id = find_token(spec, name);
        bool is_cls = i == 3, is_sep = i == 1;
        if (id < 0 && (is_cls || is_sep))
            FAIL(SEMID_ERR_FORMAT, "expected %s \"%s\" in the vocabulary, found none",
                 specials[i].key, name);
        if (i == 0) spec->wordpiece.unknown_token = name;
        if (is_cls) TRY(id_list_add(&spec->before, id, err));
        if (is_sep) TRY(id_list_add(&spec->after, id, err));
        if (id < 0 || is_added(spec, name)) continue;
        added_token added = {.content = name, .id = (int32_t)id, .special = true};
        TRY(tokenizer_spec_add_added(spec, added, err));
    }
    return SEMID_OK;
}

semid_status tokenizer_spec_read_vocab(tokenizer_spec *spec, char *text, size_t n_bytes,
                                       const json_t *config, semid_error *err) {
    enum { MAX_WORD_CHARS = 100 };
    spec->text = text;
    spec->wordpiece.continuation_prefix = "##";
    spec->wordpiece.max_word_chars = MAX_WORD_CHARS;
    normalizer_options *n = &spec->normalizer;
    n->clean_text = true;
    TRY(check_class(config, err));
    TRY(optional_bool(config, "do_lower_case", true, &n->lowercase, err));
    TRY(optional_bool(config, "tokenize_chinese_chars", true, &n->handle_chinese_chars, err));
    TRY(optional_bool(config, "strip_accents", n->lowercase, &n->strip_accents, err));
    TRY(read_lines(spec, text, n_bytes, err));
    TRY(read_decoder(spec, config, err));
    return read_special_tokens(spec, config, err);
}
