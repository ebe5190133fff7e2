#include "support/support.h"
#include "table/sql.h"

#include <stdlib.h>
#include <string.h>

static semid_error err;

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

typedef struct seen {
    size_t n_chunks, n_rows, fail_at;
    int64_t sum;
} seen;

static semid_status take(void *user, const sql_rows *rows, semid_error *e) {
    seen *s = user;
    sql_column i = sql_rows_column(rows, 0);
    for (size_t row = 0; row < rows->n_rows; row++) s->sum += sql_int64(&i, row);
    s->n_rows += rows->n_rows;
    return ++s->n_chunks == s->fail_at ? error_set(e, SEMID_ERR_DATA, "enough") : SEMID_OK;
}

static semid_status each(sql_db *db, const char *statement, seen *s) {
    sql_text sql = {0};
    sql_add(&sql, "%s", statement);
    return sql_each_chunk(db, &sql, take, s, &err);
}

static void chunks_come_until_one_is_refused(void **state) {
    (void)state;
    sql_db db;
    seen all = {0}, some = {.fail_at = 2}, none = {0};
    assert_ok(sql_open(&db, 0, NULL, &err));
    assert_ok(each(&db, "SELECT range FROM range(5000)", &all));
    assert_int_equal(all.n_rows, 5000);
    assert_int_equal(all.sum, 5000 * 4999 / 2);
    assert_true(all.n_chunks > 2);
    assert_fails(each(&db, "SELECT range FROM range(5000)", &some), SEMID_ERR_DATA, "enough");
    assert_int_equal(some.n_chunks, 2);
    assert_ok(each(&db, "SELECT 1::BIGINT LIMIT 0", &none));
    assert_int_equal(none.n_chunks, 0);
    /* Only the 3000th row is at fault: an error while rows are fetched. */
    assert_fails(each(&db,
                      "SELECT CASE WHEN range = 3000 THEN 'x' ELSE '1' END::BIGINT "
                      "FROM range(5000)",
                      &none),
                 SEMID_ERR_FORMAT, "Could not convert string 'x'");
    sql_close(&db);
}

static void integers_come_as_one_row(void **state) {
    (void)state;
    sql_db db;
    int64_t n[2];
    sql_text sql = {0};
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add(&sql, "SELECT NULL::BIGINT, -7::BIGINT");
    assert_ok(sql_int64s(&db, &sql, n, 2, &err));
    assert_true(n[0] == 0 && n[1] == -7);
    sql_add(&sql, "SELECT range FROM range(3)");
    assert_fails(sql_int64s(&db, &sql, n, 1, &err), SEMID_ERR_INTERNAL, "expected one row of 1");
    sql_close(&db);
}

static void lists_and_missing_values(void **state) {
    (void)state;
    sql_db db;
    sql_rows rows;
    sql_text sql = {0};
    size_t n;
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add(&sql, "SELECT * FROM (VALUES ('a string of more than twelve bytes', [1.5, NULL]), "
                  "(NULL, []), ('', NULL)) t(s, l)");
    assert_ok(sql_query(&rows, &db, &sql, &err));
    assert_ok(sql_next(&rows, &err));
    assert_int_equal(rows.n_columns, 2);
    assert_int_equal(rows.n_rows, 3);
    sql_column s = sql_rows_column(&rows, 0), l = sql_rows_column(&rows, 1),
               child = sql_list_child(&l);
    assert_memory_equal(sql_string(&s, 0, &n), "a string of more than twelve bytes", 34);
    assert_int_equal(n, 34);
    assert_true(sql_is_null(&s, 1) && !sql_is_null(&s, 2) && sql_is_null(&l, 2));
    sql_string(&s, 2, &n);
    assert_int_equal(n, 0);
    assert_false(sql_is_null(&child, 0));
    assert_true(sql_is_null(&child, 1));
    sql_rows_close(&rows);
    sql_rows_close(&rows);
    sql_close(&db);
}

static void columns_are_described(void **state) {
    (void)state;
    sql_db db;
    sql_schema schema;
    sql_text sql = {0};
    char path[512];
    test_write_table("it's.parquet", "SELECT 'a' AS \"odd \"\"id\"\"\", [1::FLOAT] AS emb");
    snprintf(path, sizeof path, "%s", test_path("it's.parquet"));
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add_parquet(&sql, path);
    assert_ok(sql_describe(&schema, &db, &sql, &err));
    assert_int_equal(schema.n_columns, 2);
    assert_string_equal(sql_schema_type(&schema, "odd \"id\""), "VARCHAR");
    assert_string_equal(sql_schema_type(&schema, "emb"), "FLOAT[]");
    assert_null(sql_schema_type(&schema, "Emb"));
    assert_ok(sql_schema_require(&schema, "emb", path, &err));
    assert_fails(sql_schema_require(&schema, "price", path, &err), SEMID_ERR_FORMAT,
                 "it's.parquet: no column price; found odd \"id\", emb");
    sql_schema_release(&schema);
    sql_close(&db);
}

static void a_file_is_named_once(void **state) {
    (void)state;
    error_set(&err, SEMID_ERR_FORMAT, "no magic bytes");
    assert_int_equal(sql_error_in("a.parquet", &err), SEMID_ERR_FORMAT);
    assert_string_equal(err.message, "a.parquet: no magic bytes");
    sql_error_in("a.parquet", &err);
    assert_string_equal(err.message, "a.parquet: no magic bytes");
    error_set(&err, SEMID_ERR_IO, "cannot write \"d/a.csv.7.tmp.csv\"; d/a.csv.old, d/a.csv.7.t");
    assert_int_equal(sql_error_in_temp("d/a.csv.7.tmp.csv", "d/a.csv", &err), SEMID_ERR_IO);
    assert_string_equal(err.message, "cannot write \"d/a.csv\"; d/a.csv.old, d/a.csv");
    error_set(&err, SEMID_ERR_INTERRUPTED, "interrupted");
    assert_int_equal(sql_error_in("a.parquet", &err), SEMID_ERR_INTERRUPTED);
    assert_string_equal(err.message, "interrupted");
}

int main(void) {
    setenv("TMPDIR", test_dir(), 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_one_line),
        cmocka_unit_test(unfinished_queries_leave_the_database_usable),
        cmocka_unit_test(the_memory_limit_is_an_error_not_a_crash),
        cmocka_unit_test(chunks_come_until_one_is_refused),
        cmocka_unit_test(integers_come_as_one_row),
        cmocka_unit_test(lists_and_missing_values),
        cmocka_unit_test(columns_are_described),
        cmocka_unit_test(a_file_is_named_once),
    };
    return cmocka_run_group_tests_name("sql", tests, NULL, NULL);
}
