/* What a tokenizer.json says of a Unigram model: the tables of SentencePiece, converted by the
 * library. The vocabulary is a list with scores, ids are its positions; the normalizer is a
 * sequence of up to three kinds of steps; the pre_tokenizer is Metaspace, which marks spaces, with
 * or without WhitespaceSplit before it. */
#include "base/memory.h"
#include "encoder/json_member.h"
#include "encoder/tokenizer_spec.h"

#include <string.h>

static semid_status read_scores(tokenizer_spec *spec, const json_t *model, semid_error *err) {
    const json_t *vocab = json_object_get(model, "vocab"), *entry;
    unigram_options *options = &spec->unigram;
    int64_t unknown;
    size_t i;

    if (!json_is_array(vocab))
        FAIL(SEMID_ERR_FORMAT, "model.vocab: expected an array of tokens and scores");
    json_array_foreach(vocab, i, entry) {
        const json_t *token = json_array_get(entry, 0), *score = json_array_get(entry, 1);
        size_t n = spec->n_tokens;
        if (!json_is_string(token) || !json_is_number(score))
            FAIL(SEMID_ERR_FORMAT, "model.vocab: expected [token, score] as entry %zu", n);
        TRY(tokenizer_spec_add_token(spec, json_string_value(token), json_string_length(token),
                                     (int64_t)n, err));
        TRY(mem_reserve(&spec->scores, &spec->score_capacity, n + 1, sizeof *spec->scores, err));
        spec->scores[n] = json_number_value(score);
    }

    TRY(json_member_integer(model, "model", "unk_id", &unknown, err));
    if (unknown < 0 || unknown >= (int64_t)spec->n_tokens)
        FAIL(SEMID_ERR_FORMAT, "model.unk_id: expected one of the %zu tokens, found %lld",
             spec->n_tokens, (long long)unknown);
    options->unknown_id = (int32_t)unknown;
    options->scores = spec->scores;
    options->n_scores = spec->n_tokens;
    return json_optional_bool(model, "model", "byte_fallback", &options->byte_fallback, err);
}

/* ---- normalizer ---- */

static const char supported_steps[] =
    "Precompiled, Strip on the right, Replace of \" {2,}\" and a Sequence of them, null";

static semid_status read_step(spm_options *options, const json_t *object, semid_error *err) {
    static const char *const supported[] = {"Precompiled", "Strip", "Replace", NULL};
    const char *where = "normalizer", *type, *content;

    TRY(json_check_type(object, where, supported, supported_steps, &type, err));
    if (options->n_steps == MAX_TEXT_STEPS)
        FAIL(SEMID_ERR_UNSUPPORTED, "normalizer: more than %d steps are not supported",
             MAX_TEXT_STEPS);
    text_step *step = &options->steps[options->n_steps++];

    if (strcmp(type, "Precompiled") == 0) {
        step->kind = STEP_CHARSMAP;
        if (options->charsmap)
            FAIL(SEMID_ERR_UNSUPPORTED, "normalizer: more than one Precompiled is not supported");
        return json_member_string(object, where, "precompiled_charsmap", &options->charsmap, err);
    }

    if (strcmp(type, "Strip") == 0) {
        bool left, right;
        step->kind = STEP_STRIP_RIGHT;
        TRY(json_member_bool(object, where, "strip_left", &left, err));
        TRY(json_member_bool(object, where, "strip_right", &right, err));
        if (left || !right)
            FAIL(SEMID_ERR_UNSUPPORTED, "normalizer: Strip is supported on the right only");
        return SEMID_OK;
    }

    const json_t *pattern = json_object_get(json_object_get(object, "pattern"), "Regex");
    step->kind = STEP_SQUEEZE_SPACES;
    TRY(json_member_string(object, where, "content", &content, err));
    if (!json_is_string(pattern) || strcmp(json_string_value(pattern), " {2,}") != 0 ||
        strlen(content) > MAX_SQUEEZED_BYTES)
        FAIL(SEMID_ERR_UNSUPPORTED,
             "normalizer: Replace is supported of the pattern \" {2,}\" by one character only");
    strcpy(step->squeezed, content);
    return SEMID_OK;
}

