/* What a tokenizer.json says about words and their parts: its model, and the normalizer and the
 * pre_tokenizer that go with it. */
#include "encoder/tokenizer_spec.h"

#include <string.h>

/* ---- WordPiece ---- */

static semid_status read_bert_normalizer(normalizer_options *out, const json_t *root,
                                         semid_error *err) {
    static const char *const supported[] = {"BertNormalizer", NULL};
    const char *where = "normalizer", *type;
    const json_t *object = json_object_get(root, where);
    if (json_is_null(object)) return SEMID_OK; /* the text as it is */
    TRY(json_check_type(object, where, supported, "BertNormalizer, null", &type, err));
    TRY(json_member_bool(object, where, "clean_text", &out->clean_text, err));
    TRY(json_member_bool(object, where, "handle_chinese_chars", &out->handle_chinese_chars, err));
    TRY(json_member_bool(object, where, "lowercase", &out->lowercase, err));
    out->strip_accents = out->lowercase;
    const json_t *strip = json_object_get(object, "strip_accents");
    if (!strip || json_is_null(strip)) return SEMID_OK;
    return json_member_bool(object, where, "strip_accents", &out->strip_accents, err);
}

static semid_status check_bert_words(const json_t *root, semid_error *err) {
    static const char *const supported[] = {"BertPreTokenizer", NULL};
    const char *type;
    return json_check_type(json_object_get(root, "pre_tokenizer"), "pre_tokenizer", supported,
                           "BertPreTokenizer", &type, err);
}

semid_status tokenizer_spec_read_vocabulary(tokenizer_spec *spec, const json_t *vocab,
                                            const char *where, semid_error *err) {
    if (!json_is_object(vocab))
        FAIL(SEMID_ERR_FORMAT, "%s: expected an object from tokens to ids", where);
    const char *token;
    size_t n_bytes;
    json_t *id;
    json_object_keylen_foreach((json_t *)(uintptr_t)vocab, token, n_bytes, id) {
        if (!json_is_integer(id))
            FAIL(SEMID_ERR_FORMAT, "%s: token \"%s\": expected an integer id", where, token);
        TRY(tokenizer_spec_add_token(spec, token, n_bytes, json_integer_value(id), err));
    }
    return SEMID_OK;
}

static semid_status read_wordpiece(tokenizer_spec *spec, const json_t *root, const json_t *model,
                                   semid_error *err) {
    wordpiece_options *options = &spec->wordpiece;
    int64_t max_word_chars;
    spec->model = MODEL_WORDPIECE;
    TRY(json_member_string(model, "model", "unk_token", &options->unknown_token, err));
    TRY(json_member_string(model, "model", "continuing_subword_prefix",
                           &options->continuation_prefix, err));
    TRY(json_member_integer(model, "model", "max_input_chars_per_word", &max_word_chars, err));
    if (max_word_chars < 0)
        FAIL(SEMID_ERR_FORMAT, "model.max_input_chars_per_word: expected at least 0, found %lld",
             (long long)max_word_chars);
    options->max_word_chars = (size_t)max_word_chars;
    TRY(tokenizer_spec_read_vocabulary(spec, json_object_get(model, "vocab"), "model.vocab", err));
    TRY(read_bert_normalizer(&spec->normalizer, root, err));
    return check_bert_words(root, err);
}

/* ---- byte-level BPE ---- */

/* A setting that changes the tokens unless it is missing, null, false, 0 or "". */
static semid_status check_unset(const json_t *object, const char *where, const char *key,
                                semid_error *err) {
    const json_t *value = json_object_get(object, key);
    bool unset = !value || json_is_null(value) || json_is_false(value) ||
                 (json_is_number(value) && json_number_value(value) == 0) ||
                 (json_is_string(value) && json_string_length(value) == 0);
    if (!unset) FAIL(SEMID_ERR_UNSUPPORTED, "%s.%s is not supported", where, key);
    return SEMID_OK;
}

