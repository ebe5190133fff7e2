/* Equal strings get equal numbers, in order of appearance, while the table grows. */
#include "support/support.h"
#include "table/interner.h"

#include <string.h>

static semid_error err;

static uint32_t number(interner *t, const char *s, size_t n) {
    uint32_t out = UINT32_MAX;
    assert_ok(interner_number(t, s, n, &out, &err));
    return out;
}

static void strings_are_numbered_as_they_come(void **state) {
    (void)state;
    enum { N = 20000 };
    ids list = {0};
    interner t;
    char text[16];
    assert_ok(interner_init(&t, &list, &err));
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < N; i++)
            assert_int_equal(number(&t, text, (size_t)sprintf(text, "item%u", i)), i);
    assert_int_equal(list.n_ids, N);
    assert_string_equal(ids_get(&list, N - 1, NULL), "item19999");
    interner_release(&t);
    ids_release(&list);
}

static void strings_are_compared_whole(void **state) {
    (void)state;
    ids list = {0};
    interner t;
    assert_ok(interner_init(&t, &list, &err));
    assert_int_equal(number(&t, "", 0), 0);
    assert_int_equal(number(&t, "ab", 1), 1);
    assert_int_equal(number(&t, "ab", 2), 2);
    assert_int_equal(number(&t, "a\0b", 3), 3);
    assert_int_equal(number(&t, "a\0c", 3), 4);
    assert_int_equal(number(&t, "a", 1), 1);
    assert_int_equal(number(&t, "", 0), 0);
    interner_release(&t);
    interner_release(&t);
    ids_release(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_numbered_as_they_come),
        cmocka_unit_test(strings_are_compared_whole),
    };
    return cmocka_run_group_tests_name("interner", tests, NULL, NULL);
}
