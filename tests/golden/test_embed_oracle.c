/* The real MiniLM weights on real texts against sentence-transformers: the whole step, from Parquet
 * to .npy. Needs the shared data and the weights. */
#include "support/support.h"

#include "pipeline/embed.h"

#include "base/memory.h"
#include "formats/array.h"
#include "table/sql.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Sanitized code is slow: a sample will do there. */
#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 64 };
#else
enum { STRIDE = 1 };
#endif

static semid_error err;
static char *columns[] = {"text"};

static void write_items(const char *texts, const char *id_file, const char *parquet) {
    sql_db db = {0};
    sql_text sql = {0};
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add(&sql, "SELECT id AS item_id, json->>'$' AS text FROM (SELECT row_number() OVER () - 1 "
                  "AS n, column0 AS id FROM read_csv(");
    sql_add_string(&sql, id_file);
    sql_add(&sql, ", header = false, all_varchar = true)) JOIN (SELECT row_number() OVER () - 1 AS "
                  "n, json FROM read_json_objects(");
    sql_add_string(&sql, texts);
    sql_add(&sql, ", format = 'newline_delimited')) USING (n) WHERE n %% %d = 0 ORDER BY n",
            STRIDE);
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

static void vectors_equal_those_of_sentence_transformers(void **state) {
    (void)state;
    const char *oracle = shared_path("data/oracle/amazon23-industrial");
    const char *model = deps_path("models/all-MiniLM-L6-v2");
    skip_without(oracle);
    skip_without(model);
    char texts[512], id_file[512], emb[512];
    snprintf(texts, sizeof texts, "%s/texts.jsonl.gz", oracle);
    snprintf(id_file, sizeof id_file, "%s/ids.txt", oracle);
    snprintf(emb, sizeof emb, "%s/emb.npy", oracle);
    write_items(texts, id_file, test_path("items.parquet"));
    embed_params params = {.data = test_path("items.parquet"),
                           .model = model,
                           .out = test_path("x.npy"),
                           .id_col = "item_id",
                           .ts_col = "timestamp",
                           .text_cols = {columns, 1},
                           .batch_size = 256,
                           .max_len = 128};
    json_t *report = NULL;
    assert_ok(step_embed(&params, &(step_context){.device = "cpu"}, &report, &err));
    json_decref(report);
    array found, expected;
    assert_ok(npy_load(&found, params.out, &err));
    assert_ok(npy_load(&expected, emb, &err));
    size_t dim = expected.shape[1];
    assert_int_equal(found.shape[1], dim);
    assert_int_equal(found.shape[0], (expected.shape[0] + STRIDE - 1) / STRIDE);
    double least = 1;
    for (size_t i = 0; i < found.shape[0]; i++)
        least = fmin(least, cosine((const float *)found.data + i * dim,
                                   (const float *)expected.data + i * STRIDE * dim, dim));
    printf("%zu texts, least cosine %.9f\n", found.shape[0], least);
    assert_true(least >= 0.99999);
    array_release(&found);
    array_release(&expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_equal_those_of_sentence_transformers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
