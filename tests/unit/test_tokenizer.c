#include "base/memory.h"
#include "encoder/tokenizer.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

/* Ids are positions in this list. */
static const char VOCAB[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nun\n##aff\n##able\nrun\n##ning\n,\n!\n\xe4\xb8\xad\n"
    "\xe6\x96\x87\ncafe\n##s\nstrasse\n[\n]\nsep\n";
enum { PAD, UNK, CLS, SEP, MASK, THE, UN, AFF, ABLE, RUN, NING, COMMA, BANG, ZHONG, WEN, CAFE, S };

static const char *vocab_folder(const char *name, const char *vocab, const char *config) {
    semid_error err = {0};
    const char *folder = test_path(name);
    char path[600];
    assert_ok(dir_create(folder, &err));
    snprintf(path, sizeof path, "%s/vocab.txt", folder);
    test_write_file(path, vocab, strlen(vocab));
    snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
    if (config) test_write_file(path, config, strlen(config));
    return folder;
}

static tokenizer *open_vocab(const char *name, const char *config) {
    semid_error err = {0};
    tokenizer *t = NULL;
    assert_ok(tokenizer_open(&t, vocab_folder(name, VOCAB, config), &err));
    return t;
}

static void check_bytes(const tokenizer *t, const char *text, size_t n_bytes, size_t max_len,
                        const int32_t *expected, size_t n_expected) {
    semid_error err = {0};
    token_ids ids = {0};
    assert_ok(tokenizer_encode(t, text, n_bytes, max_len, &ids, &err));
    assert_int_equal(ids.n_ids, n_expected);
    assert_memory_equal(ids.ids, expected, n_expected * sizeof *expected);
    token_ids_release(&ids);
}

#define CHECK(t, text, max_len, ...)                                                               \
    check_bytes(t, text, sizeof(text) - 1, max_len, (const int32_t[]){__VA_ARGS__},                \
                sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static void words_are_split_into_the_longest_pieces(void **state) {
    (void)state;
    tokenizer *t = open_vocab("plain", NULL);
    CHECK(t, "", 128, CLS, SEP);
    CHECK(t, "The UNAFFABLE, running!", 128, CLS, THE, UN, AFF, ABLE, COMMA, RUN, NING, BANG, SEP);
    CHECK(t, "Caf\xc3\xa9s unx \t\n\x01the", 128, CLS, CAFE, S, UNK, THE, SEP);
    CHECK(t, "the\xe4\xb8\xad\xe6\x96\x87the", 128, CLS, THE, ZHONG, WEN, THE, SEP);
    tokenizer_close(t);
}

static void literal_special_tokens_are_found(void **state) {
    (void)state;
    tokenizer *t = open_vocab("literal", NULL);
    CHECK(t, "the[SEP]the [MASK]", 128, CLS, THE, SEP, THE, MASK, SEP);
    CHECK(t, "[sep]", 128, CLS, 18, 20, 19, SEP);
    tokenizer_close(t);
}

static void invalid_utf8_is_replaced(void **state) {
    (void)state;
    tokenizer *t = open_vocab("invalid", NULL);
    CHECK(t,
          "th\xff"
          "e",
          128, CLS, THE, SEP); /* U+FFFD is dropped by cleaning */
    CHECK(t, "the \xf0\x9f\x98", 128, CLS, THE, SEP);
    tokenizer_close(t);
}

static void truncation_counts_the_tokens_around(void **state) {
    (void)state;
    semid_error err = {0};
    token_ids ids = {0};
    tokenizer *t = open_vocab("truncated", NULL);
    CHECK(t, "unaffable the", 5, CLS, UN, AFF, ABLE, SEP);
    CHECK(t, "unaffable the", 4, CLS, UN, AFF, SEP);
    CHECK(t, "the", 2, CLS, SEP);
    CHECK(t, "the the the the", 0, CLS, THE, THE, THE, THE, SEP);
    assert_fails(tokenizer_encode(t, "the", 3, 1, &ids, &err), SEMID_ERR_ARGUMENT, "at least 2");
    token_ids_release(&ids);
    tokenizer_close(t);
}

static void the_configuration_is_followed(void **state) {
    (void)state;
    tokenizer *t = open_vocab("cased", "{\"do_lower_case\": false, \"tokenizer_class\": "
                                       "\"BertTokenizerFast\"}");
    CHECK(t, "The the caf\xc3\xa9", 128, CLS, UNK, THE, UNK, SEP);
    tokenizer_close(t);
    t = open_vocab("stripped", "{\"do_lower_case\": false, \"strip_accents\": true}");
    CHECK(t, "caf\xc3\xa9", 128, CLS, CAFE, SEP);
    tokenizer_close(t);
}

static void long_words_are_unknown(void **state) {
    (void)state;
    tokenizer *t = open_vocab("long", NULL);
    size_t n_bytes = 10000;
    char *word;
    semid_error err = {0};
    assert_ok(mem_alloc(&word, n_bytes, 1, &err));
    memset(word, 'a', n_bytes);
    check_bytes(t, word, n_bytes, 128, (const int32_t[]){CLS, UNK, SEP}, 3);
    mem_free(word);
    tokenizer_close(t);
}

static void tokens_have_names(void **state) {
    (void)state;
    tokenizer *t = open_vocab("names", NULL);
    assert_int_equal(tokenizer_vocab_size(t), 21);
    assert_string_equal(tokenizer_token(t, ABLE), "##able");
    assert_null(tokenizer_token(t, -1));
    assert_null(tokenizer_token(t, 21));
    tokenizer_close(t);
}

static void bad_folders_are_refused(void **state) {
    (void)state;
    semid_error err = {0};
    tokenizer *t = NULL;
    assert_fails(tokenizer_open(&t, test_path("nowhere"), &err), SEMID_ERR_IO, "nowhere");
    assert_fails(tokenizer_open(&t, vocab_folder("no-unk", "[CLS]\n[SEP]\na\n", NULL), &err),
                 SEMID_ERR_FORMAT, "[UNK]");
    assert_fails(tokenizer_open(&t, vocab_folder("no-cls", "[UNK]\n[SEP]\na\n", NULL), &err),
                 SEMID_ERR_FORMAT, "[CLS]");
    assert_fails(
        tokenizer_open(&t, vocab_folder("twice", "[UNK]\n[SEP]\n[CLS]\na\na\n", NULL), &err),
        SEMID_ERR_FORMAT, "\"a\" has two ids, 3 and 4");
    assert_fails(
        tokenizer_open(
            &t, vocab_folder("mpnet", VOCAB, "{\"tokenizer_class\": \"MPNetTokenizer\"}"), &err),
        SEMID_ERR_UNSUPPORTED, "MPNetTokenizer");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_into_the_longest_pieces),
        cmocka_unit_test(literal_special_tokens_are_found),
        cmocka_unit_test(invalid_utf8_is_replaced),
        cmocka_unit_test(truncation_counts_the_tokens_around),
        cmocka_unit_test(the_configuration_is_followed),
        cmocka_unit_test(long_words_are_unknown),
        cmocka_unit_test(tokens_have_names),
        cmocka_unit_test(bad_folders_are_refused),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
