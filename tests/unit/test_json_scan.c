#include "support/support.h"
#include "table/json_scan.h"

#include <string.h>

static const char *const keys[] = {"a", "b"};

static bool is_object(const char *line) {
    json_span values[2];
    return json_scan_object(line, strlen(line), keys, 2, values) == NULL;
}

static void accepts_what_json_allows(void **state) {
    (void)state;
    static const char *const good[] = {
        "{}",
        " { } ",
        "{\"a\":1}",
        "{\"a\":-0.5e+10,\"b\":[]}",
        "{\"a\":[1,[2,{\"x\":null}],true]}",
        "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}",
        "{\"a\":NaN,\"b\":-Infinity}",
        "{\"a\":\"caf\xc3\xa9 \xf0\x9f\x98\x80 and more than eight bytes\"}",
        "{\"a\":0,\"a\":1}",
        "{\"\":\"\"}",
        "{\"a\":\"\\ud800\"}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!is_object(good[i])) fail_msg("refused: %s", good[i]);
}

static void refuses_the_rest(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "[]",
                                      "1",
                                      "null",
                                      "\"a\"",
                                      "{",
                                      "{\"a\"",
                                      "{\"a\":",
                                      "{\"a\":1",
                                      "{\"a\":1,",
                                      "{\"a\":1,}",
                                      "{,}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "{\"a\":01}",
                                      "{\"a\":1.}",
                                      "{\"a\":.5}",
                                      "{\"a\":1e}",
                                      "{\"a\":-}",
                                      "{\"a\":+1}",
                                      "{\"a\":tru}",
                                      "{\"a\":nul}",
                                      "{\"a\":\"x}",
                                      "{\"a\":\"\\x\"}",
                                      "{\"a\":\"\\u12g4\"}",
                                      "{\"a\":\"\\u12\"}",
                                      "{\"a\":\"tab\there\"}",
                                      "{\"a\":\"\xff\"}",
                                      "{\"a\":\"\xc0\xaf\"}",
                                      "{\"a\":\"\xed\xa0\x80\"}",
                                      "{\"a\":\"\xc3\"}",
                                      "{\"a\":1} x",
                                      "{\"a\":1}{\"a\":2}",
                                      "{\"a\" 1}",
                                      "{\"a\":[1 2]}",
                                      "{\"a\":[1,]}",
                                      "{\"a\":[}]}",
                                      "{\"a\":\"\\",
                                      "{\"a\":Inf}",
                                      "{\"a\":\"seven..\x01\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (is_object(bad[i])) fail_msg("accepted: %s", bad[i]);
}

static void depth_is_limited(void **state) {
    (void)state;
    char line[2048] = "{\"a\":";
    for (size_t depth = 500; depth <= 600; depth += 100) {
        memset(line + 5, '[', depth);
        memset(line + 5 + depth, ']', depth);
        strcpy(line + 5 + 2 * depth, "}");
        assert_int_equal(is_object(line), depth == 500);
    }
}

/* The line ends where the buffer ends: nothing after it is read. */
static void stays_inside_the_line(void **state) {
    (void)state;
    static const char text[] = "{\"a\":\"xxxxxxxxxxxxxxxx\\u00e9\xc3\xa9\",\"b\":[-1.5e3,true]}";
    size_t n = sizeof text - 1;
    json_span values[2];
    for (size_t i = 0; i <= n; i++) {
        char *copy = test_malloc(i ? i : 1);
        memcpy(copy, text, i);
        const char *where = json_scan_object(copy, i, keys, 2, values);
        assert_int_equal(where == NULL, i == n);
        if (where) assert_in_range((size_t)(where - copy), 0, i);
        test_free(copy);
    }
}

static void assert_value(const char *line, const char *expected) {
    char buf[256];
    json_span values[2];
    assert_null(json_scan_object(line, strlen(line), keys, 2, values));
    if (!expected) {
        assert_null(values[1].text);
        return;
    }
    assert_non_null(values[1].text);
    size_t n = json_scan_text(values[1], buf);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(buf, expected, n);
}

static void finds_values(void **state) {
    (void)state;
    assert_value("{\"a\":1}", NULL);
    assert_value("{\"b\":null}", NULL);
    assert_value("{\"bb\":1,\"a\":{\"b\":2}}", NULL);
    assert_value("{\"b\": 12.50 ,\"a\":1}", "12.50");
    assert_value("{\"b\":1,\"b\":\"last\"}", "last");
    assert_value("{\"b\":[1, \"x\"]}", "[1, \"x\"]");
    assert_value("{\"b\":\"\"}", "");
    assert_value("{\"b\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t|\"}", "\"\\/\b\f\n\r\t|");
    assert_value("{\"b\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"}",
                 "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_value("{\"b\":\"\\ud83d!\\ude00\\ud83d\\u0041\"}",
                 "\xef\xbf\xbd!\xef\xbf\xbd\xef\xbf\xbd"
                 "A");
}

static void lists_keys(void **state) {
    (void)state;
    char buf[16];
    static const char line[] = "{\"one\":{\"x\":1},\"two\":2,\"three\":3}";
    json_scan_keys(line, strlen(line), buf, sizeof buf);
    assert_string_equal(buf, "one, two, three");
    json_scan_keys(line, strlen(line), buf, 6);
    assert_string_equal(buf, "one, ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_json_allows),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(stays_inside_the_line),
        cmocka_unit_test(finds_values),
        cmocka_unit_test(lists_keys),
    };
    return cmocka_run_group_tests_name("json_scan", tests, NULL, NULL);
}
