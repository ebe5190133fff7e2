/* Model folders that are not what they should be: each is refused with a message that says why. */
#include "support/support.h"

#include "encoder/text_encoder.h"

#include "base/memory.h"
#include "formats/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_TENSORS = 64 };
static semid_error err;
static char folder[256];

static const char *in_folder(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* A fresh copy of the good model in golden/bert/gelu. */
static int copy_good_model(void **state) {
    (void)state;
    char command[1200];
    snprintf(folder, sizeof folder, "%s/model", test_dir());
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", folder,
             golden_path("bert/gelu"), folder);
    return system(command);
}

static void write_text(const char *name, const char *text) {
    test_write_file(in_folder(name), text, strlen(text));
}

/* config.json with one more member at its end, which wins over an earlier one. */
static void set_config(const char *member) {
    char text[1024], *good;
    assert_ok(file_read_all(golden_path("bert/gelu/config.json"), 1 << 20, &good, NULL, &err));
    *strrchr(good, '}') = '\0';
    snprintf(text, sizeof text, "%s, %s}", good, member);
    mem_free(good);
    write_text("config.json", text);
}

static semid_status open_model(pooling pool, size_t max_len) {
    text_encoder *e;
    text_encoder_params params = {folder, max_len, pool, TRISTATE_UNSET, PRECISION_F32, NULL};
    memset(&err, 0, sizeof err);
    semid_status status = text_encoder_open(&e, &params, &err);
    if (status == SEMID_OK) text_encoder_close(e);
    return status;
}

#define assert_refused(status, part) assert_fails(open_model(POOLING_AUTO, 40), status, part)

static void the_good_one_opens(void **state) {
    (void)state;
    assert_ok(open_model(POOLING_POOLER, 40));
}

static void missing_files_are_named(void **state) {
    (void)state;
    remove(in_folder("model.safetensors"));
    assert_refused(SEMID_ERR_IO, "model.safetensors");
    remove(in_folder("config.json"));
    assert_refused(SEMID_ERR_IO, "config.json");
    snprintf(folder, sizeof folder, "%s/nowhere", test_dir());
    assert_refused(SEMID_ERR_IO, "expected a model folder, found nothing");
    snprintf(folder, sizeof folder, "%s", golden_path("bert/texts.txt"));
    assert_refused(SEMID_ERR_IO, "expected a model folder, found a file");
}

static void other_architectures_are_named(void **state) {
    (void)state;
    set_config("\"model_type\": \"distilbert\"");
    assert_refused(SEMID_ERR_UNSUPPORTED, "\"distilbert\" is not supported; supported: bert");
    set_config("\"position_embedding_type\": \"relative_key\"");
    assert_refused(SEMID_ERR_UNSUPPORTED, "\"relative_key\" is not supported; supported: absolute");
    set_config("\"hidden_act\": \"silu\"");
    assert_refused(SEMID_ERR_UNSUPPORTED, "\"silu\" is not supported; supported: gelu");
    set_config("\"is_decoder\": true");
    assert_refused(SEMID_ERR_UNSUPPORTED, "decoder");
}

static void hostile_sizes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *member;
        semid_status status;
        const char *part;
    } cases[] = {
        {"\"hidden_size\": 1000000000000", SEMID_ERR_FORMAT, "\"hidden_size\": expected"},
        {"\"hidden_size\": -1", SEMID_ERR_FORMAT, "found -1"},
        {"\"hidden_size\": 0", SEMID_ERR_FORMAT, "\"hidden_size\": expected"},
        {"\"hidden_size\": \"24\"", SEMID_ERR_FORMAT, "\"hidden_size\": expected"},
        {"\"hidden_size\": 16383", SEMID_ERR_SHAPE, "word_embeddings.weight: expected [37, 16383]"},
        {"\"num_attention_heads\": 7", SEMID_ERR_FORMAT, "expected a multiple"},
        {"\"num_attention_heads\": 0", SEMID_ERR_FORMAT, "\"num_attention_heads\": expected"},
        {"\"num_hidden_layers\": 3", SEMID_ERR_FORMAT, "encoder.layer.2.attention"},
        {"\"num_hidden_layers\": 2000000000", SEMID_ERR_FORMAT, "\"num_hidden_layers\": expected"},
        {"\"intermediate_size\": 65536", SEMID_ERR_SHAPE, "intermediate.dense.weight: expected"},
        {"\"vocab_size\": 16777216", SEMID_ERR_SHAPE, "expected [16777216, 24]"},
        {"\"max_position_embeddings\": 16777216", SEMID_ERR_SHAPE, "position_embeddings"},
        {"\"type_vocab_size\": 3", SEMID_ERR_SHAPE, "token_type_embeddings"},
        {"\"model_type\": \"mpnet\"", SEMID_ERR_FORMAT, "encoder.relative_attention_bias.weight"},
        {"\"model_type\": \"roberta\", \"pad_token_id\": \"1\"", SEMID_ERR_FORMAT,
         "\"pad_token_id\": expected a whole number"},
        {"\"model_type\": \"roberta\", \"pad_token_id\": 39", SEMID_ERR_FORMAT,
         "\"max_position_embeddings\": expected more than 40"},
        {"\"layer_norm_eps\": \"x\"", SEMID_ERR_FORMAT, "layer_norm_eps"},
        {"\"layer_norm_eps\": -1", SEMID_ERR_FORMAT, "layer_norm_eps"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_config(cases[i].member);
        assert_refused(cases[i].status, cases[i].part);
    }
    write_text("config.json", "{\"model_type\": \"bert\"}");
    assert_refused(SEMID_ERR_FORMAT, "\"hidden_size\" is missing");
    write_text("config.json", "[1, 2]");
    assert_refused(SEMID_ERR_FORMAT, "expected a JSON object");
    write_text("config.json", "{\"model_type\": ");
    assert_refused(SEMID_ERR_FORMAT, "config.json");
}

