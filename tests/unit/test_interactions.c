#include "support/support.h"
#include "table/interactions.h"

#include <stdlib.h>
#include <string.h>

static semid_error err;

static void interactions_share_their_ids(void **state) {
    (void)state;
    interaction_set set;
    test_write_table("train.parquet",
                     "SELECT 'u' || (range % 700) AS user_id, 'i' || (range % 1300) AS "
                     "item_id, range AS timestamp FROM range(9000)");
    test_write_table("test.parquet", "SELECT * FROM (VALUES ('u5', 'new', 7), ('v', 'i3', 8)) "
                                     "t(user_id, item_id, timestamp)");
    char train[512];
    snprintf(train, sizeof train, "%s", test_path("train.parquet"));
    const char *files[3] = {train, NULL, test_path("test.parquet")};
    assert_ok(interactions_load(&set, files, &err));
    assert_int_equal(set.n_rows[0], 9000);
    assert_int_equal(set.n_rows[1], 0);
    assert_int_equal(set.n_rows[2], 2);
    assert_int_equal(set.users.n_ids, 701);
    assert_int_equal(set.items.n_ids, 1301);
    for (uint32_t i = 0; i < 9000; i++) {
        assert_int_equal(set.rows[0][i].user, i % 700);
        assert_int_equal(set.rows[0][i].item, i % 1300);
        assert_int_equal(set.rows[0][i].timestamp, i);
    }
    assert_int_equal(set.rows[2][0].user, 5);
    assert_int_equal(set.rows[2][0].item, 1300);
    assert_string_equal(ids_get(&set.users, 700, NULL), "v");
    interactions_release(&set);
}

static void interaction_errors(void **state) {
    (void)state;
    interaction_set set;
    test_write_table("h1.parquet", "SELECT 'u' AS user_id, 'i' AS item");
    test_write_table("h2.parquet",
                     "SELECT 'u' AS user_id, 'i' AS item_id, NULL::BIGINT AS timestamp");
    const char *files[3] = {test_path("h1.parquet"), NULL, NULL};
    assert_fails(interactions_load(&set, files, &err), SEMID_ERR_FORMAT,
                 "h1.parquet: no column item_id; found user_id, item");
    files[0] = test_path("h2.parquet");
    assert_fails(interactions_load(&set, files, &err), SEMID_ERR_DATA, "h2.parquet: row 0 has no");
    test_write_table("h5.parquet", "SELECT 'u' AS user_id, 'i' AS item_id, 'x' AS timestamp");
    files[0] = test_path("h5.parquet");
    assert_fails(interactions_load(&set, files, &err), SEMID_ERR_FORMAT, "h5.parquet: Could not");
    files[0] = test_path("none.parquet");
    assert_fails(interactions_load(&set, files, &err), SEMID_ERR_IO, "none.parquet");
    files[0] = test_dir();
    assert_fails(interactions_load(&set, files, &err), SEMID_ERR_IO, "found a folder");
}

static void times_become_milliseconds_and_numbers_text(void **state) {
    (void)state;
    interaction_set set;
    test_write_table("h3.parquet",
                     "SELECT 7 AS user_id, '007' AS item_id, TIMESTAMP '1970-01-01 00:00:01.5' AS "
                     "timestamp");
    const char *files[3] = {NULL, NULL, test_path("h3.parquet")};
    assert_ok(interactions_load(&set, files, &err));
    assert_int_equal(set.rows[2][0].timestamp, 1500);
    assert_string_equal(ids_get(&set.users, 0, NULL), "7");
    assert_string_equal(ids_get(&set.items, 0, NULL), "007");
    interactions_release(&set);
    interactions_release(&set);
}

static void no_rows_are_no_error_here(void **state) {
    (void)state;
    interaction_set set;
    test_write_table("h4.parquet", "SELECT 'u' AS user_id, 'i' AS item_id, 1 AS timestamp LIMIT 0");
    const char *files[3] = {test_path("h4.parquet"), NULL, NULL};
    assert_ok(interactions_load(&set, files, &err));
    assert_int_equal(set.n_rows[0], 0);
    assert_int_equal(set.users.n_ids, 0);
    interactions_release(&set);
}

int main(void) {
    setenv("TMPDIR", test_dir(), 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interactions_share_their_ids),
        cmocka_unit_test(times_become_milliseconds_and_numbers_text),
        cmocka_unit_test(no_rows_are_no_error_here),
        cmocka_unit_test(interaction_errors),
    };
    return cmocka_run_group_tests_name("interactions", tests, NULL, NULL);
}
