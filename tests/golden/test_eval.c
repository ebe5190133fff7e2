/* `eval` against tests/golden/eval_oracle.py: every expansion, profile, answer to empty candidates,
 * with and without masked history, and the reference's formulas. */
#include "base/file.h"
#include "base/json_file.h"
#include "base/memory.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "pipeline/build_faiss.h"
#include "pipeline/build_inverted.h"
#include "pipeline/eval.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static semid_error err;
static const step_context ctx = {.seed = 42, .device = "cpu"};
static json_t *expected;
static const char *const names[] = {"rq", "rq_raw", "vq"};

static char *copy_of(const char *text) {
    char *copy;
    assert_ok(mem_strdup(&copy, text, &err));
    return copy;
}

static void free_copy(const char *copy) {
    mem_free((void *)(uintptr_t)copy);
}

static void copy_file(const char *from, const char *to) {
    char *bytes;
    size_t n_bytes;
    assert_ok(file_read_all(from, 1 << 20, &bytes, &n_bytes, &err));
    test_write_file(to, bytes, n_bytes);
    mem_free(bytes);
}

/* The golden folders have items.csv; the index is built here, beside a copy of the codebooks. */
static void build_method(const char *name) {
    char from[256], to[256];
    snprintf(from, sizeof from, "eval/%s/items.csv", name);
    build_inverted_params p = {.items = copy_of(golden_path(from)),
                               .outdir = copy_of(test_path(name)),
                               .id_col = "item_id"};
    json_t *report;
    assert_ok(step_build_inverted(&p, &ctx, &report, &err));
    json_decref(report);
    snprintf(from, sizeof from, "eval/%s/codebooks.npz", name);
    snprintf(to, sizeof to, "%s/codebooks.npz", name);
    copy_file(golden_path(from), test_path(to));
    snprintf(from, sizeof from, "eval/%s/metrics.json", name);
    snprintf(to, sizeof to, "%s/metrics.json", name);
    if (path_exists(golden_path(from))) copy_file(golden_path(from), test_path(to));
    free_copy(p.items);
    free_copy(p.outdir);
}

static int set_up(void **state) {
    (void)state;
    assert_ok(json_file_load(&expected, golden_path("eval/expected.json"), &err));
    for (size_t i = 0; i < 3; i++) build_method(names[i]);
    build_faiss_params p = {.emb = copy_of(golden_path("eval/emb.npy")),
                            .ids = copy_of(golden_path("eval/ids.npy")),
                            .outdir = copy_of(test_path("faiss")),
                            .factory = "Flat",
                            .normalize = true};
    json_t *report;
    assert_ok(step_build_faiss(&p, &ctx, &report, &err));
    json_decref(report);
    free_copy(p.emb);
    free_copy(p.ids);
    free_copy(p.outdir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    json_decref(expected);
    return 0;
}

/* ---- running a case ---- */

static json_t *config_of(const json_t *item, bool faiss) {
    json_t *config = json_deep_copy(json_object_get(item, "options"));
    size_t n_methods = json_array_size(json_object_get(item, "figures"));
    json_t *methods = json_array();
    for (size_t i = 0; i < n_methods; i++) json_array_append_new(methods, json_string(names[i]));
    json_object_set_new(config, "methods", methods);
    json_object_set(config, "topk", json_object_get(expected, "topk"));
    const char *const files[] = {"train", "valid", "test"};
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "eval/%s.parquet", files[i]);
        json_object_set_new(config, files[i], json_string(golden_path(name)));
    }
    json_object_set_new(config, "items-emb", json_string(golden_path("eval/emb.npy")));
    json_object_set_new(config, "items-ids", json_string(golden_path("eval/ids.npy")));
    json_object_set_new(config, "outputs-dir", json_string(test_dir()));
    json_object_set_new(config, "out", json_string(test_path("out/table.csv")));
    json_object_set_new(config, "rows", json_string(test_path("out/rows.csv")));
    if (faiss) {
        json_object_set_new(config, "use-faiss-rerank", json_true());
        json_object_set_new(config, "faiss-index", json_string(test_path("faiss/index.faiss")));
    }
    return config;
}

static json_t *run_case(const json_t *item, bool faiss) {
    json_t *config = config_of(item, faiss), *report;
    eval_params params = {0};
    assert_ok(options_set_defaults(cmd_eval.options, &params, &err));
    assert_ok(options_from_json(&cmd_eval, config, &params, &err));
    assert_ok(step_eval(&params, &ctx, &report, &err));
    options_release(cmd_eval.options, &params);
    json_decref(config);
    return report;
}

/* ---- comparing ---- */

static void compare_value(const json_t *ours, const json_t *golden, const char *column,
                          const char *which) {
    if (json_is_number(golden) && json_is_number(ours)) {
        double a = json_number_value(ours), b = json_number_value(golden);
        if (fabs(a - b) > 1e-6) fail_msg("%s: %s: expected %.9g, found %.9g", which, column, b, a);
        return;
    }
    if (!json_equal((json_t *)(uintptr_t)ours, (json_t *)(uintptr_t)golden))
        fail_msg("%s: %s differs", which, column);
}

