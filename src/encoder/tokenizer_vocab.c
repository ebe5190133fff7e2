/* vocab.txt, or vocab.json and merges.txt, with tokenizer_config.json: the files of model folders
 * before tokenizer.json. What they leave out is what the Python class that loads them has built in:
 * BertTokenizer for vocab.txt, RobertaTokenizer for merges.txt. The class is named in
 * tokenizer_config.json; another one is refused. Special tokens are those of the class unless the
 * file names others. */
#include "base/memory.h"
#include "encoder/json_member.h"
#include "encoder/tokenizer_spec.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

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

/* null counts as missing. */
static semid_status config_bool(const json_t *config, const char *key, bool usual, bool *out,
                                semid_error *err) {
    *out = usual;
    if (json_is_null(json_object_get(config, key))) return SEMID_OK;
    return json_optional_bool(config, "tokenizer_config.json", key, out, err);
}

/* added_tokens_decoder: {"0": {"content": "[PAD]", ...}} */
static semid_status read_decoder(tokenizer_spec *spec, const json_t *config, semid_error *err) {
    const json_t *entry;
    const char *key;

    json_object_foreach(json_object_get(config, "added_tokens_decoder"), key, entry) {
        char *end;
        long id = strtol(key, &end, 10);
        if (!isdigit((unsigned char)key[0]) || *end || id > INT32_MAX)
            FAIL(SEMID_ERR_FORMAT, "added_tokens_decoder: expected an id, found \"%s\"", key);
        TRY(tokenizer_spec_add_added_json(spec, entry, id, err));
    }
    return SEMID_OK;
}

/* ---- special tokens ---- */

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
        const char *name = special->usual;

        /* its text: a string, or an object with `content` */
        const json_t *value = json_object_get(config, special->key);
        if (json_is_object(value))
            TRY(json_member_string(value, special->key, "content", &name, err));
        else if (value && !json_is_null(value))
            TRY(json_member_string(config, "tokenizer_config.json", special->key, &name, err));
        if (strcmp(special->key, "unk_token") == 0) *unknown = name;

        int64_t id = -1;
        size_t n_bytes = strlen(name);
        for (size_t j = 0; j < spec->n_tokens && id < 0; j++)
            if (spec->tokens[j].n_bytes == n_bytes &&
                memcmp(spec->tokens[j].bytes, name, n_bytes) == 0)
                id = spec->tokens[j].value;
        if (id < 0 && (special->before || special->after))
            FAIL(SEMID_ERR_FORMAT, "expected %s \"%s\" in the vocabulary, found none", special->key,
                 name);
        if (special->before) TRY(id_list_add(&spec->before, id, err));
        if (special->after) TRY(id_list_add(&spec->after, id, err));

        /* an added token too, unless the decoder's table has it */
        bool is_added = false;
        for (size_t j = 0; j < spec->n_added; j++)
            is_added |= strcmp(spec->added[j].content, name) == 0;
        if (id < 0 || is_added) continue;
        added_token added = {
            .content = name, .id = (int32_t)id, .special = true, .lstrip = special->lstrip};
        TRY(tokenizer_spec_add_added(spec, added, err));
    }
    return SEMID_OK;
}

/* ---- the two kinds of folders ---- */

semid_status tokenizer_spec_read_vocab(tokenizer_spec *spec, char *text, size_t n_bytes,
                                       const json_t *config, semid_error *err) {
    enum { MAX_WORD_CHARS = 100 };
    static const char *const classes[] = {"BertTokenizer", "DistilBertTokenizer",
                                          "ElectraTokenizer", NULL};
    static const special_token specials[] = {{"unk_token", "[UNK]", false, false, false},
                                             {"sep_token", "[SEP]", false, true, false},
                                             {"pad_token", "[PAD]", false, false, false},
                                             {"cls_token", "[CLS]", true, false, false},
                                             {"mask_token", "[MASK]", false, false, false}};
    normalizer_options *n = &spec->normalizer;

    spec->text = text;
    spec->wordpiece.continuation_prefix = "##";
    spec->wordpiece.max_word_chars = MAX_WORD_CHARS;
    n->clean_text = true;
    TRY(check_class(config, classes, "BertTokenizer, DistilBertTokenizer, ElectraTokenizer", err));
    TRY(config_bool(config, "do_lower_case", true, &n->lowercase, err));
    TRY(config_bool(config, "tokenize_chinese_chars", true, &n->handle_chinese_chars, err));
    TRY(config_bool(config, "strip_accents", n->lowercase, &n->strip_accents, err));

    /* an id is the number of its line */
    int64_t id = 0;
    for (char *line = text, *end = text + n_bytes, *stop; line < end; line = stop + 1, id++) {
        stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        size_t length = (size_t)(stop - line);
        while (length > 0 && isspace((unsigned char)line[length - 1])) length--;
        TRY(tokenizer_spec_add_token(spec, line, length, id, err));
    }

    TRY(read_decoder(spec, config, err));
    return read_specials(spec, config, specials, sizeof specials / sizeof *specials,
                         &spec->wordpiece.unknown_token, err);
}

semid_status tokenizer_spec_read_merges(tokenizer_spec *spec, json_t *vocab, char *text,
                                        size_t n_bytes, const json_t *config, semid_error *err) {
    static const char *const classes[] = {"RobertaTokenizer", NULL};
    static const special_token specials[] = {{"unk_token", "<unk>", false, false, false},
                                             {"sep_token", "</s>", false, true, false},
                                             {"pad_token", "<pad>", false, false, false},
                                             {"cls_token", "<s>", true, false, false},
                                             {"mask_token", "<mask>", false, false, true}};
    const char *unknown; /* byte-level BPE has a token for every byte */

    spec->json = vocab;
    spec->text = text;
    spec->model = MODEL_BPE;
    TRY(check_class(config, classes, "RobertaTokenizer", err));
    TRY(config_bool(config, "add_prefix_space", false, &spec->bpe.prefix_space, err));
    TRY(tokenizer_spec_add_vocabulary(spec, vocab, "vocab.json", err));

    /* a merge per line, after a line that says the version */
    const char *end = text + n_bytes;
    for (const char *line = text, *stop; line < end; line = stop + 1) {
        stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        size_t length = (size_t)(stop - line);
        if (length > 0 && line[length - 1] == '\r') length--;
        bool is_version = length >= 8 && memcmp(line, "#version", 8) == 0;
        if (length > 0 && !is_version) TRY(tokenizer_spec_add_merge(spec, line, length, err));
    }

    TRY(read_decoder(spec, config, err));
    return read_specials(spec, config, specials, sizeof specials / sizeof *specials, &unknown, err);
}
