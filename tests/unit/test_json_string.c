/* JSON strings: where they end, what is malformed in them, and what they say. */
#include "base/json_string.h"
#include "support/support.h"

#include <jansson.h>
#include <string.h>

/* Where a scan stops, from the character after the opening quote on. */
static void assert_stop(const char *text, bool check_utf8, json_string_stop expected, size_t at) {
    const char *p = text;
    json_string_stop stop = json_string_scan(&p, text + strlen(text), check_utf8);
    if (stop != expected || (size_t)(p - text) != at)
        fail_msg("%s: stopped for %d at %td", text, (int)stop, p - text);
}

static void a_scan_finds_the_closing_quote(void **state) {
    (void)state;
    for (int check = 0; check < 2; check++) {
        assert_stop("\"", check, JSON_STRING_QUOTE, 0);
        assert_stop("abc\" more\"", check, JSON_STRING_QUOTE, 3);
        assert_stop("0123456789abcdef\"", check, JSON_STRING_QUOTE, 16);
        assert_stop("\\\"\\\\\"", check, JSON_STRING_QUOTE, 4);
        assert_stop("\\u00e9\xC3\xA9 and plain text after it\"", check, JSON_STRING_QUOTE, 32);
        assert_stop("\x7F\"", check, JSON_STRING_QUOTE, 1);
    }
}

static void a_scan_stops_at_what_is_malformed(void **state) {
    (void)state;
    for (int check = 0; check < 2; check++) {
        assert_stop("", check, JSON_STRING_END, 0);
        assert_stop("abc", check, JSON_STRING_END, 3);
        assert_stop("01234567", check, JSON_STRING_END, 8);
        assert_stop("ab\ncd\"", check, JSON_STRING_CONTROL, 2);
        assert_stop("0123456\x1F 89\"", check, JSON_STRING_CONTROL, 7);
        assert_stop("a\\x\"", check, JSON_STRING_ESCAPE, 1);
        assert_stop("a\\", check, JSON_STRING_ESCAPE, 1);
        assert_stop("a\\u12", check, JSON_STRING_ESCAPE, 1);
        assert_stop("a\\u12g4\"", check, JSON_STRING_ESCAPE, 1);
    }
    assert_stop("ab\xFF\"", true, JSON_STRING_INVALID, 2);
    assert_stop("ab\xC3\"", true, JSON_STRING_INVALID, 2);
    assert_stop("ab\xED\xA0\x80\"", true, JSON_STRING_INVALID, 2);
    assert_stop("ab\xFF\"", false, JSON_STRING_QUOTE, 3);
    assert_stop("\xED\xA0\x80 and more\"", false, JSON_STRING_QUOTE, 12);
}

static void assert_says(const char *text, const char *expected, size_t n_expected) {
    char out[128], in_place[128];
    size_t n = json_string_unescape(text, strlen(text), out);
    assert_int_equal(n, n_expected);
    assert_memory_equal(out, expected, n);

    strcpy(in_place, text);
    assert_int_equal(json_string_unescape(in_place, strlen(text), in_place), n);
    assert_memory_equal(in_place, expected, n);
}

static void escapes_become_characters(void **state) {
    (void)state;
    assert_says("", "", 0);
    assert_says("plain \xC3\xA9 \xFF", "plain \xC3\xA9 \xFF", 10);
    assert_says("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8);
    assert_says("\\u0041\\u00e9\\u20AC\\ud83d\\ude00", "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 10);
    assert_says("a\\u0000b", "a\0b", 3);
}

static void lone_surrogates_are_replaced(void **state) {
    (void)state;
    assert_says("\\ud83d", "\xEF\xBF\xBD", 3);
    assert_says("\\ude00\\ud83d", "\xEF\xBF\xBD\xEF\xBF\xBD", 6);
    assert_says("\\ud83d!\\ude00", "\xEF\xBF\xBD!\xEF\xBF\xBD", 7);
    assert_says("\\ud83d\\u0041",
                "\xEF\xBF\xBD"
                "A",
                4);
    assert_says("\\ud83d\\n", "\xEF\xBF\xBD\n", 4);
    assert_says("\\ud83d\\ud83d\\ude00", "\xEF\xBF\xBD\xF0\x9F\x98\x80", 7);
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    char every[256], written[JSON_STRING_ROOM(sizeof every)];
    for (int c = 1; c < 128; c++) every[c - 1] = (char)c;
    strcpy(every + 127, "\xC3\xA9\xF0\x9F\x98\x80");
    char *end = json_string_put(written, every);
    assert_true((size_t)(end - written) <= JSON_STRING_ROOM(strlen(every)));

    json_t *parsed = json_loadb(written, (size_t)(end - written), JSON_DECODE_ANY, NULL);
    assert_string_equal(json_string_value(parsed), every);
    json_decref(parsed);

    const char *p = written + 1;
    assert_int_equal(json_string_scan(&p, end, true), JSON_STRING_QUOTE);
    assert_ptr_equal(p, end - 1);
    size_t n = json_string_unescape(written + 1, (size_t)(p - written) - 1, written);
    assert_int_equal(n, strlen(every));
    assert_memory_equal(written, every, n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_finds_the_closing_quote),
        cmocka_unit_test(a_scan_stops_at_what_is_malformed),
        cmocka_unit_test(escapes_become_characters),
        cmocka_unit_test(lone_surrogates_are_replaced),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests_name("json_string", tests, NULL, NULL);
}
