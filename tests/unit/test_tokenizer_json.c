#include "base/memory.h"
#include "encoder/tokenizer.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#define ADDED(id, content)                                                                         \
    "{\"id\": " id ", \"content\": \"" content "\", \"special\": true, \"normalized\": false, "    \
    "\"single_word\": false, \"lstrip\": false, \"rstrip\": false}"
#define NORMALIZER                                                                                 \
    "\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true, "                        \
    "\"handle_chinese_chars\": true, \"strip_accents\": null, \"lowercase\": true}"
#define PRE "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}"
#define POST                                                                                       \
    "\"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 2], "                 \
    "\"cls\": [\"[CLS]\", 1]}"
#define MODEL_WITH(type, vocab)                                                                    \
    "\"model\": {" type "\"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", "        \
    "\"max_input_chars_per_word\": 100, \"vocab\": " vocab "}"
#define VOCAB "{\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"the\": 3}"
#define MODEL MODEL_WITH("\"type\": \"WordPiece\", ", VOCAB)
#define FILE_OF(added, normalizer, pre, post, model)                                               \
    "{\"added_tokens\": [" added "], " normalizer ", " pre ", " post ", " model "}"

static semid_status open_json(tokenizer **t, const char *json, semid_error *err) {
    static int n;
    char name[32], path[600];
    snprintf(name, sizeof name, "model-%d", n++);
    const char *folder = test_path(name);
    TRY(dir_create(folder, err));
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    test_write_file(path, json, strlen(json));
    return tokenizer_open(t, folder, err);
}

static void check_opens(const char *json, const char *text, const int32_t *expected, size_t n) {
    semid_error err = {0};
    tokenizer *t = NULL;
    token_ids ids = {0};
    assert_ok(open_json(&t, json, &err));
    assert_ok(tokenizer_encode(t, text, strlen(text), 0, &ids, &err));
    assert_int_equal(ids.n_ids, n);
    assert_memory_equal(ids.ids, expected, n * sizeof *expected);
    token_ids_release(&ids);
    tokenizer_close(t);
}

static void files_of_every_age_are_read(void **state) {
    (void)state;
    check_opens(FILE_OF(ADDED("2", "[SEP]"), NORMALIZER, PRE, POST, MODEL), "The [SEP]",
                (const int32_t[]){1, 3, 2, 2}, 4);
    check_opens(FILE_OF("", NORMALIZER, PRE, POST, MODEL_WITH("", VOCAB)), "The",
                (const int32_t[]){1, 3, 2}, 3);
    check_opens(FILE_OF("", "\"normalizer\": null", PRE, "\"post_processor\": null", MODEL),
                "the The", (const int32_t[]){3, 0}, 2);
    check_opens(FILE_OF(ADDED("4", "<new>"), NORMALIZER, PRE, POST, MODEL), "<new>",
                (const int32_t[]){1, 4, 2}, 3);
}

#define BPE_WITH(settings, merges)                                                                 \
    "\"model\": {\"type\": \"BPE\", " settings "\"vocab\": {\"a\": 0, \"b\": 1, \"\u0120\": 2, "   \
    "\"ab\": 3, \"<s>\": 4}, \"merges\": " merges "}"
#define BYTES(members) "\"pre_tokenizer\": {\"type\": \"ByteLevel\"" members "}"
#define SPACE ", \"add_prefix_space\": true"
#define BPE_FILE(normalizer, pre, model)                                                           \
    FILE_OF("", "\"normalizer\": " normalizer, pre, "\"post_processor\": null", model)

static void byte_pairs_are_read(void **state) {
    (void)state;
    check_opens(BPE_FILE("null", BYTES(SPACE), BPE_WITH("", "[\"a b\"]")), "ab ba\xff",
                (const int32_t[]){2, 3, 2, 1, 0}, 5);
    check_opens(BPE_FILE("null", BYTES(", \"add_prefix_space\": false"),
                         BPE_WITH("\"unk_token\": \"<s>\", ", "[[\"a\", \"b\"]]")),
                "abc", (const int32_t[]){3, 4}, 2);
}

