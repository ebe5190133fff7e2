/* Reading and writing tables: item texts, item codes, interactions, Parquet ids and embeddings. */
#include "base/memory.h"
#include "formats/embeddings.h"
#include "support/support.h"
#include "table/interactions.h"
#include "table/item_codes.h"
#include "table/item_texts.h"
#include "table/register.h"
#include "table/sql.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static semid_error err;

static void write_table(const char *name, const char *select) {
    sql_db db;
    sql_text sql = {0};
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add(&sql, "%s", select);
    assert_ok(sql_copy(&db, &sql, test_path(name), &err));
    sql_close(&db);
}

/* ---- sql ---- */

static void errors_are_one_line(void **state) {
    (void)state;
    sql_db db;
    int64_t n;
    assert_ok(sql_open(&db, 0, NULL, &err));
    assert_fails(sql_run_text(&db, "SELECT nonsense", &err), SEMID_ERR_FORMAT, "nonsense");
    assert_null(strchr(err.message, '\n'));
    assert_null(strstr(err.message, "LINE 1"));
    sql_text sql = {0};
    sql_add(&sql, "SELECT length(");
    sql_add_string(&sql, "it's; DROP TABLE x; --");
    sql_add(&sql, ") AS ");
    sql_add_name(&sql, "odd \"name\"");
    assert_ok(sql_int64s(&db, &sql, &n, 1, &err));
    assert_int_equal(n, 22);
    assert_fails(sql_run_text(&db, "INSTALL httpfs", &err), SEMID_ERR_IO, "");
    sql_close(&db);
    sql_close(&db);
}

static void unfinished_queries_leave_the_database_usable(void **state) {
    (void)state;
    sql_db db;
    sql_rows rows;
    int64_t n;
    sql_text sql = {0};
    assert_ok(sql_open(&db, 0, NULL, &err));
    assert_ok(sql_run_text(&db, "CREATE TABLE t AS SELECT range AS i FROM range(100000)", &err));
    sql_add(&sql, "SELECT i FROM t");
    assert_ok(sql_query(&rows, &db, &sql, &err));
    assert_ok(sql_next(&rows, &err));
    sql_rows_close(&rows);
    assert_ok(sql_run_text(&db, "INSERT INTO t VALUES (1)", &err));
    sql_add(&sql, "SELECT count(*) FROM t");
    assert_ok(sql_int64s(&db, &sql, &n, 1, &err));
    assert_int_equal(n, 100001);
    sql_close(&db);
}

static void the_memory_limit_is_an_error_not_a_crash(void **state) {
    (void)state;
    sql_db db;
    assert_ok(sql_open(&db, 1 << 20, test_dir(), &err));
    assert_fails(sql_run_text(&db,
                              "CREATE TABLE t AS SELECT range, hash(range), md5(range::VARCHAR) "
                              "FROM range(1000000)",
                              &err),
                 SEMID_ERR_NO_MEMORY, "out of memory");
    sql_close(&db);
}

/* ---- item texts ---- */

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
    write_table("texts.parquet", TEXT_ROWS);
    assert_texts(open_texts(test_path("texts.parquet"), "title,description"), 4, expected, 1);
    static const char *const swapped[] = {"c=z", "b=[EMPTY]", "a=new", "d=e  f [SEP] d"};
    assert_texts(open_texts(test_path("texts.parquet"), "description,title"), 4, swapped, 1);
}

static void without_timestamps_the_first_row(void **state) {
    (void)state;
    static const char *const expected[] = {"a=1.0 [SEP] Hi", "b=[EMPTY]", "c=0.5"};
    write_table("plain.parquet",
                "SELECT * FROM (VALUES ('a', 1, 'Hi'), ('b', NULL, ' '), "
                "('a', 2, 'no'), ('c', 0.5, NULL)) t(item_id, title, description)");
    assert_texts(open_texts(test_path("plain.parquet"), "title,description"), 3, expected, 1);
}

static void several_files_in_their_order(void **state) {
    (void)state;
    static const char *const expected[] = {"x=first", "y=only here"};
    char spec[1100];
    write_table("p1.parquet", "SELECT 'x' AS item_id, 'first' AS title, 9 AS timestamp");
    write_table("p2.parquet", "SELECT * FROM (VALUES ('x', 'second', 9), ('y', 'only here', 10)) "
                              "t(item_id, title, timestamp)");
    snprintf(spec, sizeof spec, "%s", test_path("p?.parquet"));
    assert_texts(open_texts(spec, "title"), 2, expected, 0);
    snprintf(spec, sizeof spec, "%s,%s", test_path("p2.parquet"), test_path("p1.parquet"));
    static const char *const swapped[] = {"x=second", "y=only here"};
    assert_texts(open_texts(spec, "title"), 2, swapped, 0);
}

