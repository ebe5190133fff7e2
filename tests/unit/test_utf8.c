/* UTF-8 against its definition (Unicode 15, table 3-7): every code point, and what is malformed. */
#include "base/utf8.h"
#include "support/support.h"

#include <string.h>

static void every_code_point_comes_back(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c++) {
        char buf[4];
        uint32_t back = UINT32_MAX;
        size_t n = utf8_encode(c, buf);
        size_t expected = c >= 0x110000 || (c >= 0xD800 && c < 0xE000) ? 0
                          : c < 0x80                                   ? 1
                          : c < 0x800                                  ? 2
                          : c < 0x10000                                ? 3
                                                                       : 4;
        assert_int_equal(n, expected);
        if (n == 0) continue;
        assert_int_equal(utf8_decode(buf, n, &back), n);
        assert_int_equal(back, c);
        for (size_t cut = 1; cut < n; cut++) assert_int_equal(utf8_decode(buf, cut, &back), 0);
    }
}

static void what_is_malformed_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xC3(",
                                      "\xE2\x82(",
                                      "\xF0\x9F\xA6("};
    uint32_t c;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[16];
        assert_int_equal(utf8_decode(bad[i], strlen(bad[i]), &c), 0);
        snprintf(text, sizeof text, "ok%s", bad[i]);
        assert_false(utf8_check(text, strlen(text), NULL));
    }
}

static void code_points_are_counted(void **state) {
    (void)state;
    size_t n = 9;
    assert_true(utf8_check("", 0, &n));
    assert_int_equal(n, 0);
    assert_true(utf8_check("a\0\xC3\xA9\xF0\x9F\xA6\x8A", 8, &n));
    assert_int_equal(n, 4);
}

/* The examples of the Unicode standard (tables 3-8 to 3-11) and of Python's errors="replace". */
static void maximal_invalid_parts_are_replaced(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t expected[12];
    } cases[] = {
        {"a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\x8A", {'a', 0xe9, 0x20ac, 0x1f98a}},
        {"\xEF\xBF\xBD", {0xfffd}},
        {"\xC0\xAF\xE0\x80\xBF", {0xfffd, 0xfffd, 0xfffd, 0xfffd, 0xfffd}},
        {"\xED\xA0\x80\x41", {0xfffd, 0xfffd, 0xfffd, 'A'}},
        {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
         {0xfffd, 0xfffd, 0xfffd, 0xfffd, 0xfffd, 'A', 0xfffd, 0xfffd, 'B'}},
        {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", {0xfffd, 0xfffd, 0xfffd, 0xfffd, 'A'}},
        {"\xF0\x9F\xA6", {0xfffd}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *p = cases[i].text, *end = p + strlen(p);
        const uint32_t *expected = cases[i].expected;
        for (; p < end; expected++) assert_int_equal(utf8_next(&p, end), *expected);
        assert_ptr_equal(p, end);
        assert_int_equal(*expected, 0);
    }
}

static void both_encoders_and_both_decoders_agree(void **state) {
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        char buf[UTF8_MAX_BYTES], put[UTF8_MAX_BYTES];
        const char *p = buf;
        size_t n = utf8_encode(c, buf);
        if (n == 0) continue;
        assert_int_equal(utf8_put(put, c) - put, n);
        assert_memory_equal(buf, put, n);
        assert_int_equal(utf8_next(&p, buf + n), c);
        assert_int_equal(p - buf, n);
    }
}

static void a_boundary_is_where_a_character_starts(void **state) {
    (void)state;
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\x8Az";
    static const size_t starts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t at = 0; at < sizeof text; at++)
        assert_int_equal(utf8_boundary(text, at), starts[at]);
    assert_int_equal(utf8_boundary("\x80\x80\x80\x80\x80\x80", 5), 2);
    assert_int_equal(utf8_boundary("\x80\x80", 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(code_points_are_counted),
        cmocka_unit_test(maximal_invalid_parts_are_replaced),
        cmocka_unit_test(both_encoders_and_both_decoders_agree),
        cmocka_unit_test(a_boundary_is_where_a_character_starts),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
