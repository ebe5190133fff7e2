/* A vector depends on its text alone: threads, batches, interruptions and failures leave no trace.
 */
#include "support/support.h"

#include "encoder/text_model.h"
#include "pipeline/embed.h"

#include "base/memory.h"
#include "base/threads.h"
#include "table/sql.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 700 };
static semid_error err;
static char *columns[] = {"title", "features"};

/* Texts of 1 to 60 words; some items have none. */
static void write_items(const char *path, const char *suffix) {
    sql_db db = {0};
    sql_text sql = {0};
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add(&sql,
            "SELECT 'i' || i AS item_id, CASE WHEN i %% 50 = 5 THEN NULL ELSE repeat("
            "['steel bolt ', 'hex screw, ', 'rubber glove ', 'pack of 100 '][1 + i %% 4], 1 + i "
            "%% 15) || '%s' END AS title, list_transform(range(i %% 5), x -> 'washer ' || x) AS "
            "features, i * 7 %% 100 AS timestamp FROM range(%d) t(i)",
            suffix, ROWS);
    assert_ok(sql_copy(&db, &sql, path, &err));
    sql_close(&db);
}

static char items[256], changed_items[256], weights[512];

static embed_params params_for(const char *out) {
    return (embed_params){.data = items,
                          .model = weights,
                          .out = out,
                          .id_col = "item_id",
                          .ts_col = "timestamp",
                          .text_cols = {columns, 2},
                          .batch_size = 256,
                          .max_len = 40};
}

static semid_status run(const embed_params *params, json_t **report) {
    return step_embed(params, &(step_context){.device = "cpu"}, report, &err);
}

static bool partial_exists(const embed_params *params) {
    char partial[600];
    snprintf(partial, sizeof partial, "%s.partial", params->out);
    return path_exists(partial);
}

static void run_ok(const embed_params *params) {
    json_t *report = NULL;
    assert_ok(run(params, &report));
    assert_int_equal(json_integer_value(json_object_get(report, "rows")), ROWS);
    assert_int_equal(json_integer_value(json_object_get(report, "empty_texts")), ROWS / 50);
    json_decref(report);
    assert_false(partial_exists(params));
}

static void assert_same_file(const char *a, const char *b) {
    file_map x, y;
    assert_ok(file_map_open(&x, a, &err));
    assert_ok(file_map_open(&y, b, &err));
    assert_int_equal(x.n_bytes, y.n_bytes);
    assert_memory_equal(x.data, y.data, x.n_bytes);
    file_map_close(&x);
    file_map_close(&y);
}

static void check_ways(precision kind) {
    static const struct {
        int threads;
        int64_t batch_size;
    } ways[] = {{2, 256}, {3, 256}, {2, 1}, {2, 33}, {1, 5000}};
    char one[256];
    snprintf(one, sizeof one, "%s", test_path("one.npy"));
    threads_set(1);
    embed_params first = params_for(one);
    first.dtype = (int)kind;
    run_ok(&first);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        embed_params other = params_for(test_path("other.npy"));
        threads_set(ways[i].threads);
        other.batch_size = ways[i].batch_size;
        other.dtype = (int)kind;
        run_ok(&other);
        assert_same_file(first.out, other.out);
        assert_same_file(test_path("one.ids.npy"), test_path("other.ids.npy"));
    }
    threads_set(0);
}

static void threads_and_batches_change_no_byte(void **state) {
    (void)state;
    check_ways(PRECISION_F32);
    check_ways(PRECISION_BF16);
    check_ways(PRECISION_INT8);
}

/* Every run fails at a later allocation and goes on from what the one before left. */
static void failures_leave_whole_rows_to_resume_from(void **state) {
    (void)state;
    embed_params p = params_for(test_path("failing.npy")),
                 clean = params_for(test_path("clean.npy"));
    p.resume = true;
    p.batch_size = 50;
    json_t *report = NULL;
    semid_status status;
    long n = 1;
    do {
        assert_false(path_exists(p.out));
        mem_fail_after(n);
        n += n / 8 + 1;
        status = run(&p, &report);
        mem_fail_after(0);
        if (status != SEMID_OK && status != SEMID_ERR_NO_MEMORY) fail_msg("%s", err.message);
    } while (status != SEMID_OK);
    int64_t kept = json_integer_value(json_object_get(report, "rows_kept"));
    json_decref(report);
    assert_true(kept > 0 && kept <= ROWS);
    run_ok(&clean);
    assert_same_file(clean.out, p.out);
}

/* Leaves finished rows behind: fails as late as it can. */
static void fail_late(const embed_params *p) {
    for (long n = 2000; n > 0 && !partial_exists(p); n -= n / 10) {
        json_t *report = NULL;
        mem_fail_after(n);
        semid_status status = run(p, &report);
        mem_fail_after(0);
        if (status == SEMID_OK) json_decref(report);
    }
    assert_true(partial_exists(p));
}

/* What is kept must be of the same model, options and texts. */
static void stale_rows_are_computed_again(void **state) {
    (void)state;
    write_items(changed_items, " m8");
    for (int what = 0; what < 4; what++) {
        embed_params p = params_for(test_path("stale.npy"));
        p.batch_size = 50;
        fail_late(&p);
        if (what == 0) p.data = changed_items;
        if (what == 1) p.max_len = 12;
        if (what == 2) p.normalize = TRISTATE_YES;
        if (what == 3) p.dtype = PRECISION_INT8;
        embed_params clean = p;
        clean.out = test_path("fresh.npy");
        run_ok(&clean);
        p.resume = true;
        run_ok(&p);
        assert_same_file(clean.out, p.out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_batches_change_no_byte),
        cmocka_unit_test(failures_leave_whole_rows_to_resume_from),
        cmocka_unit_test(stale_rows_are_computed_again),
    };
    snprintf(items, sizeof items, "%s", test_path("items.parquet"));
    snprintf(changed_items, sizeof changed_items, "%s", test_path("changed.parquet"));
    snprintf(weights, sizeof weights, "%s", golden_path("bert/gelu"));
    write_items(items, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
