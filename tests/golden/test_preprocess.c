/* preprocess against two independent programs: tests/golden/preprocess/oracle.py on a small hostile
 * catalogue, and pandas on the shared one. What the Parquet files hold is computed here from the
 * files, not taken from the step's report. */
#include "base/json_file.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "pipeline/preprocess.h"
#include "support/support.h"
#include "table/sql.h"

#include <string.h>

static const char *const PARTS[] = {"train", "valid", "test"};
static const char EMPTY_SHA256[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* ---- running ---- */

static json_t *run_preprocess(const json_t *options) {
    semid_error err;
    preprocess_params params = {0};
    step_context ctx = {.seed = 1, .device = "cpu"};
    json_t *report = NULL;
    assert_ok(options_set_defaults(cmd_preprocess.options, &params, &err));
    assert_ok(options_from_json(&cmd_preprocess, options, &params, &err));
    assert_ok(step_preprocess(&params, &ctx, &report, &err));
    options_release(cmd_preprocess.options, &params);
    return report;
}

/* Every value of `expected` is in `found`; lists have the same length. */
static void assert_contains(const json_t *found, const json_t *expected, const char *where) {
    const char *key;
    json_t *value;
    size_t i;
    if (!found) fail_msg("%s is missing", where);
    if (json_is_array(expected)) {
        assert_int_equal(json_array_size(found), json_array_size(expected));
        json_array_foreach((json_t *)(uintptr_t)expected, i, value)
            assert_contains(json_array_get(found, i), value, where);
    } else if (json_is_object(expected)) {
        json_object_foreach((json_t *)(uintptr_t)expected, key,
                            value) if (json_array_size(value) > 0 || !json_is_array(value))
            assert_contains(json_object_get(found, key), value, key);
    } else if (json_integer_value(found) != json_integer_value(expected)) {
        fail_msg("%s: expected %lld, found %lld", where, (long long)json_integer_value(expected),
                 (long long)json_integer_value(found));
    }
}

/* ---- reading the files ---- */

static void query_text(sql_db *db, sql_text *sql, char *out, size_t n_out) {
    semid_error err;
    sql_rows rows;
    assert_ok(sql_query(&rows, db, sql, &err));
    assert_ok(sql_next(&rows, &err));
    assert_int_equal(rows.n_rows, 1);
    sql_column c = sql_rows_column(&rows, 0);
    size_t n;
    const char *s = sql_string(&c, 0, &n);
    snprintf(out, n_out, "%.*s", (int)n, sql_is_null(&c, 0) ? "" : s);
    while (rows.n_rows > 0) assert_ok(sql_next(&rows, &err));
    sql_rows_close(&rows);
}

/* sha256 over the file's rows, each as a line, in the order given. */
static void assert_sha256(sql_db *db, const char *path, const char *line, const char *order,
                          const json_t *expected) {
    char found[80];
    sql_text sql = {0};
    sql_add(&sql,
            "SELECT sha256(coalesce(string_agg(line || chr(10), '' ORDER BY %s), '')) FROM "
            "(SELECT file_row_number, %s AS line FROM read_parquet(",
            order, line);
    sql_add_string(&sql, path);
    sql_add(&sql, "))");
    query_text(db, &sql, found, sizeof found);
    if (strcmp(found, json_string_value(expected)) != 0)
        fail_msg("%s: the rows differ from the oracle's", path);
}

static const char ROW_LINE[] = "concat_ws(chr(9), user_id, item_id, timestamp, "
                               "coalesce(rating::VARCHAR, '\\N'))";
static const char PLAIN_ROW_LINE[] = "concat_ws(chr(9), user_id, item_id, timestamp)";
/* An absent list is \N, an empty one nothing. */
#define LIST(column)                                                                               \
    "CASE WHEN " column " IS NULL THEN '\\N' ELSE coalesce(array_to_string(" column                \
    ", '|'), '') END"
static const char ITEM_LINE[] =
    "concat_ws(chr(9), item_id, coalesce(title, '\\N'), " LIST("description") ", " LIST(
        "features") ", " LIST("categories") ", coalesce(store, '\\N'), "
                                            "coalesce(price::VARCHAR, '\\N'), "
                                            "coalesce(rating_number::VARCHAR, '\\N'))";

static const char *out_file(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "out/%s.parquet", name);
    return test_path(path);
}

/* ---- the small catalogue ---- */

