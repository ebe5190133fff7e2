/* What a tokenizer.json says about words and their parts: its model, and the normalizer and the
 * pre_tokenizer that go with it. WordPiece goes with BertNormalizer and BertPreTokenizer, BPE with
 * ByteLevel and no normalizer; Unigram has a file of its own. Any other combination is refused, and
 * so is a setting that would change the tokens in a way that is not supported. */
#include "encoder/json_member.h"
#include "encoder/tokenizer_spec.h"

#include <string.h>

static semid_status read_wordpiece(tokenizer_spec *spec, const json_t *root, const json_t *model,
                                   semid_error *err) {
    static const char *const normalizers[] = {"BertNormalizer", NULL};
    static const char *const splitters[] = {"BertPreTokenizer", NULL};
    const char *where = "normalizer", *type;
    wordpiece_options *options = &spec->wordpiece;
    normalizer_options *n = &spec->normalizer;
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
    TRY(tokenizer_spec_add_vocabulary(spec, json_object_get(model, "vocab"), "model.vocab", err));

    /* null: the text as it is */
    const json_t *object = json_object_get(root, where);
    if (!json_is_null(object)) {
        TRY(json_check_type(object, where, normalizers, "BertNormalizer, null", &type, err));
        TRY(json_member_bool(object, where, "clean_text", &n->clean_text, err));
        TRY(json_member_bool(object, where, "handle_chinese_chars", &n->handle_chinese_chars, err));
        TRY(json_member_bool(object, where, "lowercase", &n->lowercase, err));
        n->strip_accents = n->lowercase; /* unless it is said */
        if (!json_is_null(json_object_get(object, "strip_accents")))
            TRY(json_optional_bool(object, where, "strip_accents", &n->strip_accents, err));
    }
    return json_check_type(json_object_get(root, "pre_tokenizer"), "pre_tokenizer", splitters,
                           "BertPreTokenizer", &type, err);
}

/* ---- byte-level BPE ---- */

static semid_status read_bpe(tokenizer_spec *spec, const json_t *root, const json_t *model,
                             semid_error *err) {
    static const char *const unset[] = {"dropout", "continuing_subword_prefix",
                                        "end_of_word_suffix", "byte_fallback"};
    static const char *const splitters[] = {"ByteLevel", NULL};
    bpe_options *options = &spec->bpe;
    const json_t *unknown = json_object_get(model, "unk_token"), *merge;
    const char *where = "pre_tokenizer", *type;
    bool use_pattern = true;
    size_t i;

    spec->model = MODEL_BPE;

    /* settings that change the tokens unless they are missing, null, false, 0 or "" */
    for (i = 0; i < sizeof unset / sizeof *unset; i++) {
        const json_t *value = json_object_get(model, unset[i]);
        bool is_unset = !value || json_is_null(value) || json_is_false(value) ||
                        (json_is_number(value) && json_number_value(value) == 0) ||
                        (json_is_string(value) && json_string_length(value) == 0);
        if (!is_unset) FAIL(SEMID_ERR_UNSUPPORTED, "model.%s is not supported", unset[i]);
    }

    if (unknown && !json_is_null(unknown))
        TRY(json_member_string(model, "model", "unk_token", &options->unknown_token, err));
    TRY(json_optional_bool(model, "model", "fuse_unk", &options->fuse_unknown, err));
    TRY(json_optional_bool(model, "model", "ignore_merges", &options->whole_words, err));
    TRY(tokenizer_spec_add_vocabulary(spec, json_object_get(model, "vocab"), "model.vocab", err));

    /* older files write a merge as one string, newer ones as a pair */
    const json_t *merges = json_object_get(model, "merges");
    if (!json_is_array(merges)) FAIL(SEMID_ERR_FORMAT, "model.merges: expected an array");
    json_array_foreach(merges, i, merge) {
        const char *line = json_string_value(merge);
        TRY(line ? tokenizer_spec_add_merge(spec, line, json_string_length(merge), err)
                 : tokenizer_spec_add_merge_pair(spec, merge, err));
    }

    /* the pre_tokenizer, and no normalizer */
    const json_t *object = json_object_get(root, where);
    TRY(json_check_type(object, where, splitters, "ByteLevel (with a BPE model)", &type, err));
    TRY(json_member_bool(object, where, "add_prefix_space", &options->prefix_space, err));
    TRY(json_optional_bool(object, where, "use_regex", &use_pattern, err));
    if (!use_pattern) FAIL(SEMID_ERR_UNSUPPORTED, "pre_tokenizer.use_regex false is not supported");
    if (json_is_object(json_object_get(root, "normalizer")))
        FAIL(SEMID_ERR_UNSUPPORTED,
             "normalizer: none is supported with a BPE model; expected null");
    return SEMID_OK;
}

semid_status tokenizer_spec_read_model(tokenizer_spec *spec, const json_t *root, semid_error *err) {
    static const char *const supported[] = {"WordPiece", "BPE", "Unigram", NULL};
    const json_t *model = json_object_get(root, "model");
    const char *type;

    /* old files do not say the type: it shows in a setting that only one of them has */
    bool untold = json_is_object(model) && !json_object_get(model, "type");
    if (untold && json_object_get(model, "max_input_chars_per_word"))
        type = "WordPiece";
    else if (untold && json_object_get(model, "merges"))
        type = "BPE";
    else
        TRY(json_check_type(model, "model", supported, "WordPiece, BPE, Unigram", &type, err));

    if (strcmp(type, "BPE") == 0) return read_bpe(spec, root, model, err);
    if (strcmp(type, "Unigram") == 0) return tokenizer_spec_read_unigram(spec, root, model, err);
    return read_wordpiece(spec, root, model, err);
}
