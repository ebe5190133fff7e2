#include "base/memory.h"
#include "support/support.h"
#include "table/item_codes.h"

#include <stdlib.h>
#include <string.h>

static semid_error err;

static void codes_survive_every_format(void **state) {
    (void)state;
    static const char *const files[] = {"c.parquet", "c.csv", "c.jsonl"};
    static const char *const texts[] = {"007", "b,\"x\"", "é 🦊"};
    int32_t data[] = {0, 255, 2, 3, 4, 5};
    for (size_t n_levels = 1; n_levels <= 2; n_levels++)
        for (int f = 0; f < 3; f++) {
            ids list = {0}, back;
            semid_codes codes = {3, n_levels, data}, found;
            for (int i = 0; i < 3; i++)
                assert_ok(ids_append(&list, texts[i], strlen(texts[i]), &err));
            assert_ok(item_codes_save(&list, &codes, test_path(files[f]), "odd id", f == 1, &err));
            assert_ok(item_codes_load(&back, &found, test_path(files[f]), "odd id", &err));
            assert_int_equal(found.n_rows, 3);
            assert_int_equal(found.n_levels, n_levels);
            assert_memory_equal(found.data, data, 3 * n_levels * sizeof *data);
            for (size_t i = 0; i < 3; i++) assert_string_equal(ids_get(&back, i, NULL), texts[i]);
            ids_release(&list);
            ids_release(&back);
            semid_codes_release(&found);
        }
}

static void more_codes_than_a_chunk(void **state) {
    (void)state;
    enum { N = 5000 };
    ids list = {0}, back;
    int32_t *data;
    char text[16];
    semid_codes found;
    assert_ok(mem_alloc(&data, 3 * N, sizeof *data, &err));
    for (int i = 0; i < N; i++) {
        assert_ok(ids_append(&list, text, (size_t)sprintf(text, "item%d", i), &err));
        for (int l = 0; l < 3; l++) data[3 * i + l] = (i * 31 + l) % 256;
    }
    semid_codes codes = {N, 3, data};
    assert_ok(item_codes_save(&list, &codes, test_path("many.parquet"), "item_id", true, &err));
    assert_ok(item_codes_load(&back, &found, test_path("many.parquet"), "item_id", &err));
    assert_int_equal(found.n_rows, N);
    assert_memory_equal(found.data, data, 3 * N * sizeof *data);
    assert_string_equal(ids_get(&back, N - 1, NULL), "item4999");
    ids_release(&list);
    ids_release(&back);
    semid_codes_release(&found);
    semid_codes_release(&codes);
}

static void assert_codes_refused(const char *name, semid_status status, const char *part) {
    ids list;
    semid_codes codes;
    assert_fails(item_codes_load(&list, &codes, test_path(name), "item_id", &err), status, part);
    assert_non_null(strstr(err.message, name));
}

static void code_errors(void **state) {
    (void)state;
    test_write_table("k1.parquet", "SELECT 'a' AS item_id, 1 AS level");
    assert_codes_refused("k1.parquet", SEMID_ERR_FORMAT, "found item_id, level");
    test_write_table("k2.parquet", "SELECT 'a' AS id, 1 AS token");
    assert_codes_refused("k2.parquet", SEMID_ERR_FORMAT, "no column item_id; found id, token");
    test_write_table("k3.parquet", "SELECT 'a' AS item_id, 1 AS c1, -1 AS c2");
    assert_codes_refused("k3.parquet", SEMID_ERR_DATA, "row 0, level 2: expected a code, found -1");
    test_write_table("k4.csv", "SELECT 'a' AS item_id, 1.5 AS token");
    assert_codes_refused("k4.csv", SEMID_ERR_DATA, "expected a code, found 1.5");
    test_write_table("k5.jsonl", "SELECT NULL AS item_id, 1 AS token");
    assert_codes_refused("k5.jsonl", SEMID_ERR_DATA, "row 0 has no id");
    test_write_table("k6.parquet", "SELECT 'a' AS item_id, NULL::INTEGER AS token");
    assert_codes_refused("k6.parquet", SEMID_ERR_DATA, "row 0, level 1");
    test_write_table("k7.parquet", "SELECT 'a' AS item_id, 1 AS token LIMIT 0");
    assert_codes_refused("k7.parquet", SEMID_ERR_DATA, "no rows");
    test_write_table("k8.parquet", "SELECT 'a' AS item_id, 'x' AS token");
    assert_codes_refused("k8.parquet", SEMID_ERR_FORMAT, "Could not convert");
    test_write_file(test_path("k9.txt"), "x", 1);
    assert_codes_refused("k9.txt", SEMID_ERR_ARGUMENT, "expected a name ending in .parquet");
    assert_codes_refused("none.csv", SEMID_ERR_IO, "none.csv");
}

static void a_failed_save_leaves_the_old_file(void **state) {
    (void)state;
    ids list = {0};
    int32_t one = 1;
    semid_codes codes = {1, 1, &one};
    assert_ok(ids_append(&list, "\xff\xfe", 2, &err)); /* not UTF-8 */
    test_write_file(test_path("old.parquet"), "old", 3);
    assert_int_not_equal(
        item_codes_save(&list, &codes, test_path("old.parquet"), "item_id", false, &err), SEMID_OK);
    assert_int_equal(file_bytes(test_path("old.parquet")), 3);
    codes.n_rows = 2;
    assert_fails(item_codes_save(&list, &codes, test_path("old.parquet"), "item_id", false, &err),
                 SEMID_ERR_SHAPE, "1 ids for codes of shape [2, 1]");
    ids_release(&list);
}

int main(void) {
    setenv("TMPDIR", test_dir(), 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_survive_every_format),
        cmocka_unit_test(more_codes_than_a_chunk),
        cmocka_unit_test(code_errors),
        cmocka_unit_test(a_failed_save_leaves_the_old_file),
    };
    return cmocka_run_group_tests_name("item_codes", tests, NULL, NULL);
}
