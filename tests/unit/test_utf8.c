/* UTF-8 against its definition (Unicode 15, table 3-7): every code point, and what is malformed. */
#include "formats/utf8.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(code_points_are_counted),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