static json_t *small_options(const json_t *given) {
    char reviews[1100];
    json_t *options = json_deep_copy(given);
    if (json_object_del(options, "csv") == 0) {
        json_object_set_new(options, "train-csv",
                            json_string(golden_path("preprocess/raw/split.train.csv")));
        json_object_set_new(options, "valid-csv",
                            json_string(golden_path("preprocess/raw/split.valid.csv")));
        json_object_set_new(options, "test-csv",
                            json_string(golden_path("preprocess/raw/split.test.csv")));
    } else {
        snprintf(reviews, sizeof reviews, "%s", golden_path("preprocess/raw/reviews*"));
        json_object_set_new(options, "reviews", json_string(reviews));
    }
    json_object_set_new(options, "meta", json_string(golden_path("preprocess/raw/meta.jsonl")));
    json_object_set_new(options, "out", json_string(test_path("out")));
    return options;
}

static void check_small_case(sql_db *db, const json_t *expected) {
    json_t *options = small_options(json_object_get(expected, "options"));
    json_t *report = run_preprocess(options);
    const json_t *sha = json_object_get(expected, "sha256");
    assert_contains(report, json_object_get(expected, "stats"), "report");
    for (int i = 0; i < 3; i++)
        assert_sha256(db, out_file(PARTS[i]), ROW_LINE, "file_row_number",
                      json_object_get(sha, PARTS[i]));
    assert_sha256(db, out_file("items"), ITEM_LINE, "file_row_number",
                  json_object_get(sha, "items"));
    json_decref(report);
    json_decref(options);
}

static void small_catalogue_as_the_oracle_says(void **state) {
    (void)state;
    semid_error err;
    json_t *cases, *value;
    size_t i;
    sql_db db;
    assert_ok(json_file_load(&cases, golden_path("preprocess/expected.json"), &err));
    assert_ok(sql_open(&db, 0, NULL, &err));
    assert_int_equal(json_array_size(cases), 9);
    json_array_foreach(cases, i, value) {
        char *text = json_dumps(json_object_get(value, "options"), 0);
        printf("case %s\n", text);
        free(text);
        check_small_case(&db, value);
    }
    sql_close(&db);
    json_decref(cases);
}

static void texts_of_rows_are_those_of_their_items(void **state) {
    (void)state;
    semid_error err;
    sql_db db;
    sql_text sql = {0};
    int64_t counts[2];
    json_t *given = json_pack("{s:i}", "core", 0), *options = small_options(given);
    json_decref(run_preprocess(options));
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add(&sql, "SELECT count(*), count(*) FILTER (t.title IS NOT DISTINCT FROM i.title AND "
                  "t.description IS NOT DISTINCT FROM i.description) FROM read_parquet(");
    sql_add_string(&sql, out_file("train"));
    sql_add(&sql, ") t JOIN read_parquet(");
    sql_add_string(&sql, out_file("items"));
    sql_add(&sql, ") i USING (item_id)");
    assert_ok(sql_int64s(&db, &sql, counts, 2, &err));
    assert_int_equal(counts[0], 50);
    assert_int_equal(counts[1], 50);
    sql_close(&db);
    json_decref(given);
    json_decref(options);
}

/* ---- the shared catalogue ---- */

static const char SHARED_REVIEWS[] = "data/amazon23-industrial/Industrial_and_Scientific.jsonl.gz";
static const char SHARED_META[] =
    "data/amazon23-industrial/meta_Industrial_and_Scientific.jsonl.gz";

static void assert_count(const json_t *found, const char *key, const json_t *expected,
                         const char *expected_key) {
    if (json_integer_value(json_object_get(found, key)) !=
        json_integer_value(json_object_get(expected, expected_key)))
        fail_msg("%s: expected %lld, found %lld", expected_key,
                 (long long)json_integer_value(json_object_get(expected, expected_key)),
                 (long long)json_integer_value(json_object_get(found, key)));
}

static void check_shared_split(sql_db *db, const json_t *oracle, const char *core,
                               const char *split, const char *oracle_split) {
    json_t *options =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "reviews", shared_path(SHARED_REVIEWS), "meta",
                  shared_path(SHARED_META), "core", core, "split", split, "out", test_path("out"));
    json_t *report = run_preprocess(options);
    const json_t *by_core = json_object_get(json_object_get(oracle, "core"), core);
    const json_t *by_split = json_object_get(by_core, oracle_split);
    for (int i = 0; i < 3; i++) {
        const json_t *part = json_object_get(by_split, PARTS[i]);
        const json_t *found = json_object_get(report, PARTS[i]);
        const char *keys[] = {"rows", "users", "items", "ts_min", "ts_max"};
        for (int k = 0; k < 5; k++) assert_count(found, keys[k], part, keys[k]);
        assert_sha256(db, out_file(PARTS[i]), PLAIN_ROW_LINE, "line",
                      json_object_get(part, "sha256"));
    }
    const json_t *after = json_object_get(report, "after_core"),
                 *before = json_object_get(report, "before_core"),
                 *reviews = json_object_get(report, "reviews"),
                 *meta = json_object_get(report, "meta"),
                 *before_core = json_object_get(oracle, "before_core");
    assert_count(after, "rows", by_core, "n_interactions");
    assert_count(after, "users", by_core, "n_users");
    assert_count(after, "items", by_core, "n_items");
    assert_count(after, "passes", by_core, "passes");
    assert_count(meta, "items_used", by_core, "items_with_meta");
    assert_count(report, "test_rows_user_without_history", by_split,
                 "test_rows_user_without_history");
    assert_count(report, "test_rows_item_unseen_in_train_valid", by_split,
                 "test_rows_item_unseen_in_train_valid");
    assert_count(before, "rows", before_core, "n_interactions");
    assert_count(before, "users", before_core, "n_users");
    assert_count(before, "items", before_core, "n_items");
    assert_count(report, "duplicates_dropped", oracle, "duplicates_dropped");
    assert_count(reviews, "rows", oracle, "raw_rows");
    assert_count(reviews, "bad_lines", oracle, "bad_json_lines");
    assert_count(reviews, "rows_kept", oracle, "rows_before_dedup");
    assert_count(meta, "rows", oracle, "meta_rows");
    assert_count(meta, "items", oracle, "meta_items");
    assert_count(meta, "bad_lines", oracle, "bad_meta_lines");
    json_decref(report);
    json_decref(options);
}

