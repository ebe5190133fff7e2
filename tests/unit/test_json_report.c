/* What jansson could not make becomes a status, and nothing leaks. */
#include "base/json_report.h"
#include "support/support.h"

static void values_arrive(void **state) {
    (void)state;
    json_t *report, *list = json_array();
    assert_int_equal(json_made(&report, json_object(), NULL), SEMID_OK);
    assert_int_equal(json_set(report, "rows", json_integer(3), NULL), SEMID_OK);
    assert_int_equal(json_append(list, json_real(0.5), NULL), SEMID_OK);
    assert_int_equal(json_set(report, "list", list, NULL), SEMID_OK);
    assert_int_equal(json_merge(report, json_pack("{s:i}", "more", 1), NULL), SEMID_OK);
    assert_int_equal(json_object_size(report), 3);
    assert_int_equal(json_integer_value(json_object_get(report, "rows")), 3);
    json_decref(report);
}

static void what_was_not_made_is_out_of_memory(void **state) {
    (void)state;
    semid_error err = {0};
    json_t *report = json_object(), *none = report;
    assert_int_equal(json_made(&none, NULL, &err), SEMID_ERR_NO_MEMORY);
    assert_null(none);
    assert_string_equal(err.message, "out of memory: the report");
    assert_int_equal(json_set(report, "rows", NULL, &err), SEMID_ERR_NO_MEMORY);
    assert_int_equal(json_merge(report, NULL, &err), SEMID_ERR_NO_MEMORY);
    json_t *list = json_array();
    assert_int_equal(json_append(list, NULL, &err), SEMID_ERR_NO_MEMORY);
    assert_int_equal(json_set(NULL, "rows", json_integer(1), &err), SEMID_ERR_NO_MEMORY);
    assert_int_equal(json_object_size(report), 0);
    json_decref(list);
    json_decref(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(what_was_not_made_is_out_of_memory),
    };
    return cmocka_run_group_tests_name("json_report", tests, NULL, NULL);
}
