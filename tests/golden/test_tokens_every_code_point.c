/* Every Unicode code point, alone and inside words, against values that make_tokens.py took from
 * Hugging Face's library. One CRC-32 for each block of 256 code points. */
#include "encoder/normalizer.h"
#include "encoder/tokenizer.h"
#include "encoder/unicode.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256, N_BLOCKS = 0x110000 / BLOCK, MAX_REPORTS = 20 };

static uint32_t crc32(uint32_t crc, const void *data, size_t n_bytes) {
    static uint32_t table[256];
    if (!table[1])
        for (uint32_t i = 0; i < 256; i++) {
            table[i] = i;
            for (int bit = 0; bit < 8; bit++)
                table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
        }
    const uint8_t *bytes = data;
    crc = ~crc;
    for (size_t i = 0; i < n_bytes; i++) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
    return ~crc;
}

/* before + c + after as UTF-8 */
static size_t surround(char *out, const char *before, uint32_t c, const char *after) {
    char *p = stpcpy(out, before);
    p = utf8_put(p, c);
    return (size_t)(stpcpy(p, after) - out);
}

typedef uint32_t (*code_point_crc)(void *user, uint32_t crc, uint32_t c);

static void compare_blocks(const char *golden, code_point_crc add, void *user) {
    FILE *f = fopen(golden_path(golden), "r");
    int n_bad = 0;
    assert_non_null(f);
    for (uint32_t block = 0; block < N_BLOCKS; block++) {
        unsigned expected;
        uint32_t crc = 0;
        assert_int_equal(fscanf(f, "%8x", &expected), 1);
        for (uint32_t c = block * BLOCK; c < (block + 1) * BLOCK; c++)
            if (c < 0xd800 || c > 0xdfff) crc = add(user, crc, c);
        if (crc == expected) continue;
        if (n_bad++ < MAX_REPORTS)
            print_error("%s: differs between U+%04X and U+%04X\n", golden, block * BLOCK,
                        block * BLOCK + BLOCK - 1);
    }
    fclose(f);
    if (n_bad > 0)
        fail_msg("%d blocks differ; `make_tokens.py --check build/semid` names the code points",
                 n_bad);
}

/* ---- the normaliser, in every setting ---- */

enum { N_SETTINGS = 16 };
typedef struct normalizers {
    normalizer all[N_SETTINGS];
} normalizers;

static uint32_t add_normal(const normalizers *n, uint32_t crc, int setting, const char *before,
                           uint32_t c, const char *after) {
    char text[64], out[NORMALIZER_ROOM(64)];
    size_t n_bytes = surround(text, before, c, after);
    size_t n_out = normalizer_run(&n->all[setting], text, n_bytes, out);
    return crc32(crc32(crc, out, n_out), "\n", 1);
}

static uint32_t crc_normal(void *user, uint32_t crc, uint32_t c) {
    const normalizers *n = user;
    for (int i = 0; i < N_SETTINGS; i++) crc = add_normal(n, crc, i, "a", c, "B");
    crc = add_normal(n, crc, 15, "\u08d4", c, "\u302e\u1b44\U0001d165");
    crc = add_normal(n, crc, 15, "", c, "\u302e");
    return add_normal(n, crc, 15, "\u08d4", c, "");
}

static void normalisation_agrees(void **state) {
    (void)state;
    normalizers n = {0};
    for (int i = 0; i < N_SETTINGS; i++)
        normalizer_init(&n.all[i], (normalizer_options){.clean_text = i & 1,
                                                        .handle_chinese_chars = i & 2,
                                                        .strip_accents = i & 4,
                                                        .lowercase = i & 8});
    compare_blocks("tokenizer/normalized.crc", crc_normal, &n);
}

/* ---- token ids ---- */

typedef struct encoder {
    tokenizer *tokenizer;
    token_ids ids;
} encoder;

static uint32_t add_ids(encoder *e, uint32_t crc, const char *before, uint32_t c,
                        const char *after) {
    semid_error err = {0};
    char text[64], line[256], *p = line;
    size_t n_bytes = surround(text, before, c, after);
    assert_ok(tokenizer_encode(e->tokenizer, text, n_bytes, 0, &e->ids, &err));
    for (size_t i = 0; i < e->ids.n_ids; i++) p += sprintf(p, i ? " %d" : "%d", e->ids.ids[i]);
    *p++ = '\n';
    return crc32(crc, line, (size_t)(p - line));
}

static uint32_t crc_ids(void *user, uint32_t crc, uint32_t c) {
    crc = add_ids(user, crc, "", c, "");
    crc = add_ids(user, crc, "a", c, "");
    crc = add_ids(user, crc, "a", c, "b");
    return add_ids(user, crc, "ab", c, "");
}

static void compare_ids(const char *folder, const char *golden) {
    semid_error err = {0};
    encoder e = {0};
    assert_ok(tokenizer_open(&e.tokenizer, folder, &err));
    compare_blocks(golden, crc_ids, &e);
    token_ids_release(&e.ids);
    tokenizer_close(e.tokenizer);
}

static void ids_of_the_small_vocabulary_agree(void **state) {
    (void)state;
    compare_ids(golden_path("tokenizer/small"), "tokenizer/small.crc");
}

static void ids_of_byte_pairs_agree(void **state) {
    (void)state;
    compare_ids(golden_path("tokenizer/bpe"), "tokenizer/bpe.crc");
}

static void ids_of_unigram_agree(void **state) {
    (void)state;
    compare_ids(golden_path("tokenizer/unigram"), "tokenizer/unigram.crc");
}

static void ids_of_minilm_agree(void **state) {
    (void)state;
    skip_without(deps_path("models/all-MiniLM-L6-v2/tokenizer.json"));
    compare_ids(deps_path("models/all-MiniLM-L6-v2"), "tokenizer/minilm.crc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalisation_agrees),
        cmocka_unit_test(ids_of_the_small_vocabulary_agree),
        cmocka_unit_test(ids_of_byte_pairs_agree),
        cmocka_unit_test(ids_of_unigram_agree),
        cmocka_unit_test(ids_of_minilm_agree),
    };
    return cmocka_run_group_tests_name("tokens of every code point", tests, NULL, NULL);
}
