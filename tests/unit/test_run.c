#include "base/json_file.h"
#include "base/memory.h"
#include "run/run.h"
#include "support/support.h"

#include <jansson.h>
#include <string.h>

/* Two steps: the first copies `source` with a word before it, the second copies the output of the
 * first. */
typedef struct copy_params {
    const char *from, *to, *word;
    int *calls;
    bool fail;
} copy_params;

static semid_error err;
static int calls[2];
static char source[512], middle[512], end[512], records[512];
static copy_params params[2];
static run_step steps[2];
static char *inputs[2], *outputs[2];

static semid_status copy(const void *given, const step_context *ctx, json_t **report,
                         semid_error *e) {
    const copy_params *p = given;
    (void)ctx;
    char *text, both[256];
    ++*p->calls;
    if (p->fail) return error_set(e, SEMID_ERR_DATA, "no luck");
    semid_status status = file_read_all(p->from, 200, &text, NULL, e);
    if (status != SEMID_OK) return status;
    snprintf(both, sizeof both, "%s%s", p->word, text);
    mem_free(text);
    test_write_file(p->to, both, strlen(both));
    *report = json_pack("{s:i}", "bytes", (int)strlen(both));
    return SEMID_OK;
}

static void set_step(int i, const char *name, char *from, char *to, const char *word) {
    params[i] = (copy_params){.from = from, .to = to, .word = word, .calls = &calls[i]};
    inputs[i] = from;
    outputs[i] = to;
    steps[i] = (run_step){.name = (char *)(uintptr_t)name,
                          .call = copy,
                          .params = &params[i],
                          .options = json_pack("{s:s, s:f}", "word", word, "third", 1.0 / 3),
                          .inputs = {.items = &inputs[i], .n_items = 1},
                          .outputs = {.items = &outputs[i], .n_items = 1}};
}

static int setup(void **state) {
    (void)state;
    static int n;
    char name[32];
    snprintf(name, sizeof name, "run%d", n++);
    const char *dir = test_path(name);
    snprintf(source, sizeof source, "%s/source", dir);
    snprintf(middle, sizeof middle, "%s/middle", dir);
    snprintf(end, sizeof end, "%s/end", dir);
    snprintf(records, sizeof records, "%s/records", dir);
    if (dir_create(dir, NULL) != SEMID_OK) return -1;
    test_write_file(source, "abc", 3);
    set_step(0, "first", source, middle, "");
    set_step(1, "second", middle, end, "");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) json_decref(steps[i].options);
    return 0;
}

/* Run both steps: how often each was called, and the states of the report. */
static void expect_run(const run_settings *given, int first, int second, const char *states) {
    run_settings settings = *given;
    step_context ctx = {.seed = 1, .device = "cpu"};
    json_t *report, *step;
    char found[128] = "";
    size_t i;
    settings.record_dir = records;
    calls[0] = calls[1] = 0;
    assert_ok(run_steps(steps, 2, &settings, &ctx, &report, &err));
    json_array_foreach(json_object_get(report, "steps"), i, step) {
        strcat(found, i ? ", " : "");
        strcat(found, json_string_value(json_object_get(step, "state")));
    }
    json_decref(report);
    assert_string_equal(found, states);
    assert_int_equal(calls[0], first);
    assert_int_equal(calls[1], second);
}

static const run_settings plain = {0}, force = {.force = true}, dry = {.dry_run = true};

static void what_is_done_is_not_done_again(void **state) {
    (void)state;
    expect_run(&plain, 1, 1, "done, done");
    expect_run(&plain, 0, 0, "up to date, up to date");
    expect_run(&force, 1, 1, "done, done");
}

static void a_changed_input_goes_down_as_far_as_it_shows(void **state) {
    (void)state;
    expect_run(&plain, 1, 1, "done, done");
    test_write_file(source, "xyz", 3);
    expect_run(&plain, 1, 1, "done, done");
    test_write_file(source, "xyz", 3); /* newer, but the same bytes */
    expect_run(&plain, 0, 0, "up to date, up to date");
}

