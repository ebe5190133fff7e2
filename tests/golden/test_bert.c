/* Tiny models against Hugging Face's own (make_bert.py): every architecture, activation, pooling
 * and weight type, names with and without prefix, gamma/beta, sizes that fill no vector. */
#include "support/support.h"

#include "base/memory.h"
#include "encoder/text_encoder.h"
#include "formats/npy.h"
#include "formats/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIM = 64, MAX_TEXTS = 16 };
static semid_error err;

typedef struct variant {
    const char *name, *texts;
    size_t max_len, n_truncated;
} variant;

static const char *variant_path(const variant *v, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "bert/%s/%s", v->name, name);
    return golden_path(path);
}

static ids read_texts(const variant *v) {
    ids texts = {0};
    char *all, path[64];
    snprintf(path, sizeof path, "bert/%s", v->texts);
    assert_ok(file_read_all(golden_path(path), 1 << 20, &all, NULL, &err));
    for (char *line = all, *end; (end = strchr(line, '\n')); line = end + 1)
        assert_ok(ids_append(&texts, line, (size_t)(end - line), &err));
    mem_free(all);
    return texts;
}

static void normalize(float *x, size_t dim) {
    double sum = 0;
    for (size_t j = 0; j < dim; j++) sum += (double)x[j] * (double)x[j];
    for (size_t j = 0; j < dim; j++) x[j] = (float)((double)x[j] / sqrt(sum));
}

static void check_pooling(const variant *v, pooling pool, tristate scaled, const array *expected) {
    ids texts = read_texts(v);
    text_encoder *e;
    text_encoder_counts counts = {0};
    float found[MAX_TEXTS * MAX_DIM], row[MAX_DIM];
    text_encoder_params params = {variant_path(v, ""), v->max_len, pool, scaled,
                                  PRECISION_F32,       NULL};
    assert_ok(text_encoder_open(&e, &params, &err));
    size_t dim = text_encoder_dim(e),
           which = pool == POOLING_AUTO ? 0 : (size_t)pool - POOLING_MEAN;
    assert_int_equal(expected->shape[1], texts.n_ids);
    assert_int_equal(expected->shape[2], dim);
    assert_ok(text_encoder_embed(e, &texts, found, &counts, &err));
    assert_int_equal(counts.n_truncated, v->n_truncated);
    for (size_t t = 0; t < texts.n_ids; t++) {
        assert_ok(array_to_f32(expected, (which * texts.n_ids + t) * dim, dim, row, &err));
        if (scaled == TRISTATE_YES) normalize(row, dim);
        for (size_t j = 0; j < dim; j++)
            if (!(fabsf(found[t * dim + j] - row[j]) <= 2e-5F))
                fail_msg("%s, %s, text %zu [%zu]: expected %.7g, found %.7g", v->name,
                         pooling_name(pool), t, j, (double)row[j], (double)found[t * dim + j]);
    }
    text_encoder_close(e);
    ids_release(&texts);
}

/* Low precision leaves the direction of a vector nearly as it is. */
static void check_cosines(const variant *v, const array *expected, precision kind, double least) {
    ids texts = read_texts(v);
    text_encoder *e;
    text_encoder_counts counts = {0};
    float found[MAX_TEXTS * MAX_DIM], row[MAX_DIM];
    text_encoder_params params = {variant_path(v, ""), v->max_len, POOLING_MEAN,
                                  TRISTATE_YES,        kind,       NULL};
    assert_ok(text_encoder_open(&e, &params, &err));
    size_t dim = text_encoder_dim(e);
    assert_ok(text_encoder_embed(e, &texts, found, &counts, &err));
    for (size_t t = 0; t < texts.n_ids; t++) {
        double cosine = 0;
        assert_ok(array_to_f32(expected, t * dim, dim, row, &err));
        normalize(row, dim);
        for (size_t j = 0; j < dim; j++) cosine += (double)row[j] * (double)found[t * dim + j];
        if (!(cosine >= least))
            fail_msg("%s, %s, text %zu: cosine %.6f", v->name, precision_name(kind), t, cosine);
    }
    text_encoder_close(e);
    ids_release(&texts);
}

static void check_variant(const variant *v) {
    array expected;
    assert_ok(npy_load(&expected, variant_path(v, "expected.npy"), &err));
    for (int pool = POOLING_AUTO; pool <= POOLING_POOLER; pool++) {
        check_pooling(v, (pooling)pool, TRISTATE_UNSET, &expected);
        check_pooling(v, (pooling)pool, TRISTATE_YES, &expected);
    }
    check_cosines(v, &expected, PRECISION_BF16, 0.9999);
    check_cosines(v, &expected, PRECISION_INT8, 0.999);
    array_release(&expected);
}

static void float32_gelu(void **state) {
    (void)state;
    check_variant(&(variant){"gelu", "texts.txt", 24, 1});
}

