#include "base/memory.h"
#include "base/string_list.h"
#include "support/support.h"

static semid_error err;

static void copies_and_taken_strings_keep_their_order(void **state) {
    (void)state;
    string_list list = {0};
    char word[] = "one", *own;
    assert_ok(string_list_add(&list, word, &err));
    word[0] = 'x';
    assert_ok(mem_format(&own, &err, "%s", "two"));
    assert_ok(string_list_take(&list, own, &err));
    assert_int_equal(list.n_items, 2);
    assert_string_equal(list.items[0], "one");
    assert_ptr_equal(list.items[1], own);
    string_list_release(&list);
}

static void a_released_list_is_empty_and_can_be_used_again(void **state) {
    (void)state;
    string_list list = {0};
    string_list_release(&list);
    assert_ok(string_list_add(&list, "one", &err));
    list.is_default = true;
    string_list_release(&list);
    assert_null(list.items);
    assert_true(list.n_items == 0 && !list.is_default);
    assert_ok(string_list_add(&list, "two", &err));
    assert_string_equal(list.items[0], "two");
    string_list_release(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_and_taken_strings_keep_their_order),
        cmocka_unit_test(a_released_list_is_empty_and_can_be_used_again),
    };
    return cmocka_run_group_tests_name("string_list", tests, NULL, NULL);
}