/* All rows of the three parts together, and what the oracle says about short histories. */
static void check_shared_union(sql_db *db, const json_t *by_core) {
    semid_error err;
    char found[80];
    int64_t counts[2];
    sql_text sql = {0};
    sql_add(&sql, "SELECT sha256(string_agg(line || chr(10), '' ORDER BY line)) FROM (SELECT "
                  "concat_ws(chr(9), user_id, item_id, timestamp) AS line FROM read_parquet(");
    sql_add_string(&sql, test_path("out/t*.parquet"));
    sql_add(&sql, ") UNION ALL SELECT concat_ws(chr(9), user_id, item_id, timestamp) FROM "
                  "read_parquet(");
    sql_add_string(&sql, out_file("valid"));
    sql_add(&sql, "))");
    query_text(db, &sql, found, sizeof found);
    assert_string_equal(found, json_string_value(json_object_get(by_core, "sha256")));
    sql_add(&sql, "SELECT count(*) FILTER (n = 2), count(*) FILTER (n = 1) FROM (SELECT count(*) "
                  "AS n FROM (SELECT user_id FROM read_parquet(");
    sql_add_string(&sql, test_path("out/t*.parquet"));
    sql_add(&sql, ") UNION ALL SELECT user_id FROM read_parquet(");
    sql_add_string(&sql, out_file("valid"));
    sql_add(&sql, ")) GROUP BY user_id)");
    assert_ok(sql_int64s(db, &sql, counts, 2, &err));
    assert_int_equal(counts[0], json_integer_value(json_object_get(by_core, "users_with_2_rows")));
    assert_int_equal(counts[1], json_integer_value(json_object_get(by_core, "users_with_1_row")));
}

static void shared_catalogue_as_pandas_says(void **state) {
    (void)state;
    semid_error err;
    json_t *oracle;
    sql_db db;
    const char *path = shared_path("data/oracle/amazon23-industrial/preprocess.json");
    skip_without(path);
    skip_without(shared_path(SHARED_REVIEWS));
    assert_ok(json_file_load(&oracle, path, &err));
    assert_ok(sql_open(&db, 0, NULL, &err));
    const char *cores[] = {"1", "5"};
    for (int i = 0; i < 2; i++) {
        check_shared_split(&db, oracle, cores[i], "last-out", "last_out");
        check_shared_union(&db, json_object_get(json_object_get(oracle, "core"), cores[i]));
        check_shared_split(&db, oracle, cores[i], "time", "time");
        check_shared_union(&db, json_object_get(json_object_get(oracle, "core"), cores[i]));
    }
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(oracle, "before_core"), "sha256")),
        json_string_value(
            json_object_get(json_object_get(json_object_get(oracle, "core"), "1"), "sha256")));
    sql_close(&db);
    json_decref(oracle);
}

/* The hash of no rows, so that an empty part is compared too. */
static void no_rows_hash_as_nothing(void **state) {
    (void)state;
    semid_error err;
    sql_db db;
    char found[80];
    sql_text sql = {0};
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add(&sql, "SELECT sha256('')");
    query_text(&db, &sql, found, sizeof found);
    assert_string_equal(found, EMPTY_SHA256);
    sql_close(&db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rows_hash_as_nothing),
        cmocka_unit_test(small_catalogue_as_the_oracle_says),
        cmocka_unit_test(texts_of_rows_are_those_of_their_items),
        cmocka_unit_test(shared_catalogue_as_pandas_says),
    };
    return cmocka_run_group_tests_name("preprocess", tests, NULL, NULL);
}