static void text_errors_name_file_and_columns(void **state) {
    (void)state;
    write_table("noid.parquet", "SELECT 1 AS id, 'x' AS title");
    assert_null(open_texts(test_path("noid.parquet"), "title"));
    assert_non_null(strstr(err.message, "noid.parquet: no column item_id; found id, title"));
    write_table("notext.parquet", "SELECT 1 AS item_id, 'x' AS name");
    assert_null(open_texts(test_path("notext.parquet"), "title"));
    assert_non_null(strstr(err.message, "no column title; found item_id, name"));
    write_table("null.parquet", "SELECT NULL::VARCHAR AS item_id, 'x' AS title");
    assert_null(open_texts(test_path("null.parquet"), "title"));
    assert_non_null(strstr(err.message, "no item id"));
    write_table("zero.parquet", "SELECT 'a' AS item_id, 'x' AS title LIMIT 0");
    assert_null(open_texts(test_path("zero.parquet"), "title"));
    assert_non_null(strstr(err.message, "no rows"));
    test_write_file(test_path("broken.parquet"), "PAR1 this is not Parquet PAR1", 29);
    assert_null(open_texts(test_path("broken.parquet"), "title"));
    assert_non_null(strstr(err.message, "broken.parquet"));
    assert_null(open_texts(test_path("missing.parquet"), "title"));
    assert_non_null(strstr(err.message, "missing.parquet"));
}

/* ---- item codes ---- */

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
    write_table("k1.parquet", "SELECT 'a' AS item_id, 1 AS level");
    assert_codes_refused("k1.parquet", SEMID_ERR_FORMAT, "found item_id, level");
    write_table("k2.parquet", "SELECT 'a' AS id, 1 AS token");
    assert_codes_refused("k2.parquet", SEMID_ERR_FORMAT, "no column item_id; found id, token");
    write_table("k3.parquet", "SELECT 'a' AS item_id, 1 AS c1, -1 AS c2");
    assert_codes_refused("k3.parquet", SEMID_ERR_DATA, "row 0, level 2: expected a code, found -1");
    write_table("k4.csv", "SELECT 'a' AS item_id, 1.5 AS token");
    assert_codes_refused("k4.csv", SEMID_ERR_DATA, "expected a code, found 1.5");
    write_table("k5.jsonl", "SELECT NULL AS item_id, 1 AS token");
    assert_codes_refused("k5.jsonl", SEMID_ERR_DATA, "row 0 has no id");
    write_table("k6.parquet", "SELECT 'a' AS item_id, NULL::INTEGER AS token");
    assert_codes_refused("k6.parquet", SEMID_ERR_DATA, "row 0, level 1");
    write_table("k7.parquet", "SELECT 'a' AS item_id, 1 AS token LIMIT 0");
    assert_codes_refused("k7.parquet", SEMID_ERR_DATA, "no rows");
    write_table("k8.parquet", "SELECT 'a' AS item_id, 'x' AS token");
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

/* ---- interactions ---- */

static void interactions_share_their_ids(void **state) {
    (void)state;
    interaction_set set;
    write_table("train.parquet", "SELECT 'u' || (range % 700) AS user_id, 'i' || (range % 1300) AS "
                                 "item_id, range AS timestamp FROM range(9000)");
    write_table("test.parquet", "SELECT * FROM (VALUES ('u5', 'new', 7), ('v', 'i3', 8)) "
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
    write_table("h1.parquet", "SELECT 'u' AS user_id, 'i' AS item");
    write_table("h2.parquet", "SELECT 'u' AS user_id, 'i' AS item_id, NULL::BIGINT AS timestamp");
    const char *files[3] = {test_path("h1.parquet"), NULL, NULL};
    assert_fails(interactions_load(&set, files, &err), SEMID_ERR_FORMAT,
                 "h1.parquet: no column item_id; found user_id, item");
    files[0] = test_path("h2.parquet");
    assert_fails(interactions_load(&set, files, &err), SEMID_ERR_DATA, "h2.parquet: row 0 has no");
    files[0] = test_path("none.parquet");
    assert_fails(interactions_load(&set, files, &err), SEMID_ERR_IO, "none.parquet");
    files[0] = test_dir();
    assert_fails(interactions_load(&set, files, &err), SEMID_ERR_IO, "found a folder");
}

/* ---- ids and embeddings ---- */

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
        write_table("e.parquet", selects[k]);
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
    write_table("bad.parquet", select);
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
    write_table("two.parquet", "SELECT 1 AS a, 2 AS b");
    assert_fails(ids_load(&list, test_path("two.parquet"), &err), SEMID_ERR_FORMAT, "found a, b");
}

int main(void) {
    setenv("TMPDIR", test_dir(), 1);
    table_register_formats();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_one_line),
        cmocka_unit_test(unfinished_queries_leave_the_database_usable),
        cmocka_unit_test(the_memory_limit_is_an_error_not_a_crash),
        cmocka_unit_test(the_newest_row_of_an_item),
        cmocka_unit_test(without_timestamps_the_first_row),
        cmocka_unit_test(several_files_in_their_order),
        cmocka_unit_test(text_errors_name_file_and_columns),
        cmocka_unit_test(codes_survive_every_format),
        cmocka_unit_test(more_codes_than_a_chunk),
        cmocka_unit_test(code_errors),
        cmocka_unit_test(a_failed_save_leaves_the_old_file),
        cmocka_unit_test(interactions_share_their_ids),
        cmocka_unit_test(interaction_errors),
        cmocka_unit_test(embeddings_from_parquet),
        cmocka_unit_test(embedding_errors),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