static void float16_gelu_new_prefixed(void **state) {
    (void)state;
    check_variant(&(variant){"gelu_new", "texts.txt", 24, 1});
}

static void bfloat16_relu(void **state) {
    (void)state;
    check_variant(&(variant){"relu", "texts.txt", 24, 1});
}

static void mpnet_relative_positions(void **state) {
    (void)state;
    check_variant(&(variant){"mpnet", "texts_long.txt", 200, 1});
}

static void mpnet_bfloat16_prefixed(void **state) {
    (void)state;
    check_variant(&(variant){"mpnet_head", "texts_long.txt", 200, 1});
}

static void roberta_positions_behind_the_padding(void **state) {
    (void)state;
    check_variant(&(variant){"roberta", "texts_long.txt", 200, 1});
}

static void xlm_roberta_with_unigram(void **state) {
    (void)state;
    check_variant(&(variant){"xlm_roberta", "texts_long.txt", 200, 1});
    check_variant(&(variant){"bert_xlm", "texts_long.txt", 200, 1});
}

/* ---- weights in several files ---- */

enum { MAX_TENSORS = 64 };

static void copy_file(const char *from, const char *to) {
    char *bytes;
    size_t n;
    assert_ok(file_read_all(golden_path(from), 1 << 20, &bytes, &n, &err));
    test_write_file(test_path(to), bytes, n);
    mem_free(bytes);
}

/* Every other tensor in the other file. */
static void write_shards(const safetensors *whole, FILE *index) {
    safetensors_tensor parts[2][MAX_TENSORS];
    size_t n[2] = {0, 0};
    fprintf(index, "{\"weight_map\": {");
    for (size_t i = 0; i < safetensors_count(whole); i++) {
        array a;
        const char *name = safetensors_name(whole, i);
        assert_ok(safetensors_get(whole, name, &a, &err));
        safetensors_tensor *t = &parts[i % 2][n[i % 2]++];
        *t = (safetensors_tensor){.name = name, .type = a.type, .n_dims = a.n_dims, .data = a.data};
        memcpy(t->shape, a.shape, sizeof t->shape);
        fprintf(index, "%s\"%s\": \"model-%zu.safetensors\"", i ? ", " : "", name, i % 2);
    }
    fprintf(index, "}}");
    assert_ok(safetensors_save(test_path("sharded/model-0.safetensors"), parts[0], n[0], &err));
    assert_ok(safetensors_save(test_path("sharded/model-1.safetensors"), parts[1], n[1], &err));
}

static void embed_texts(const char *folder, float *out) {
    const variant v = {"gelu", "texts.txt", 24, 1};
    ids texts = read_texts(&v);
    text_encoder *e;
    text_encoder_counts counts = {0};
    text_encoder_params params = {folder, 24, POOLING_MEAN, TRISTATE_YES, PRECISION_F32, NULL};
    assert_ok(text_encoder_open(&e, &params, &err));
    assert_ok(text_encoder_embed(e, &texts, out, &counts, &err));
    text_encoder_close(e);
    ids_release(&texts);
}

static void weights_in_several_files(void **state) {
    (void)state;
    static float whole[MAX_TEXTS * MAX_DIM], sharded[MAX_TEXTS * MAX_DIM];
    safetensors *weights;
    text_encoder *e;
    assert_ok(dir_create(test_path("sharded"), &err));
    copy_file("bert/gelu/config.json", "sharded/config.json");
    copy_file("bert/gelu/vocab.txt", "sharded/vocab.txt");
    assert_ok(safetensors_open(&weights, golden_path("bert/gelu/model.safetensors"), &err));
    FILE *index = fopen(test_path("sharded/model.safetensors.index.json"), "w");
    assert_non_null(index);
    write_shards(weights, index);
    fclose(index);
    safetensors_close(weights);
    embed_texts(golden_path("bert/gelu"), whole);
    embed_texts(test_path("sharded"), sharded);
    assert_memory_equal(sharded, whole, sizeof whole);
    assert_int_equal(remove(test_path("sharded/model-1.safetensors")), 0);
    text_encoder_params params = {test_path("sharded"), 24,  POOLING_MEAN, TRISTATE_YES,
                                  PRECISION_F32,        NULL};
    assert_fails(text_encoder_open(&e, &params, &err), SEMID_ERR_IO, "model-1.safetensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float32_gelu),
        cmocka_unit_test(float16_gelu_new_prefixed),
        cmocka_unit_test(bfloat16_relu),
        cmocka_unit_test(mpnet_relative_positions),
        cmocka_unit_test(mpnet_bfloat16_prefixed),
        cmocka_unit_test(roberta_positions_behind_the_padding),
        cmocka_unit_test(weights_in_several_files),
        cmocka_unit_test(xlm_roberta_with_unigram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
