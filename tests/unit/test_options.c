#include "cli/options.h"
#include "support/support.h"

#include <string.h>

typedef struct test_params {
    bool sharp, dull;
    int64_t count;
    double rate;
    uint64_t limit;
    const char *name, *file;
    int split;
    string_list columns;
} test_params;

#define AT(field) offsetof(test_params, field)

static const option table[] = {
    {.name = "sharp", .type = OPTION_FLAG, .offset = AT(sharp), .default_value = "true"},
    {.name = "dull", .type = OPTION_FLAG, .offset = AT(dull)},
    {.name = "count-of-things",
     .type = OPTION_INT,
     .offset = AT(count),
     .metavar = "N",
     .default_value = "5",
     .min = 1,
     .max = 10},
    {.name = "rate", .type = OPTION_REAL, .offset = AT(rate), .metavar = "X", .max = 1},
    {.name = "memory-limit",
     .type = OPTION_BYTES,
     .offset = AT(limit),
     .metavar = "SIZE",
     .min = 1e3},
    {.name = "name", .type = OPTION_STRING, .offset = AT(name), .metavar = "NAME"},
    {.name = "in",
     .type = OPTION_PATH,
     .offset = AT(file),
     .metavar = "FILE",
     .required = true,
     .positional = true},
    {.name = "split",
     .type = OPTION_CHOICE,
     .offset = AT(split),
     .choices = "last-out|time",
     .default_value = "time"},
    {.name = "columns",
     .type = OPTION_LIST,
     .offset = AT(columns),
     .metavar = "NAMES",
     .default_value = "title,description"},
    {0}};
static const command cmd = {.name = "test", .options = table, .params_size = sizeof(test_params)};

static semid_error err;
static test_params p;
static common_params common;

static int reset(void **state) {
    (void)state;
    p = (test_params){0};
    common = (common_params){0};
    return options_set_defaults(table, &p, &err) == SEMID_OK &&
                   options_set_defaults(common_options, &common, &err) == SEMID_OK
               ? 0
               : -1;
}

static int release(void **state) {
    (void)state;
    options_release(table, &p);
    return 0;
}

/* Up to five words, as the shell would hand them over. Parsed strings point into them. */
static semid_status parse(const char *a, const char *b, const char *c, const char *d,
                          const char *e) {
    static char words[5][64];
    const char *given[] = {a, b, c, d, e};
    char *argv[5];
    int n = 0;
    for (; n < 5 && given[n]; n++) {
        snprintf(words[n], sizeof words[n], "%s", given[n]);
        argv[n] = words[n];
    }
    return options_parse(&cmd, n, argv, &p, &common, &err);
}

static void defaults_come_from_the_table(void **state) {
    (void)state;
    assert_true(p.sharp && !p.dull);
    assert_int_equal(p.count, 5);
    assert_int_equal(p.split, 1);
    assert_int_equal(common.seed, 42);
}

static void every_type_is_parsed(void **state) {
    (void)state;
    assert_ok(parse("--count-of-things", "7", "--rate=0.25", "--memory-limit", "2GiB"));
    assert_int_equal(p.count, 7);
    assert_true(p.rate == 0.25);
    assert_int_equal(p.limit, (uint64_t)2 << 30);
    assert_ok(parse("--no-sharp", "--dull", "--split", "last-out", "file.npy"));
    assert_true(!p.sharp && p.dull);
    assert_int_equal(p.split, 0);
    assert_string_equal(p.file, "file.npy");
}

static void names_take_dashes_or_underscores(void **state) {
    (void)state;
    assert_ok(parse("--count_of_things", "3", NULL, NULL, NULL));
    assert_int_equal(p.count, 3);
}

static void sizes_have_units(void **state) {
    (void)state;
    assert_ok(parse("--memory-limit", "1.5MB", NULL, NULL, NULL));
    assert_int_equal(p.limit, 1500000);
    assert_ok(parse("--memory-limit", "4096", NULL, NULL, NULL));
    assert_int_equal(p.limit, 4096);
    assert_ok(parse("--memory-limit", "0", NULL, NULL, NULL));
    assert_ok(parse("--memory-limit", "1KB", NULL, NULL, NULL));
    assert_fails(parse("--memory-limit", "999", NULL, NULL, NULL), STATUS_USAGE,
                 "--memory-limit: expected 0 or at least 0.001MB, found \"999\"");
    assert_fails(parse("--memory-limit", "4 parsecs", NULL, NULL, NULL), STATUS_USAGE,
                 "expected a size");
    assert_fails(parse("--memory-limit", "-1", NULL, NULL, NULL), STATUS_USAGE, "expected a size");
}

static void lists_take_commas_words_and_repeats(void **state) {
    (void)state;
    assert_ok(parse("--columns", "a,b", "c", "--columns", "d"));
    assert_int_equal(p.columns.n_items, 4);
    const char *expected[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++) assert_string_equal(p.columns.items[i], expected[i]);
}

static void lists_replace_their_default(void **state) {
    (void)state;
    assert_int_equal(p.columns.n_items, 2);
    assert_ok(parse("--columns", "a", NULL, NULL, NULL));
    assert_int_equal(p.columns.n_items, 1);
    options_end_layer(table, &p);
    assert_ok(options_set(&cmd, &p, "columns", "b", &err));
    assert_ok(options_set(&cmd, &p, "columns", "c", &err));
    assert_int_equal(p.columns.n_items, 2);
    assert_string_equal(p.columns.items[0], "b");
}

