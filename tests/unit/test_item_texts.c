#include "support/support.h"
#include "table/item_texts.h"

#include <stdlib.h>
#include <string.h>

static semid_error err;

static item_texts *open_texts(const char *data, const char *cols) {
    static char *items[4];
    static char copy[128];
    snprintf(copy, sizeof copy, "%s", cols);
    item_texts_params p = {.data = data, .id_col = "item_id", .ts_col = "timestamp"};
    p.text_cols.items = items;
    for (char *c = strtok(copy, ","); c; c = strtok(NULL, ",")) items[p.text_cols.n_items++] = c;
    item_texts *t = NULL;
    return item_texts_open(&t, &p, &err) == SEMID_OK ? t : NULL;
}

static void assert_texts(item_texts *t, size_t n, const char *const *expected, size_t n_empty) {
    ids list, texts = {0};
    char line[256];
    if (!t) fail_msg("%s", err.message);
    assert_int_equal(item_texts_rows(t), n);
    assert_ok(item_texts_ids(t, &list, &err));
    assert_int_equal(list.n_ids, n);
    size_t row = 0;
    do {
        assert_ok(item_texts_next(t, 3, &texts, &err));
        for (size_t i = 0; i < texts.n_ids; i++, row++) {
            snprintf(line, sizeof line, "%s=%s", ids_get(&list, row, NULL),
                     ids_get(&texts, i, NULL));
            assert_string_equal(line, expected[row]);
        }
    } while (texts.n_ids > 0);
    assert_int_equal(row, n);
    assert_int_equal(item_texts_empty(t), n_empty);
    ids_release(&list);
    ids_release(&texts);
    item_texts_close(t);
}

static const char TEXT_ROWS[] =
    "SELECT * FROM (VALUES ('a', 5, ' Hi ', ['x', ' ', chr(10) || 'y ', NULL]), "
    "('b', 3, NULL, []), ('a', 7, 'new', NULL), ('c', NULL, chr(160) || 'z' || chr(8195), [NULL]), "
    "('d', 7, 'd', ['e  f']), ('a', 7, 'later row of the same time', ['no']), "
    "('c', NULL, 'second', NULL)) t(item_id, timestamp, title, description)";

static void the_newest_row_of_an_item(void **state) {
    (void)state;
    static const char *const expected[] = {"c=z", "b=[EMPTY]", "a=new", "d=d [SEP] e  f"};
    test_write_table("texts.parquet", TEXT_ROWS);
    assert_texts(open_texts(test_path("texts.parquet"), "title,description"), 4, expected, 1);
    static const char *const swapped[] = {"c=z", "b=[EMPTY]", "a=new", "d=e  f [SEP] d"};
    assert_texts(open_texts(test_path("texts.parquet"), "description,title"), 4, swapped, 1);
}

static void without_timestamps_the_first_row(void **state) {
    (void)state;
    static const char *const expected[] = {"a=1.0 [SEP] Hi", "b=[EMPTY]", "c=0.5"};
    test_write_table("plain.parquet",
                     "SELECT * FROM (VALUES ('a', 1, 'Hi'), ('b', NULL, ' '), "
                     "('a', 2, 'no'), ('c', 0.5, NULL)) t(item_id, title, description)");
    assert_texts(open_texts(test_path("plain.parquet"), "title,description"), 3, expected, 1);
}

static void several_files_in_their_order(void **state) {
    (void)state;
    static const char *const expected[] = {"x=first", "y=only here"};
    char spec[1100];
    test_write_table("p1.parquet", "SELECT 'x' AS item_id, 'first' AS title, 9 AS timestamp");
    test_write_table("p2.parquet",
                     "SELECT * FROM (VALUES ('x', 'second', 9), ('y', 'only here', 10)) "
                     "t(item_id, title, timestamp)");
    snprintf(spec, sizeof spec, "%s", test_path("p?.parquet"));
    assert_texts(open_texts(spec, "title"), 2, expected, 0);
    snprintf(spec, sizeof spec, "%s,%s", test_path("p2.parquet"), test_path("p1.parquet"));
    static const char *const swapped[] = {"x=second", "y=only here"};
    assert_texts(open_texts(spec, "title"), 2, swapped, 0);
}

static void text_errors_name_file_and_columns(void **state) {
    (void)state;
    test_write_table("noid.parquet", "SELECT 1 AS id, 'x' AS title");
    assert_null(open_texts(test_path("noid.parquet"), "title"));
    assert_non_null(strstr(err.message, "noid.parquet: no column item_id; found id, title"));
    test_write_table("notext.parquet", "SELECT 1 AS item_id, 'x' AS name");
    assert_null(open_texts(test_path("notext.parquet"), "title"));
    assert_non_null(strstr(err.message, "no column title; found item_id, name"));
    test_write_table("null.parquet", "SELECT NULL::VARCHAR AS item_id, 'x' AS title");
    assert_null(open_texts(test_path("null.parquet"), "title"));
    assert_non_null(strstr(err.message, "no item id"));
    test_write_table("zero.parquet", "SELECT 'a' AS item_id, 'x' AS title LIMIT 0");
    assert_null(open_texts(test_path("zero.parquet"), "title"));
    assert_non_null(strstr(err.message, "no rows"));
    test_write_file(test_path("broken.parquet"), "PAR1 this is not Parquet PAR1", 29);
    assert_null(open_texts(test_path("broken.parquet"), "title"));
    assert_non_null(strstr(err.message, "broken.parquet"));
    assert_null(open_texts(test_path("missing.parquet"), "title"));
    assert_non_null(strstr(err.message, "missing.parquet"));
}

int main(void) {
    setenv("TMPDIR", test_dir(), 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_row_of_an_item),
        cmocka_unit_test(without_timestamps_the_first_row),
        cmocka_unit_test(several_files_in_their_order),
        cmocka_unit_test(text_errors_name_file_and_columns),
    };
    return cmocka_run_group_tests_name("item_texts", tests, NULL, NULL);
}
