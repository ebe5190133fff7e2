/* Any bytes as a text, and as a line of JSON, for tokenizers of each kind, one with every kind of
 * added token. */
#include "base/memory.h"
#include "encoder/tokenizer.h"
#include "encoder/tokenizer_spec.h"
#include "encoder/unicode.h"
#include "pipeline/json_line.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ADDED(id, content, word, left, right, normalized)                                          \
    "{\"id\":" id ",\"content\":\"" content "\",\"single_word\":" word ",\"lstrip\":" left         \
    ",\"rstrip\":" right ",\"normalized\":" normalized ",\"special\":false}"

/* `extra` are added tokens that are looked for in the normalised text: without them, long texts go
 * in parts. */
#define TOKENIZER_JSON(extra)                                                                      \
    "{\"added_tokens\":[" ADDED("1", "[SEP]", "false", "false", "false", "false") "," ADDED(       \
        "9", "<L>", "false", "true", "false",                                                      \
        "false") "," ADDED("10", "<R>", "false", "false", "true",                                  \
                           "false") "," ADDED("11", "w", "true", "true", "true", "false") extra    \
        "],\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"                       \
        "\"handle_chinese_chars\":true,\"strip_accents\":null,\"lowercase\":true},"                \
        "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"post_processor\":"                    \
        "{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",1],\"cls\":[\"[CLS]\",2]},"               \
        "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":" \
        "\"##\",\"max_input_chars_per_word\":20,\"vocab\":{\"[UNK]\":0,\"[SEP]\":1,\"[CLS]\":2,"   \
        "\"a\":3,\"##a\":4,\"ab\":5,\"##\\u00e9\":6,\"\\u4e2d\":7,\",\":8}}}"

#define AROUND                                                                                     \
    "\"post_processor\":{\"type\":\"RobertaProcessing\",\"sep\":[\"</s>\",1],\"cls\":[\"<s>\",0]}"

#define BYTES_JSON                                                                                 \
    "{\"added_tokens\":[" ADDED(                                                                   \
        "1", "</s>", "false", "true", "false",                                                     \
        "false") "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","                \
                 "\"add_prefix_space\":true}," AROUND                                              \
                 ",\"model\":{\"type\":\"BPE\",\"unk_token\":"                                     \
                 "\"<s>\",\"vocab\":{\"<s>\":0,\"</"                                               \
                 "s>\":1,\"a\":2,\"b\":3,\"\u0120\":4,\"\u00c3\":5,"                               \
                 "\"\u00a9\":6,\"ab\":7,\"\u0120a\":8,\"aa\":9,\"\u00c3\u00a9\":10,\"aaa\":11},"   \
                 "\"merges\":[\"a b\",\"a a\",\"aa a\",\"\u0120 a\",\"\u00c3 \u00a9\"]}}"

#define UNIGRAM_JSON(pre)                                                                          \
    "{\"added_tokens\":[" ADDED(                                                                   \
        "1", "</s>", "false", "true", "false",                                                     \
        "false") "],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\"," \
                 "\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\"\u2581\"},{\"type\":\"Strip\","  \
                 "\"strip_left\":false,\"strip_right\":true}]}," pre "," AROUND                    \
                 ",\"model\":{\"type\":"                                                           \
                 "\"Unigram\",\"unk_id\":2,\"byte_fallback\":true,\"vocab\":[[\"<s>\",0],[\"</"    \
                 "s>\",0],"                                                                        \
                 "[\"<unk>\",0],[\"\u2581\",-2],[\"a\",-3],[\"\u2581a\",-3.5],[\"b\",-1],["        \
                 "\"aab\",-2],"                                                                    \
                 "[\"<0x0A>\",0],[\"\u00e9\",-4]]}}"

#define METASPACE                                                                                  \
    "{\"type\":\"Metaspace\",\"replacement\":\"\u2581\",\"prepend_scheme\":\"always\"}"

static const char *const settings[] = {
    TOKENIZER_JSON(""), TOKENIZER_JSON("," ADDED("12", "A B", "false", "false", "true", "true")),
    BYTES_JSON, UNIGRAM_JSON("\"pre_tokenizer\":" METASPACE),
    UNIGRAM_JSON("\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
                 "{\"type\":\"WhitespaceSplit\"}," METASPACE "]}")};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static tokenizer *build(const char *json) {
    tokenizer_spec spec = {0};
    tokenizer *t;
    if (tokenizer_spec_read_json(&spec, json, strlen(json), NULL) != SEMID_OK ||
        tokenizer_from_spec(&t, &spec, NULL) != SEMID_OK)
        abort();
    tokenizer_spec_release(&spec);
    return t;
}

/* Cut, the ids are the start of the whole. */
static void check_truncation(const tokenizer *t, const char *text, size_t n, const token_ids *all) {
    token_ids cut = {0};
    size_t max_len = 2 + n % 12, expected = all->n_ids < max_len ? all->n_ids : max_len;
    if (tokenizer_encode(t, text, n, max_len, &cut, NULL) != SEMID_OK) abort();
    if (cut.n_ids != expected || memcmp(cut.ids, all->ids, (expected - 1) * sizeof *cut.ids) != 0)
        abort();
    token_ids_release(&cut);
}

static void check_text(const tokenizer *t, const char *text, size_t n) {
    token_ids all = {0};
    if (tokenizer_encode(t, text, n, 0, &all, NULL) != SEMID_OK) abort();
    for (size_t i = 0; i < all.n_ids; i++)
        if (!tokenizer_token(t, all.ids[i])) abort();
    check_truncation(t, text, n, &all);
    token_ids_release(&all);
}

/* One setting for each text: the first byte says which. */
static void check_normalizer(const char *text, size_t n) {
    normalizer norm;
    char *out = malloc(NORMALIZER_ROOM(n));
    int i = n > 0 ? text[0] : 0;
    normalizer_init(&norm, (normalizer_options){i & 1, i & 2, i & 4, i & 8});
    if (normalizer_run(&norm, text, n, out) > NORMALIZER_ROOM(n)) abort();
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static tokenizer *tokenizers[N_SETTINGS];
    const char *text = (const char *)data;
    text_buffer decoded = {0};
    for (int i = 0; i < N_SETTINGS; i++) {
        if (!tokenizers[i]) tokenizers[i] = build(settings[i]);
        check_text(tokenizers[i], text, n);
    }
    check_normalizer(text, n);
    if (json_line_decode(text, n, &decoded, NULL) == SEMID_OK)
        check_text(tokenizers[0], decoded.bytes, decoded.n_bytes);
    mem_free(decoded.bytes);
    return 0;
}
