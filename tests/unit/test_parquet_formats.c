/* Parquet as a source of ids and embeddings. */
#include "formats/embeddings.h"
#include "formats/ids_file.h"
#include "support/support.h"
#include "table/parquet_formats.h"

#include <stdlib.h>
#include <string.h>

static semid_error err;

static void embeddings_from_parquet(void **state) {
    (void)state;
    embeddings *e;
    ids list;
    float x[6];
    static const char *const selects[] = {
        "SELECT parent_asin, v::FLOAT[] AS v FROM (VALUES ('a', [1, 2, 3]), ('b', [4, 5, 6.5])) "
        "t(parent_asin, v)",
        "SELECT parent_asin, v::DOUBLE[3] AS emb, [1, 2] AS other FROM (VALUES ('a', [1, 2, 3]), "
        "('b', [4, 5, 6.5])) t(parent_asin, v)"};
    for (int k = 0; k < 2; k++) {
        test_write_table("e.parquet", selects[k]);
        assert_ok(embeddings_open(&e, test_path("e.parquet"), &err));
        assert_int_equal(embeddings_rows(e), 2);
        assert_int_equal(embeddings_dim(e), 3);
        assert_ok(embeddings_read(e, 0, 2, x, &err));
        assert_true(x[0] == 1 && x[3] == 4 && x[5] == 6.5f);
        assert_ok(embeddings_ids(e, &list, &err));
        assert_int_equal(list.n_ids, 2);
        assert_string_equal(ids_get(&list, 1, NULL), "b");
        ids_release(&list);
        embeddings_close(e);
    }
    assert_ok(ids_load(&list, test_path("e.parquet"), &err));
    assert_string_equal(ids_get(&list, 0, NULL), "a");
    ids_release(&list);
}

static void assert_embeddings_refused(const char *select, semid_status status, const char *part) {
    embeddings *e;
    test_write_table("bad.parquet", select);
    assert_fails(embeddings_open(&e, test_path("bad.parquet"), &err), status, part);
    assert_non_null(strstr(err.message, "bad.parquet"));
}

static void embedding_errors(void **state) {
    (void)state;
    assert_embeddings_refused("SELECT 'a' AS item_id, 1 AS x", SEMID_ERR_FORMAT,
                              "found item_id VARCHAR, x INTEGER");
    assert_embeddings_refused("SELECT [1] AS x, [2] AS y", SEMID_ERR_FORMAT,
                              "found x INTEGER[], y INTEGER[]");
    assert_embeddings_refused("SELECT unnest([[1, 2], [3]]) AS x", SEMID_ERR_SHAPE,
                              "row 1: expected 2 numbers as in row 0, found 1");
    assert_embeddings_refused("SELECT unnest([[1, 2], NULL]) AS x", SEMID_ERR_DATA,
                              "row 1 has no vector");
    assert_embeddings_refused("SELECT [1, NULL] AS x", SEMID_ERR_DATA, "number 1 is missing");
    assert_embeddings_refused("SELECT []::FLOAT[] AS x", SEMID_ERR_DATA, "empty vector");
    assert_embeddings_refused("SELECT [1.0] AS x LIMIT 0", SEMID_ERR_DATA, "");
    ids list;
    test_write_table("two.parquet", "SELECT 1 AS a, 2 AS b");
    assert_fails(ids_load(&list, test_path("two.parquet"), &err), SEMID_ERR_FORMAT, "found a, b");
}

int main(void) {
    setenv("TMPDIR", test_dir(), 1);
    parquet_register_formats();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeddings_from_parquet),
        cmocka_unit_test(embedding_errors),
    };
    return cmocka_run_group_tests_name("parquet_formats", tests, NULL, NULL);
}