#define UNIGRAM_WITH(unknown, vocab)                                                               \
    "\"model\": {\"type\": \"Unigram\", \"unk_id\": " unknown ", \"vocab\": " vocab "}"
#define SCORES "[[\"<unk>\", 0], [\"\u2581\", -2.5], [\"a\", -3], [\"\u2581a\", -3.5], [\"b\", -1]]"
#define UNIGRAM UNIGRAM_WITH("0", SCORES)
#define MARKS(members)                                                                             \
    "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\u2581\"" members "}"
#define STEP(type, members) "{\"type\": \"" type "\"" members "}"
#define REPLACE(pattern, content)                                                                  \
    STEP("Replace", ", \"pattern\": {" pattern "}, \"content\": \"" content "\"")
#define SQUEEZE REPLACE("\"Regex\": \" {2,}\"", " ")
#define STRIP(left, right) STEP("Strip", ", \"strip_left\": " left ", \"strip_right\": " right)
#define CHARSMAP(base64) STEP("Precompiled", ", \"precompiled_charsmap\": \"" base64 "\"")

static void unigram_is_read(void **state) {
    (void)state;
    check_opens(BPE_FILE("null", MARKS(""), UNIGRAM), "a ba", (const int32_t[]){3, 1, 4, 2}, 4);
    check_opens(BPE_FILE("null", MARKS(", \"prepend_scheme\": \"never\""), UNIGRAM), "a xyb",
                (const int32_t[]){2, 1, 0, 4}, 4);
    check_opens(
        BPE_FILE(STEP("Sequence", ", \"normalizers\": [" SQUEEZE ", " STRIP("false", "true") "]"),
                 MARKS(", \"prepend_scheme\": \"first\""), UNIGRAM),
        "a  b ", (const int32_t[]){3, 1, 4}, 3);
    /* unknown: ten below the least score, which a piece that is dear enough makes up for or not */
    check_opens(BPE_FILE("null", MARKS(", \"prepend_scheme\": \"never\""),
                         UNIGRAM_WITH("0", "[[\"<unk>\", 0], [\"xy\", -5], [\"y\", 9.5]]")),
                "xy", (const int32_t[]){1}, 1);
    /* bytes for unknown characters in a row, the unknown token's own among them; it alone is it */
    check_opens(BPE_FILE("null", MARKS(", \"prepend_scheme\": \"never\""),
                         UNIGRAM_WITH("0, \"byte_fallback\": true",
                                      "[[\"u\", 0], [\"<0x75>\", 0], [\"<0x78>\", 0]]")),
                "uxxu", (const int32_t[]){1, 2, 2, 1}, 4);
    check_opens(BPE_FILE("null", MARKS(", \"prepend_scheme\": \"never\""),
                         UNIGRAM_WITH("0, \"byte_fallback\": true",
                                      "[[\"u\", 0], [\"<0x75>\", 0], [\"<0x78>\", 0]]")),
                "u", (const int32_t[]){0}, 1);
    check_opens(BPE_FILE("null",
                         "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": "
                         "[{\"type\": \"WhitespaceSplit\"}, {\"type\": \"Metaspace\", "
                         "\"str_rep\": \"\u2581\", \"replacement\": \"\u2581\", "
                         "\"add_prefix_space\": true}]}",
                         UNIGRAM),
                "  a\n b  ", (const int32_t[]){3, 1, 4}, 3);
}

typedef struct refusal {
    const char *json;
    semid_status status;
    const char *message;
} refusal;