static semid_status read_byte_words(tokenizer_spec *spec, const json_t *root, semid_error *err) {
    static const char *const supported[] = {"ByteLevel", NULL};
    const char *where = "pre_tokenizer", *type;
    const json_t *object = json_object_get(root, where);
    bool use_pattern = true;
    TRY(json_check_type(object, where, supported, "ByteLevel (with a BPE model)", &type, err));
    TRY(json_member_bool(object, where, "add_prefix_space", &spec->bpe.prefix_space, err));
    if (json_object_get(object, "use_regex"))
        TRY(json_member_bool(object, where, "use_regex", &use_pattern, err));
    if (!use_pattern) FAIL(SEMID_ERR_UNSUPPORTED, "pre_tokenizer.use_regex false is not supported");
    if (json_is_object(json_object_get(root, "normalizer")))
        FAIL(SEMID_ERR_UNSUPPORTED,
             "normalizer: none is supported with a BPE model; expected null");
    return SEMID_OK;
}

static semid_status read_merges(tokenizer_spec *spec, const json_t *merges, semid_error *err) {
    const json_t *merge;
    size_t i;
    if (!json_is_array(merges)) FAIL(SEMID_ERR_FORMAT, "model.merges: expected an array");
    json_array_foreach(merges, i, merge) {
        const char *line = json_string_value(merge);
        TRY(line ? tokenizer_spec_add_merge(spec, line, json_string_length(merge), err)
                 : tokenizer_spec_add_merge_pair(spec, merge, err));
    }
    return SEMID_OK;
}

static semid_status read_bpe(tokenizer_spec *spec, const json_t *root, const json_t *model,
                             semid_error *err) {
    static const char *const unset[] = {"dropout", "continuing_subword_prefix",
                                        "end_of_word_suffix", "byte_fallback"};
    bpe_options *options = &spec->bpe;
    const json_t *unknown = json_object_get(model, "unk_token");
    spec->model = MODEL_BPE;
    for (size_t i = 0; i < sizeof unset / sizeof *unset; i++)
        TRY(check_unset(model, "model", unset[i], err));
    if (unknown && !json_is_null(unknown))
        TRY(json_member_string(model, "model", "unk_token", &options->unknown_token, err));
    if (json_object_get(model, "fuse_unk"))
        TRY(json_member_bool(model, "model", "fuse_unk", &options->fuse_unknown, err));
    if (json_object_get(model, "ignore_merges"))
        TRY(json_member_bool(model, "model", "ignore_merges", &options->whole_words, err));
    TRY(tokenizer_spec_read_vocabulary(spec, json_object_get(model, "vocab"), "model.vocab", err));
    TRY(read_merges(spec, json_object_get(model, "merges"), err));
    return read_byte_words(spec, root, err);
}

/* ---- all of it ---- */

/* Old files do not say the type: it shows in a setting that only one of them has. */
static semid_status model_type(const json_t *model, const char **type, semid_error *err) {
    static const char *const supported[] = {"WordPiece", "BPE", "Unigram", NULL};
    bool untold = json_is_object(model) && !json_object_get(model, "type");
    *type = "WordPiece";
    if (untold && json_object_get(model, "max_input_chars_per_word")) return SEMID_OK;
    *type = "BPE";
    if (untold && json_object_get(model, "merges")) return SEMID_OK;
    return json_check_type(model, "model", supported, "WordPiece, BPE, Unigram", type, err);
}

semid_status tokenizer_spec_read_model(tokenizer_spec *spec, const json_t *root, semid_error *err) {
    const json_t *model = json_object_get(root, "model");
    const char *type;
    TRY(model_type(model, &type, err));
    if (strcmp(type, "BPE") == 0) return read_bpe(spec, root, model, err);
    if (strcmp(type, "Unigram") == 0) return tokenizer_spec_read_unigram(spec, root, model, err);
    return read_wordpiece(spec, root, model, err);
}