/* ---- pre_tokenizer ---- */

static const char supported_words[] =
    "Metaspace, a Sequence of WhitespaceSplit and Metaspace (with a Unigram model)";

static semid_status read_metaspace(unigram_options *options, const json_t *object,
                                   semid_error *err) {
    static const char *const supported[] = {"Metaspace", NULL};
    static const char *const schemes[] = {"always", "first", "never"};
    const char *where = "pre_tokenizer", *mark, *type, *name = schemes[MARK_ALWAYS];

    TRY(json_check_type(object, where, supported, supported_words, &type, err));
    TRY(json_member_string(object, where, "replacement", &mark, err));
    if (!mark[0] || strlen(mark) > MAX_MARK_BYTES || strcmp(mark, " ") == 0)
        FAIL(SEMID_ERR_FORMAT, "pre_tokenizer.replacement: expected one character, found \"%s\"",
             mark);
    strcpy(options->mark, mark);

    if (json_object_get(object, "prepend_scheme"))
        TRY(json_member_string(object, where, "prepend_scheme", &name, err));
    int scheme = 0;
    while (scheme <= MARK_NEVER && strcmp(name, schemes[scheme]) != 0) scheme++;
    if (scheme > MARK_NEVER)
        FAIL(SEMID_ERR_FORMAT,
             "pre_tokenizer.prepend_scheme: expected always, first or never, found \"%s\"", name);
    options->scheme = (mark_scheme)scheme;
    if (json_is_false(json_object_get(object, "add_prefix_space")) && scheme != MARK_NEVER)
        FAIL(SEMID_ERR_FORMAT,
             "pre_tokenizer.add_prefix_space: false does not go with prepend_scheme \"%s\"", name);

    options->split_marks = true;
    return json_optional_bool(object, where, "split", &options->split_marks, err);
}

/* ---- all of it ---- */

semid_status tokenizer_spec_read_unigram(tokenizer_spec *spec, const json_t *root,
                                         const json_t *model, semid_error *err) {
    static const char *const split[] = {"WhitespaceSplit", NULL};
    unigram_options *options = &spec->unigram;
    spec->model = MODEL_UNIGRAM;
    TRY(read_scores(spec, model, err));

    /* the normalizer: a step, or a sequence of them */
    const json_t *object = json_object_get(root, "normalizer"), *step;
    const char *type = json_string_value(json_object_get(object, "type"));
    if (type && strcmp(type, "Sequence") == 0) {
        size_t i;
        const json_t *list = json_object_get(object, "normalizers");
        if (!json_is_array(list))
            FAIL(SEMID_ERR_FORMAT, "normalizer.normalizers: expected an array");
        json_array_foreach(list, i, step) TRY(read_step(&spec->spm, step, err));
    } else if (object && !json_is_null(object)) {
        TRY(read_step(&spec->spm, object, err));
    }

    /* the pre_tokenizer: Metaspace, or WhitespaceSplit before it */
    object = json_object_get(root, "pre_tokenizer");
    type = json_string_value(json_object_get(object, "type"));
    if (!type || strcmp(type, "Sequence") != 0) return read_metaspace(options, object, err);
    const json_t *list = json_object_get(object, "pretokenizers");
    if (json_array_size(list) != 2)
        FAIL(SEMID_ERR_UNSUPPORTED, "pre_tokenizer Sequence is not supported; supported: %s",
             supported_words);
    TRY(json_check_type(json_array_get(list, 0), "pre_tokenizer", split, supported_words, &type,
                        err));
    TRY(read_metaspace(options, json_array_get(list, 1), err));

    options->split_whitespace = true;
    if (options->scheme == MARK_FIRST)
        FAIL(SEMID_ERR_UNSUPPORTED,
             "pre_tokenizer: prepend_scheme first after WhitespaceSplit is not supported");
    return SEMID_OK;
}