/* Save the good tensors again, with one changed, or left out when its new type is DTYPE_BOOL. */
static void save_changed(const char *name, dtype type, size_t d0) {
    safetensors *good;
    safetensors_tensor tensors[MAX_TENSORS];
    size_t n = 0;
    assert_ok(safetensors_open(&good, golden_path("bert/gelu/model.safetensors"), &err));
    for (size_t i = 0; i < safetensors_count(good); i++) {
        array a;
        const char *key = safetensors_name(good, i);
        assert_ok(safetensors_get(good, key, &a, &err));
        safetensors_tensor t = {.name = key, .type = a.type, .n_dims = a.n_dims, .data = a.data};
        memcpy(t.shape, a.shape, sizeof t.shape);
        if (strcmp(key, name) == 0 && type == DTYPE_BOOL) continue;
        if (strcmp(key, name) == 0) {
            t.type = type;
            t.shape[0] = d0;
        }
        tensors[n++] = t;
    }
    assert_ok(safetensors_save(in_folder("model.safetensors"), tensors, n, &err));
    safetensors_close(good);
}

static void tensors_are_checked(void **state) {
    (void)state;
    save_changed("encoder.layer.1.output.dense.bias", DTYPE_F32, 23);
    assert_refused(SEMID_ERR_SHAPE, "encoder.layer.1.output.dense.bias: expected [24]");
    save_changed("encoder.layer.0.attention.self.value.weight", DTYPE_F32, 12);
    assert_refused(SEMID_ERR_SHAPE, "value.weight: expected [24, 24]");
    save_changed("encoder.layer.0.output.LayerNorm.weight", DTYPE_I32, 24);
    assert_refused(SEMID_ERR_UNSUPPORTED,
                   "LayerNorm.weight: expected float32, float16 or bfloat16");
    save_changed("encoder.layer.1.attention.output.dense.weight", DTYPE_BOOL, 0);
    assert_refused(SEMID_ERR_FORMAT, "encoder.layer.1.attention.output.dense.weight");
    save_changed("pooler.dense.weight", DTYPE_BOOL, 0);
    assert_ok(open_model(POOLING_MEAN, 40));
    assert_fails(open_model(POOLING_POOLER, 40), SEMID_ERR_UNSUPPORTED, "no pooler in this model");
    test_write_file(in_folder("model.safetensors"), "\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10);
    assert_refused(SEMID_ERR_FORMAT, "model.safetensors");
}

/* ---- the sentence-transformers files ---- */

static void write_pooling(const char *json) {
    mkdir(in_folder("1_Pooling"), 0777);
    write_text("modules.json", "[{\"path\": \"\", \"type\": \"sentence_transformers.models."
                               "Transformer\"}, {\"path\": \"1_Pooling\", \"type\": "
                               "\"sentence_transformers.models.Pooling\"}]");
    write_text("1_Pooling/config.json", json);
}

static void the_folder_says_how_to_pool(void **state) {
    (void)state;
    text_encoder *e;
    text_encoder_params params = {folder, 40, POOLING_AUTO, TRISTATE_UNSET, PRECISION_F32, NULL};
    assert_ok(text_encoder_open(&e, &params, &err));
    assert_int_equal(text_encoder_pooling(e), POOLING_MEAN);
    assert_false(text_encoder_normalizes(e));
    text_encoder_close(e);
    write_pooling("{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": false}");
    write_text(
        "modules.json",
        "[{\"path\": \"1_Pooling\", \"type\": \"sentence_transformers.models.Pooling\"}, "
        "{\"path\": \"2_Normalize\", \"type\": \"sentence_transformers.models.Normalize\"}]");
    assert_ok(text_encoder_open(&e, &params, &err));
    assert_int_equal(text_encoder_pooling(e), POOLING_CLS);
    assert_true(text_encoder_normalizes(e));
    text_encoder_close(e);
    params.normalize = TRISTATE_NO;
    assert_ok(text_encoder_open(&e, &params, &err));
    assert_false(text_encoder_normalizes(e));
    text_encoder_close(e);
}

static void other_modules_are_refused(void **state) {
    (void)state;
    write_pooling("{\"pooling_mode_max_tokens\": true}");
    assert_refused(SEMID_ERR_UNSUPPORTED, "pooling mode \"max_tokens\" is not supported");
    write_pooling("{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": true}");
    assert_refused(SEMID_ERR_UNSUPPORTED, "several pooling modes");
    write_pooling("{}");
    assert_refused(SEMID_ERR_UNSUPPORTED, "pooling mode \"none\"");
    write_text("modules.json",
               "[{\"path\": \"2\", \"type\": \"sentence_transformers.models.Dense\"}]");
    assert_refused(SEMID_ERR_UNSUPPORTED, "Dense\" is not supported; supported: Transformer");
    write_text("modules.json", "{}");
    assert_refused(SEMID_ERR_FORMAT, "expected a JSON array");
}

static void embed_cut_text(const char *prefix, const char *text, size_t max_len, float x[24]) {
    ids texts = {0};
    text_encoder *e;
    text_encoder_counts counts = {0};
    text_encoder_params params = {folder,         max_len,       POOLING_MEAN,
                                  TRISTATE_UNSET, PRECISION_F32, prefix};
    assert_ok(ids_append(&texts, text, strlen(text), &err));
    assert_ok(text_encoder_open(&e, &params, &err));
    assert_ok(text_encoder_embed(e, &texts, x, &counts, &err));
    text_encoder_close(e);
    ids_release(&texts);
}

static void embed_text(const char *prefix, const char *text, float x[24]) {
    embed_cut_text(prefix, text, 40, x);
}

static void a_prefix_or_the_default_prompt_stands_before_every_text(void **state) {
    (void)state;
    float prompted[24], plain[24], found[24];
    embed_text(NULL, "for the steel bolt", prompted);
    embed_text(NULL, "steel bolt", plain);
    embed_text("for the ", "steel bolt", found);
    assert_memory_equal(found, prompted, sizeof found);
    write_text("config_sentence_transformers.json",
               "{\"prompts\": {\"passage\": \"for the \"}, \"default_prompt_name\": \"passage\"}");
    embed_text(NULL, "steel bolt", found);
    assert_memory_equal(found, prompted, sizeof found);
    embed_text("", "steel bolt", found);
    assert_memory_equal(found, plain, sizeof found);
}

static void check_cut(const char *post_processor, size_t n_around) {
    char json[2000];
    float cut[24], whole[24];
    snprintf(
        json, sizeof json,
        "{\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, "
        "\"post_processor\": %s, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", "
        "\"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100, \"vocab\": "
        "{\"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": 3, \"steel\": 5, \"bolt\": 6, \"nut\": 7}}}",
        post_processor);
    write_text("tokenizer.json", json);
    embed_cut_text(NULL, "steel bolt", 40, whole);
    embed_cut_text(NULL, "steel bolt nut", n_around + 2, cut);
    assert_memory_equal(cut, whole, sizeof cut);
}

static void whatever_stands_behind_a_text_stays_when_it_is_cut(void **state) {
    (void)state;
    check_cut("null", 0);
    check_cut("{\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 3], \"cls\": [\"[CLS]\", 2]}",
              2);
    check_cut("{\"type\": \"TemplateProcessing\", \"single\": ["
              "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, "
              "{\"SpecialToken\": {\"id\": \"[SEP]\", \"type_id\": 0}}, "
              "{\"SpecialToken\": {\"id\": \"[CLS]\", \"type_id\": 0}}], \"special_tokens\": "
              "{\"[CLS]\": {\"ids\": [2]}, \"[SEP]\": {\"ids\": [3]}}}",
              2);
}

static void lengths_must_fit_the_model(void **state) {
    (void)state;
    assert_fails(open_model(POOLING_MEAN, 41), SEMID_ERR_ARGUMENT, "expected 3 to 40");
    assert_fails(open_model(POOLING_MEAN, 2), SEMID_ERR_ARGUMENT, "expected 3 to 40");
    FILE *f = fopen(in_folder("vocab.txt"), "a");
    assert_non_null(f);
    fputs("onemore\n", f);
    fclose(f);
    assert_refused(SEMID_ERR_SHAPE, "the tokenizer has 38 tokens");
}

int main(void) {
#define FRESH(test) cmocka_unit_test_setup(test, copy_good_model)
    const struct CMUnitTest tests[] = {
        FRESH(the_good_one_opens),
        FRESH(missing_files_are_named),
        FRESH(other_architectures_are_named),
        FRESH(hostile_sizes_are_refused),
        FRESH(tensors_are_checked),
        FRESH(the_folder_says_how_to_pool),
        FRESH(other_modules_are_refused),
        FRESH(a_prefix_or_the_default_prompt_stands_before_every_text),
        FRESH(whatever_stands_behind_a_text_stays_when_it_is_cut),
        FRESH(lengths_must_fit_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