static void values_survive_the_way_to_json_and_back(void **state) {
    (void)state;
    json_t *values, *again;
    assert_ok(parse("--columns=a,b", "--rate=0.1", "--no-sharp", "--split=last-out", "x"));
    assert_ok(options_to_json(table, &p, &values, &err));
    assert_null(json_object_get(values, "name"));
    test_params q = {0};
    assert_ok(options_set_defaults(table, &q, &err));
    assert_ok(options_from_json(&cmd, values, &q, &err));
    assert_true(q.rate == 0.1 && !q.sharp && q.split == 0 && q.count == 5);
    assert_ok(options_to_json(table, &q, &again, &err));
    assert_true(json_equal(values, again));
    options_release(table, &q);
    json_decref(values);
    json_decref(again);
}

static void common_options_are_known_everywhere(void **state) {
    (void)state;
    assert_ok(parse("--threads", "2", "--json", "-v", "-q"));
    assert_int_equal(common.threads, 2);
    assert_true(common.json && common.verbose && common.quiet);
}

static void mistakes_say_what_was_expected(void **state) {
    (void)state;
    assert_fails(parse("--count-of-things", "11", NULL, NULL, NULL), STATUS_USAGE,
                 "expected 1 to 10, found 11");
    assert_fails(parse("--count-of-things", "3x", NULL, NULL, NULL), STATUS_USAGE,
                 "expected a whole number, found \"3x\"");
    assert_fails(parse("--count-of-things", "99999999999999999999", NULL, NULL, NULL), STATUS_USAGE,
                 "expected a whole number");
    assert_fails(parse("--rate", "nan", NULL, NULL, NULL), STATUS_USAGE, "expected a number");
    assert_fails(parse("--rate", "1.5", NULL, NULL, NULL), STATUS_USAGE,
                 "expected 0 to 1, found 1.5");
    assert_fails(parse("--split", "last", NULL, NULL, NULL), STATUS_USAGE,
                 "expected one of last-out|time, found \"last\"");
    assert_fails(parse("--name", NULL, NULL, NULL, NULL), STATUS_USAGE, "--name: expected NAME");
    assert_fails(parse("--in", "", NULL, NULL, NULL), STATUS_USAGE, "expected a path");
    assert_fails(parse("--dull=perhaps", NULL, NULL, NULL, NULL), STATUS_USAGE,
                 "expected true or false");
    assert_fails(parse("--no-count-of-things", NULL, NULL, NULL, NULL), STATUS_USAGE,
                 "unknown option");
    assert_fails(parse("a", "b", NULL, NULL, NULL), STATUS_USAGE, "unexpected argument \"b\"");
    assert_fails(parse("-x", NULL, NULL, NULL, NULL), STATUS_USAGE, "two dashes");
}

static void unknown_names_get_a_suggestion(void **state) {
    (void)state;
    assert_fails(parse("--colums", "a", NULL, NULL, NULL), STATUS_USAGE, "did you mean --columns?");
    assert_fails(parse("--tread", "1", NULL, NULL, NULL), STATUS_USAGE, "did you mean");
    assert_fails(parse("--zzzzzzzz", NULL, NULL, NULL, NULL), STATUS_USAGE, "--help");
}

static void required_ones_are_asked_for(void **state) {
    (void)state;
    assert_fails(options_check_required(&cmd, &p, &err), STATUS_USAGE, "--in FILE is required");
    assert_ok(parse("x", NULL, NULL, NULL, NULL));
    assert_ok(options_check_required(&cmd, &p, &err));
}

static void a_json_object_sets_the_same(void **state) {
    (void)state;
    json_t *config = json_loads("{\"count_of_things\": 9, \"rate\": 0.5, \"sharp\": false,"
                                " \"split\": \"last-out\", \"columns\": [\"a\", \"b\"],"
                                " \"memory-limit\": \"1KiB\", \"in\": \"x\"}",
                                0, NULL);
    assert_ok(options_from_json(&cmd, config, &p, &err));
    assert_int_equal(p.count, 9);
    assert_true(p.rate == 0.5 && !p.sharp);
    assert_int_equal(p.split, 0);
    assert_int_equal(p.columns.n_items, 2);
    assert_int_equal(p.limit, 1024);
    json_decref(config);
}

static void json_mistakes_are_named(void **state) {
    (void)state;
    static const char *const texts[][2] = {{"[1]", "expected a JSON object"},
                                           {"{\"count_of_thing\": 1}", "did you mean"},
                                           {"{\"rate\": null}", "expected a string, number"},
                                           {"{\"rate\": [1]}", "expected a string, number"},
                                           {"{\"count_of_things\": 0.5}", "whole number"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *config = json_loads(texts[i][0], 0, NULL);
        assert_non_null(config);
        assert_fails(options_from_json(&cmd, config, &p, &err), STATUS_USAGE, texts[i][1]);
        json_decref(config);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, reset, release)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults_come_from_the_table),
        TEST(every_type_is_parsed),
        TEST(names_take_dashes_or_underscores),
        TEST(sizes_have_units),
        TEST(lists_take_commas_words_and_repeats),
        TEST(lists_replace_their_default),
        TEST(values_survive_the_way_to_json_and_back),
        TEST(common_options_are_known_everywhere),
        TEST(mistakes_say_what_was_expected),
        TEST(unknown_names_get_a_suggestion),
        TEST(required_ones_are_asked_for),
        TEST(a_json_object_sets_the_same),
        TEST(json_mistakes_are_named),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
