/* vocab.txt or vocab.json and merges.txt, with tokenizer_config.json: what model folders had before
 * tokenizer.json. */
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

/* The class is one of those, or its Fast form, or not said. */
static semid_status check_class(const json_t *config, const char *const *classes, const char *list,
                                semid_error *err) {
    const char *name = json_string_value(json_object_get(config, "tokenizer_class"));
    if (!name) return SEMID_OK;
    for (; *classes; classes++) {
        size_t n = strlen(*classes);
        if (strncmp(name, *classes, n) == 0 && (!name[n] || strcmp(name + n, "Fast") == 0))
            return SEMID_OK;
    }
    FAIL(SEMID_ERR_UNSUPPORTED,
         "tokenizer_class \"%s\" is not supported; supported: %s and their Fast forms", name, list);
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

/* A special token, by what tokenizer_config.json calls it. */
typedef struct special_token {
    const char *key, *usual;
    bool before, after, lstrip; /* goes before or after every text */
} special_token;

static semid_status read_specials(tokenizer_spec *spec, const json_t *config,
                                  const special_token *specials, size_t n_specials,
                                  const char **unknown, semid_error *err) {
    for (size_t i = 0; i < n_specials; i++) {
        const special_token *special = &specials[i];
        const char *name;
        TRY(special_name(config, special->key, special->usual, &name, err));
        int64_t id = find_token(spec, name);
        if (id < 0 && (special->before || special->after))
            FAIL(SEMID_ERR_FORMAT, "expected %s \"%s\" in the vocabulary, found none", special->key,
                 name);
        if (strcmp(special->key, "unk_token") == 0) *unknown = name;
        if (special->before) TRY(id_list_add(&spec->before, id, err));
        if (special->after) TRY(id_list_add(&spec->after, id, err));
        if (id < 0 || is_added(spec, name)) continue;
        added_token added = {
            .content = name, .id = (int32_t)id, .special = true, .lstrip = special->lstrip};
        TRY(tokenizer_spec_add_added(spec, added, err));
    }
    return SEMID_OK;
}

static semid_status read_bert_specials(tokenizer_spec *spec, const json_t *config,
                                       semid_error *err) {
    static const special_token specials[] = {{"unk_token", "[UNK]", false, false, false},
                                             {"sep_token", "[SEP]", false, true, false},
                                             {"pad_token", "[PAD]", false, false, false},
                                             {"cls_token", "[CLS]", true, false, false},
                                             {"mask_token", "[MASK]", false, false, false}};
    return read_specials(spec, config, specials, sizeof specials / sizeof *specials,
                         &spec->wordpiece.unknown_token, err);
}

semid_status tokenizer_spec_read_vocab(tokenizer_spec *spec, char *text, size_t n_bytes,
                                       const json_t *config, semid_error *err) {
    enum { MAX_WORD_CHARS = 100 };
    static const char *const classes[] = {"BertTokenizer", "DistilBertTokenizer",
                                          "ElectraTokenizer", NULL};
    spec->text = text;
    spec->wordpiece.continuation_prefix = "##";
    spec->wordpiece.max_word_chars = MAX_WORD_CHARS;
    normalizer_options *n = &spec->normalizer;
    n->clean_text = true;
    TRY(check_class(config, classes, "BertTokenizer, DistilBertTokenizer, ElectraTokenizer", err));
    TRY(json_optional_bool(config, "do_lower_case", true, &n->lowercase, err));
    TRY(json_optional_bool(config, "tokenize_chinese_chars", true, &n->handle_chinese_chars, err));
    TRY(json_optional_bool(config, "strip_accents", n->lowercase, &n->strip_accents, err));
    TRY(read_lines(spec, text, n_bytes, err));
    TRY(read_decoder(spec, config, err));
    return read_bert_specials(spec, config, err);
}

/* ---- vocab.json and merges.txt ---- */

static semid_status read_merge_lines(tokenizer_spec *spec, const char *text, size_t n_bytes,
                                     semid_error *err) {
    const char *end = text + n_bytes;
    for (const char *line = text, *stop; line < end; line = stop + 1) {
        stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        size_t length = (size_t)(stop - line);
        if (length > 0 && line[length - 1] == '\r') length--;
        bool is_version = length >= 8 && memcmp(line, "#version", 8) == 0;
        if (length > 0 && !is_version) TRY(tokenizer_spec_add_merge(spec, line, length, err));
    }
    return SEMID_OK;
}

semid_status tokenizer_spec_read_merges(tokenizer_spec *spec, json_t *vocab, char *text,
                                        size_t n_bytes, const json_t *config, semid_error *err) {
    static const char *const classes[] = {"RobertaTokenizer", NULL};
    static const special_token specials[] = {{"unk_token", "<unk>", false, false, false},
                                             {"sep_token", "</s>", false, true, false},
                                             {"pad_token", "<pad>", false, false, false},
                                             {"cls_token", "<s>", true, false, false},
                                             {"mask_token", "<mask>", false, false, true}};
    const char *unknown;
    spec->json = vocab;
    spec->text = text;
    spec->model = MODEL_BPE;
    TRY(check_class(config, classes, "RobertaTokenizer", err));
    TRY(json_optional_bool(config, "add_prefix_space", false, &spec->bpe.prefix_space, err));
    TRY(tokenizer_spec_read_vocabulary(spec, vocab, "vocab.json", err));
    TRY(read_merge_lines(spec, text, n_bytes, err));
    TRY(read_decoder(spec, config, err));
    return read_specials(spec, config, specials, sizeof specials / sizeof *specials, &unknown, err);
}