static void compare_figures(const json_t *report, const json_t *item, const char *which) {
    const json_t *columns = json_object_get(expected, "columns");
    const json_t *figures = json_object_get(item, "figures");
    const json_t *methods = json_object_get(report, "methods");
    assert_int_equal(json_array_size(methods), json_array_size(figures));
    for (size_t m = 0; m < json_array_size(figures); m++)
        for (size_t c = 0; c < json_array_size(columns); c++) {
            const char *column = json_string_value(json_array_get(columns, c));
            compare_value(json_object_get(json_array_get(methods, m), column),
                          json_array_get(json_array_get(figures, m), c), column, which);
        }
}

static void compare_rows(const json_t *item, const char *which) {
    char *text, hash[17];
    size_t n_bytes;
    uint64_t h = 0xcbf29ce484222325u;
    assert_ok(file_read_all(test_path("out/rows.csv"), 1 << 20, &text, &n_bytes, &err));
    for (size_t i = 0; i < n_bytes; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)h);
    if (strcmp(hash, json_string_value(json_object_get(item, "rows_fnv1a"))) != 0)
        fail_msg("%s: the rows differ:\n%s", which, text);
    mem_free(text);
}

static void run_all(bool faiss) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(expected, "cases"), i, item) {
        char *which = json_dumps(json_object_get(item, "options"), JSON_COMPACT);
        json_t *report = run_case(item, faiss);
        compare_figures(report, item, which);
        compare_rows(item, which);
        json_decref(report);
        free(which);
    }
}

static void figures_and_rows_are_those_of_the_oracle(void **state) {
    (void)state;
    run_all(false);
}

static void a_flat_faiss_index_gives_the_same(void **state) {
    (void)state;
    run_all(true);
}

/* ---- files ---- */

static const json_t *find_case(const char *expand, bool masked) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(expected, "cases"), i, item) {
        const json_t *o = json_object_get(item, "options");
        if (strcmp(json_string_value(json_object_get(o, "expand")), expand) == 0 &&
            json_is_true(json_object_get(o, "mask_history")) == masked &&
            strcmp(json_string_value(json_object_get(o, "profile")), "lastN") == 0)
            return item;
    }
    fail_msg("no case of %s", expand);
    return NULL;
}

static void rows_are_the_same_text(void **state) {
    (void)state;
    char *ours, *golden;
    json_decref(run_case(find_case("beam", true), false));
    assert_ok(file_read_all(test_path("out/rows.csv"), 1 << 20, &ours, NULL, &err));
    assert_ok(file_read_all(golden_path("eval/rows_beam.csv"), 1 << 20, &golden, NULL, &err));
    assert_string_equal(ours, golden);
    mem_free(ours);
    mem_free(golden);
}

/* The i-th field of a line without quotes. */
static double csv_number(const char *line, size_t field) {
    for (; field > 0; field--) line = strchr(line, ',') + 1;
    return atof(line);
}

static void the_csv_has_the_figures_reference_columns_first(void **state) {
    (void)state;
    static const char first[] = "method,Recall@3,Recall@10,NDCG@3,NDCG@10,evaluated,"
                                "cold_start_skipped,avg_cand_size,expand_rq_M,expand_vq_T,MRR,";
    char *text;
    json_t *report = run_case(find_case("neighbors", false), false), *saved, *value;
    assert_ok(file_read_all(test_path("out/table.csv"), 1 << 20, &text, NULL, &err));
    assert_ok(json_file_load(&saved, test_path("out/table.json"), &err));
    assert_memory_equal(text, first, strlen(first));
    const json_t *row = json_array_get(json_object_get(report, "methods"), 0);
    const char *line = strchr(text, '\n') + 1, *key;
    size_t field = 0;
    assert_memory_equal(line, "rq,", 3);
    json_object_foreach((json_t *)(uintptr_t)row, key, value) {
        if (json_is_number(value)) assert_true(csv_number(line, field) == json_number_value(value));
        if (json_is_null(value)) assert_true(csv_number(line, field) == 0);
        field++;
    }
    compare_value(json_object_get(json_object_get(saved, "ceiling"), "NDCG@10"),
                  json_object_get(row, "ceiling_NDCG@10"), "ceiling", "table.json");
    json_decref(report);
    json_decref(saved);
    mem_free(text);
}

static void threads_do_not_change_the_rows(void **state) {
    (void)state;
    for (int n = 1; n <= 5; n += 2) {
        threads_set(n);
        const json_t *item = find_case("beam", true);
        json_decref(run_case(item, false));
        compare_rows(item, "threads");
    }
    threads_set(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_and_rows_are_those_of_the_oracle),
        cmocka_unit_test(a_flat_faiss_index_gives_the_same),
        cmocka_unit_test(rows_are_the_same_text),
        cmocka_unit_test(the_csv_has_the_figures_reference_columns_first),
        cmocka_unit_test(threads_do_not_change_the_rows),
    };
    return cmocka_run_group_tests_name("eval", tests, set_up, tear_down);
}
