#include "support/support.h"
#include "table/csv_scan.h"

#include <string.h>

static void assert_fields(const char *line, size_t n, const char *first, const char *last) {
    csv_span f[8];
    char buf[64];
    assert_int_equal(csv_scan_line(line, strlen(line), f, 8), n);
    if (n == 0) return;
    size_t k = csv_scan_text(f[0], buf);
    assert_int_equal(k, strlen(first));
    assert_memory_equal(buf, first, k);
    k = csv_scan_text(f[n - 1], buf);
    assert_int_equal(k, strlen(last));
    assert_memory_equal(buf, last, k);
}

static void splits_lines(void **state) {
    (void)state;
    assert_fields("", 1, "", "");
    assert_fields("a,b,c", 3, "a", "c");
    assert_fields(",,", 3, "", "");
    assert_fields("\"a,b\",c", 2, "a,b", "c");
    assert_fields("\"say \"\"hi\"\"\",\"\"", 2, "say \"hi\"", "");
    assert_fields("a,\"\"\"\"", 2, "a", "\"");
}

static void refuses_stray_quotes(void **state) {
    (void)state;
    assert_fields("\"open", 0, "", "");
    assert_fields("\"a\"b,c", 0, "", "");
    assert_fields("a\"b", 0, "", "");
    assert_fields("a,\"b\"\"", 0, "", "");
}

static void counts_beyond_the_room(void **state) {
    (void)state;
    csv_span one;
    assert_int_equal(csv_scan_line("a,b,c", 5, &one, 1), 3);
    assert_memory_equal(one.text, "a", 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_lines),
        cmocka_unit_test(refuses_stray_quotes),
        cmocka_unit_test(counts_beyond_the_room),
    };
    return cmocka_run_group_tests_name("csv_scan", tests, NULL, NULL);
}
