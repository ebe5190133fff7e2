#include "eval/test_rows.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

/* Users 0 and 1, items 0 to 3; item 3 is outside the catalogue, the others are rows 10, 11, 12. */
static const uint32_t item_rows[] = {10, 11, 12, ROW_NONE};

static void make(interaction_set *set, interaction *train, size_t n_train, interaction *test,
                 size_t n_test) {
    *set = (interaction_set){.rows = {train, NULL, test}, .n_rows = {n_train, 0, n_test}};
    assert_ok(ids_append(&set->users, "a", 1, &err));
    assert_ok(ids_append(&set->users, "b", 1, &err));
}

static void cold_rows_are_counted(void **state) {
    (void)state;
    interaction train[] = {{0, 0, 1}, {1, 3, 1}};
    interaction test[] = {{0, 1, 5}, {0, 3, 5}, {1, 1, 5}};
    test_sample all = {0};
    interaction_set set;
    histories h;
    test_rows t;
    make(&set, train, 2, test, 3);
    assert_ok(histories_init(&h, &set, item_rows, &err));
    assert_ok(test_rows_init(&t, &set, &h, item_rows, &all, "test.parquet", &err));
    assert_int_equal(t.n, 1);
    assert_int_equal(t.n_cold, 2);
    assert_int_equal(t.targets[0], 11);
    test_rows_release(&t);
    set.n_rows[2] = 0;
    assert_fails(test_rows_init(&t, &set, &h, item_rows, &all, "test.parquet", &err),
                 SEMID_ERR_DATA, "test.parquet: expected test rows, found none");
    set.rows[2] = test + 1;
    set.n_rows[2] = 2;
    assert_fails(test_rows_init(&t, &set, &h, item_rows, &all, "test.parquet", &err),
                 SEMID_ERR_DATA, "all 2 rows are cold");
    histories_release(&h);
    ids_release(&set.users);
}

static void samples_keep_the_order_of_the_file(void **state) {
    (void)state;
    enum { N = 1000, WANTED = 8 };
    static interaction train[1], test[N];
    /* sorted(pandas.DataFrame({"a": range(1000)}).sample(8, random_state=42).a) */
    const int64_t pandas[WANTED] = {411, 513, 521, 626, 660, 678, 737, 740};
    interaction_set set;
    histories h;
    test_rows t;
    for (size_t i = 0; i < N; i++) test[i] = (interaction){0, (uint32_t)(i % 3), (int64_t)i};
    make(&set, train, 1, test, N);
    assert_ok(histories_init(&h, &set, item_rows, &err));
    test_sample sample = {.max_rows = WANTED, .as_pandas = true};
    assert_ok(test_rows_init(&t, &set, &h, item_rows, &sample, "t", &err));
    assert_int_equal(t.n, WANTED);
    for (size_t i = 0; i < WANTED; i++) assert_int_equal(t.targets[i], 10 + pandas[i] % 3);
    test_rows_release(&t);
    sample = (test_sample){.max_rows = 400, .seed = 3};
    assert_ok(test_rows_init(&t, &set, &h, item_rows, &sample, "t", &err));
    assert_int_equal(t.n, 400);
    test_rows_release(&t);
    sample.max_rows = N;
    assert_ok(test_rows_init(&t, &set, &h, item_rows, &sample, "t", &err));
    assert_int_equal(t.n, N);
    for (size_t i = 0; i < N; i++) assert_int_equal(t.targets[i], 10 + i % 3);
    test_rows_release(&t);
    test_rows_release(&t);
    histories_release(&h);
    ids_release(&set.users);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cold_rows_are_counted),
        cmocka_unit_test(samples_keep_the_order_of_the_file),
    };
    return cmocka_run_group_tests_name("test_rows", tests, NULL, NULL);
}