static void a_changed_option_repeats_what_depends_on_it(void **state) {
    (void)state;
    expect_run(&plain, 1, 1, "done, done");
    params[1].word = "more";
    json_object_set_new(steps[1].options, "word", json_string("more"));
    expect_run(&plain, 0, 1, "up to date, done");
    params[0].word = "less";
    json_object_set_new(steps[0].options, "word", json_string("less"));
    expect_run(&plain, 1, 1, "done, done");
}

static void a_lost_or_damaged_output_is_made_again(void **state) {
    (void)state;
    expect_run(&plain, 1, 1, "done, done");
    assert_int_equal(remove(end), 0);
    expect_run(&plain, 0, 1, "up to date, done");
    test_write_file(middle, "?", 1);
    expect_run(&plain, 1, 0, "done, up to date");
}

/* As after an update of semid that lists more outputs of a step. */
static void a_record_that_lacks_an_output_is_understood(void **state) {
    (void)state;
    char path[600];
    json_t *record;
    expect_run(&plain, 1, 1, "done, done");
    snprintf(path, sizeof path, "%s/second.json", records);
    assert_ok(json_file_load(&record, path, &err));
    assert_int_equal(json_object_del(json_object_get(record, "outputs"), end), 0);
    assert_ok(json_file_save(record, path, &err));
    json_decref(record);
    expect_run(&plain, 0, 0, "up to date, up to date");
    assert_int_equal(remove(end), 0);
    expect_run(&plain, 0, 1, "up to date, done");
}

static void a_failed_step_is_where_the_next_run_goes_on(void **state) {
    (void)state;
    const run_settings settings = {.record_dir = records};
    step_context ctx = {.seed = 1, .device = "cpu"};
    json_t *report = NULL;
    params[1].fail = true;
    assert_fails(run_steps(steps, 2, &settings, &ctx, &report, &err), SEMID_ERR_DATA,
                 "second: no luck");
    assert_null(report);
    params[1].fail = false;
    expect_run(&plain, 0, 1, "up to date, done");
}

static void a_dry_run_does_nothing_and_sees_what_follows(void **state) {
    (void)state;
    expect_run(&dry, 0, 0, "due, due");
    assert_false(path_exists(middle));
    expect_run(&plain, 1, 1, "done, done");
    expect_run(&dry, 0, 0, "up to date, up to date");
    test_write_file(source, "xyz", 3);
    expect_run(&dry, 0, 0, "due, due");
}

static void another_seed_is_another_run(void **state) {
    (void)state;
    expect_run(&plain, 1, 1, "done, done");
    const run_settings settings = {.record_dir = records};
    step_context ctx = {.seed = 2, .device = "cpu"};
    json_t *report;
    calls[0] = 0;
    assert_ok(run_steps(steps, 2, &settings, &ctx, &report, &err));
    json_decref(report);
    assert_int_equal(calls[0], 1);
}

static void a_record_that_is_no_json_counts_as_none(void **state) {
    (void)state;
    char path[600];
    expect_run(&plain, 1, 1, "done, done");
    snprintf(path, sizeof path, "%s/second.json", records);
    test_write_file(path, "{", 1);
    expect_run(&plain, 0, 1, "up to date, done");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_done_is_not_done_again),
        TEST(a_changed_input_goes_down_as_far_as_it_shows),
        TEST(a_changed_option_repeats_what_depends_on_it),
        TEST(a_lost_or_damaged_output_is_made_again),
        TEST(a_record_that_lacks_an_output_is_understood),
        TEST(a_failed_step_is_where_the_next_run_goes_on),
        TEST(a_dry_run_does_nothing_and_sees_what_follows),
        TEST(another_seed_is_another_run),
        TEST(a_record_that_is_no_json_counts_as_none),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