static void others_are_refused_by_name(void **state) {
    (void)state;
    static const refusal refusals[] = {
        {"", SEMID_ERR_FORMAT, "tokenizer.json: expected JSON"},
        {"{\"model\": ", SEMID_ERR_FORMAT, "line 1"},
        {"[]", SEMID_ERR_FORMAT, "expected an object"},
        {"{}", SEMID_ERR_UNSUPPORTED, "model: none given; supported: WordPiece, BPE, Unigram"},
        {FILE_OF("", NORMALIZER, PRE, POST, "\"model\": {\"type\": \"WordLevel\"}"),
         SEMID_ERR_UNSUPPORTED,
         "model \"WordLevel\" is not supported; supported: WordPiece, BPE, Unigram"},
        {FILE_OF("", "\"normalizer\": {\"type\": \"NFKC\"}", PRE, POST, MODEL),
         SEMID_ERR_UNSUPPORTED, "normalizer \"NFKC\" is not supported; supported: BertNormalizer"},
        {FILE_OF("", NORMALIZER, "\"pre_tokenizer\": {\"type\": \"Metaspace\"}", POST, MODEL),
         SEMID_ERR_UNSUPPORTED, "pre_tokenizer \"Metaspace\""},
        {FILE_OF("", NORMALIZER, "\"pre_tokenizer\": null", POST, MODEL), SEMID_ERR_UNSUPPORTED,
         "pre_tokenizer: none given"},
        {FILE_OF("", NORMALIZER, PRE, "\"post_processor\": {\"type\": \"ByteLevel\"}", MODEL),
         SEMID_ERR_UNSUPPORTED, "post_processor \"ByteLevel\""},
        {FILE_OF("", NORMALIZER, PRE,
                 "\"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 9], "
                 "\"cls\": [\"[CLS]\", 1]}",
                 MODEL),
         SEMID_ERR_FORMAT, "expected the id of a token, found 9"},
        {FILE_OF("", NORMALIZER, PRE,
                 "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": []}", MODEL),
         SEMID_ERR_FORMAT, "the sequence A exactly once"},
        {FILE_OF("", NORMALIZER, PRE, POST, MODEL_WITH("", "{\"[CLS]\": 1, \"[SEP]\": 2}")),
         SEMID_ERR_FORMAT, "expected the unknown token [UNK] in the vocabulary"},
        {FILE_OF("", NORMALIZER, PRE, POST, MODEL_WITH("", "{\"[UNK]\": 1, \"the\": 1}")),
         SEMID_ERR_FORMAT, "have the same id 1"},
        {FILE_OF("", NORMALIZER, PRE, POST, MODEL_WITH("", "{\"[UNK]\": 0, \"[UNK]\": 1}")),
         SEMID_ERR_FORMAT, "duplicate object key"},
        {FILE_OF("", NORMALIZER, PRE, POST, MODEL_WITH("", "{\"[UNK]\": -1}")), SEMID_ERR_FORMAT,
         "expected token ids from 0 to 4194303, found -1"},
        {FILE_OF("", NORMALIZER, PRE, POST, MODEL_WITH("", "{\"[UNK]\": 2147483647}")),
         SEMID_ERR_FORMAT, "found 2147483647"},
        {FILE_OF("", NORMALIZER, PRE, POST, MODEL_WITH("", "{\"[UNK]\": \"0\"}")), SEMID_ERR_FORMAT,
         "expected an integer id"},
        {FILE_OF("", NORMALIZER, PRE, POST, MODEL_WITH("", "{\"[UNK]\": 0, \"a\\u0000b\": 1}")),
         SEMID_ERR_FORMAT, "NUL"},
        {FILE_OF(ADDED("2", "[CLS]"), NORMALIZER, PRE, POST, MODEL), SEMID_ERR_FORMAT,
         "added token \"[CLS]\": expected id 1, found 2"},
        {FILE_OF(ADDED("9", "<new>"), NORMALIZER, PRE, POST, MODEL), SEMID_ERR_FORMAT,
         "added token \"<new>\": expected id 4, found 9"},
        {FILE_OF(ADDED("1", "[CLS]") ", " ADDED("1", "[CLS]"), NORMALIZER, PRE, POST, MODEL),
         SEMID_ERR_FORMAT, "is there twice"},
        {FILE_OF(ADDED("4", ""), NORMALIZER, PRE, POST, MODEL), SEMID_ERR_FORMAT, "empty string"},
        {BPE_FILE("null", BYTES(SPACE), BPE_WITH("\"dropout\": 0.1, ", "[]")),
         SEMID_ERR_UNSUPPORTED, "model.dropout is not supported"},
        {BPE_FILE("null", BYTES(SPACE), BPE_WITH("\"end_of_word_suffix\": \"x\", ", "[]")),
         SEMID_ERR_UNSUPPORTED, "model.end_of_word_suffix is not supported"},
        {BPE_FILE("null", BYTES(SPACE), BPE_WITH("\"unk_token\": \"no\", ", "[]")),
         SEMID_ERR_FORMAT, "expected the unknown token no in the vocabulary"},
        {BPE_FILE("null", BYTES(SPACE), BPE_WITH("", "{}")), SEMID_ERR_FORMAT,
         "model.merges: expected an array"},
        {BPE_FILE("null", BYTES(SPACE), BPE_WITH("", "[\"ab\"]")), SEMID_ERR_FORMAT,
         "merge 1: expected two tokens and a space between, found \"ab\""},
        {BPE_FILE("null", BYTES(SPACE), BPE_WITH("", "[\"a b\", \"b a\"]")), SEMID_ERR_FORMAT,
         "merge 2 (\"b\" and \"a\"): expected both and what they make in the vocabulary"},
        {BPE_FILE("null", BYTES(SPACE), BPE_WITH("", "[[\"a\"]]")), SEMID_ERR_FORMAT,
         "model.merges: expected strings or pairs"},
        {BPE_FILE("null", BYTES(SPACE ", \"use_regex\": false"), BPE_WITH("", "[]")),
         SEMID_ERR_UNSUPPORTED, "pre_tokenizer.use_regex false is not supported"},
        {BPE_FILE("null", BYTES(""), BPE_WITH("", "[]")), SEMID_ERR_FORMAT,
         "pre_tokenizer.add_prefix_space: expected true or false"},
        {BPE_FILE("null", PRE, BPE_WITH("", "[]")), SEMID_ERR_UNSUPPORTED,
         "pre_tokenizer \"BertPreTokenizer\" is not supported; supported: ByteLevel"},
        {BPE_FILE("{\"type\": \"NFC\"}", BYTES(SPACE), BPE_WITH("", "[]")), SEMID_ERR_UNSUPPORTED,
         "normalizer: none is supported with a BPE model"},
        {BPE_FILE("null", MARKS(""), UNIGRAM_WITH("null", SCORES)), SEMID_ERR_FORMAT,
         "model.unk_id: expected an integer, found null"},
        {BPE_FILE("null", MARKS(""), UNIGRAM_WITH("5", SCORES)), SEMID_ERR_FORMAT,
         "model.unk_id: expected one of the 5 tokens, found 5"},
        {BPE_FILE("null", MARKS(""), UNIGRAM_WITH("0", "[]")), SEMID_ERR_FORMAT,
         "expected one of the 0 tokens"},
        {BPE_FILE("null", MARKS(""), UNIGRAM_WITH("0", "{}")), SEMID_ERR_FORMAT,
         "model.vocab: expected an array of tokens and scores"},
        {BPE_FILE("null", MARKS(""), UNIGRAM_WITH("0", "[[\"a\"]]")), SEMID_ERR_FORMAT,
         "model.vocab: expected [token, score] as entry 0"},
        {BPE_FILE("null", MARKS(""), UNIGRAM_WITH("0", "[[\"a\", 1], [\"a\", 2]]")),
         SEMID_ERR_FORMAT, "token \"a\" has two ids, 0 and 1"},
        {BPE_FILE("null", PRE, UNIGRAM), SEMID_ERR_UNSUPPORTED,
         "pre_tokenizer \"BertPreTokenizer\" is not supported; supported: Metaspace"},
        {BPE_FILE("null", "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": []}",
                  UNIGRAM),
         SEMID_ERR_UNSUPPORTED, "pre_tokenizer Sequence is not supported"},
        {BPE_FILE("null", MARKS(", \"prepend_scheme\": \"last\""), UNIGRAM), SEMID_ERR_FORMAT,
         "prepend_scheme: expected always, first or never, found \"last\""},
        {BPE_FILE("null", MARKS(", \"add_prefix_space\": false"), UNIGRAM), SEMID_ERR_FORMAT,
         "add_prefix_space: false does not go with prepend_scheme \"always\""},
        {BPE_FILE("null", "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\"}",
                  UNIGRAM),
         SEMID_ERR_FORMAT, "replacement: expected one character"},
        {BPE_FILE(STEP("NFKC", ""), MARKS(""), UNIGRAM), SEMID_ERR_UNSUPPORTED,
         "normalizer \"NFKC\" is not supported; supported: Precompiled, Strip"},
        {BPE_FILE(REPLACE("\"String\": \"x\"", "y"), MARKS(""), UNIGRAM), SEMID_ERR_UNSUPPORTED,
         "Replace is supported of the pattern \" {2,}\""},
        {BPE_FILE(STRIP("true", "true"), MARKS(""), UNIGRAM), SEMID_ERR_UNSUPPORTED,
         "Strip is supported on the right only"},
        {BPE_FILE(CHARSMAP("?"), MARKS(""), UNIGRAM), SEMID_ERR_FORMAT,
         "precompiled_charsmap: expected base64"},
        {BPE_FILE(CHARSMAP("AAAA"), MARKS(""), UNIGRAM), SEMID_ERR_FORMAT,
         "precompiled_charsmap: expected an array and strings"},
        {BPE_FILE(CHARSMAP("CAAAAAAAAAA="), MARKS(""), UNIGRAM), SEMID_ERR_FORMAT,
         "precompiled_charsmap: expected an array and strings"},
        {FILE_OF("{\"id\": 1, \"content\": \"[CLS]\"}", NORMALIZER, PRE, POST, MODEL),
         SEMID_ERR_FORMAT, "added token.special: expected true or false, found nothing"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        semid_error err = {0};
        tokenizer *t = NULL;
        assert_fails(open_json(&t, refusals[i].json, &err), refusals[i].status,
                     refusals[i].message);
        assert_null(t);
    }
}

