/* The real MiniLM weights on real texts against sentence-transformers: the whole step, from Parquet
 * to .npy. Needs the shared data and the weights. */
#include "support/support.h"

#include "encoder/text_model.h"
#include "pipeline/embed.h"

#include "base/memory.h"
#include "formats/npy.h"
#include "table/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All texts take minutes: without SEMID_FULL in the environment a sample has to do, and of
 * sanitized code a smaller one. Every how many texts, by precision: */
#ifdef __SANITIZE_ADDRESS__
static const size_t strides[] = {64, 128, 128};
#else
static const size_t strides[] = {4, 12, 12};
#endif

static semid_error err;
static char *columns[] = {"text"};

static size_t stride_of(precision kind) {
    return getenv("SEMID_FULL") ? 1 : strides[kind];
}

static void write_items(const char *texts, const char *id_file, size_t stride,
                        const char *parquet) {
    sql_db db = {0};
    sql_text sql = {0};
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add(&sql, "SELECT id AS item_id, json->>'$' AS text FROM (SELECT row_number() OVER () - 1 "
                  "AS n, column0 AS id FROM read_csv(");
    sql_add_string(&sql, id_file);
    sql_add(&sql, ", header = false, all_varchar = true)) JOIN (SELECT row_number() OVER () - 1 AS "
                  "n, json FROM read_json_objects(");
    sql_add_string(&sql, texts);
    sql_add(&sql, ", format = 'newline_delimited')) USING (n) WHERE n %% %zu = 0 ORDER BY n",
            stride);
    assert_ok(sql_copy(&db, &sql, parquet, &err));
    sql_close(&db);
}

static double cosine(const float *x, const float *y, size_t n) {
    double xy = 0, xx = 0, yy = 0;
    for (size_t j = 0; j < n; j++) {
        xy += (double)x[j] * (double)y[j];
        xx += (double)x[j] * (double)x[j];
        yy += (double)y[j] * (double)y[j];
    }
    return xy / sqrt(xx * yy);
}

/* The least cosine between the vectors of params->out and those of sentence-transformers. */
static double least_cosine(const embed_params *params, const char *oracle) {
    array found, expected;
    char emb[512];
    snprintf(emb, sizeof emb, "%s/emb.npy", oracle);
    assert_ok(npy_load(&found, params->out, &err));
    assert_ok(npy_load(&expected, emb, &err));
    size_t dim = expected.shape[1], stride = stride_of((precision)params->dtype);
    assert_int_equal(found.shape[1], dim);
    assert_int_equal(found.shape[0], (expected.shape[0] + stride - 1) / stride);
    double least = 1;
    for (size_t i = 0; i < found.shape[0]; i++)
        least = fmin(least, cosine((const float *)found.data + i * dim,
                                   (const float *)expected.data + i * stride * dim, dim));
    printf("%zu texts, least cosine %.9f\n", found.shape[0], least);
    array_release(&found);
    array_release(&expected);
    return least;
}

static double embed_and_compare(precision kind) {
    const char *oracle = shared_path("data/oracle/amazon23-industrial");
    const char *weights = deps_path("models/all-MiniLM-L6-v2");
    skip_without(oracle);
    skip_without(weights);
    char texts[512], id_file[512], out[512];
    snprintf(texts, sizeof texts, "%s/texts.jsonl.gz", oracle);
    snprintf(id_file, sizeof id_file, "%s/ids.txt", oracle);
    snprintf(out, sizeof out, "%s", test_path("x.npy"));
    write_items(texts, id_file, stride_of(kind), test_path("items.parquet"));
    embed_params params = {.data = test_path("items.parquet"),
                           .model = weights,
                           .out = out,
                           .id_col = "item_id",
                           .ts_col = "timestamp",
                           .text_cols = {columns, 1},
                           .batch_size = 256,
                           .max_len = 128,
                           .dtype = (int)kind};
    json_t *report = NULL;
    assert_ok(step_embed(&params, &(step_context){.device = "cpu"}, &report, &err));
    assert_string_equal(json_string_value(json_object_get(report, "dtype")), precision_name(kind));
    json_decref(report);
    return least_cosine(&params, oracle);
}

static void float32_equals_sentence_transformers(void **state) {
    (void)state;
    assert_true(embed_and_compare(PRECISION_F32) >= 0.99999);
}

static void bfloat16_is_close(void **state) {
    (void)state;
    assert_true(embed_and_compare(PRECISION_BF16) >= 0.9999);
}

static void int8_is_close(void **state) {
    (void)state;
    assert_true(embed_and_compare(PRECISION_INT8) >= 0.995);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float32_equals_sentence_transformers),
        cmocka_unit_test(bfloat16_is_close),
        cmocka_unit_test(int8_is_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