static void check_failed_allocations(const char *json) {
    semid_status status = SEMID_ERR_NO_MEMORY;
    for (long n = 1; status != SEMID_OK && n < 1000; n++) {
        semid_error err = {0};
        tokenizer *t = NULL;
        mem_fail_after(n);
        status = open_json(&t, json, &err);
        mem_fail_after(0);
        if (status != SEMID_OK) assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        tokenizer_close(t);
    }
    assert_int_equal(status, SEMID_OK);
}

static void a_failed_allocation_leaks_nothing(void **state) {
    (void)state;
    check_failed_allocations(FILE_OF(ADDED("4", "<new>"), NORMALIZER, PRE, POST, MODEL));
    check_failed_allocations(BPE_FILE("null", BYTES(SPACE), BPE_WITH("", "[\"a b\"]")));
    check_failed_allocations(BPE_FILE(CHARSMAP("BAAAAAAAAAA="), MARKS(""), UNIGRAM));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_every_age_are_read),
        cmocka_unit_test(byte_pairs_are_read),
        cmocka_unit_test(unigram_is_read),
        cmocka_unit_test(others_are_refused_by_name),
        cmocka_unit_test(a_failed_allocation_leaks_nothing),
    };
    return cmocka_run_group_tests_name("tokenizer_json", tests, NULL, NULL);
}
