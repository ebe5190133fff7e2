#include "base/error.h"

#include "support/support.h"

#include <string.h>

static semid_status inner(bool fails, semid_error *err) {
    if (fails) FAIL(SEMID_ERR_DATA, "row %d", 7);
    return SEMID_OK;
}

static semid_status outer(bool fails, int *reached, semid_error *err) {
    TRY(inner(fails, err));
    ++*reached;
    return SEMID_OK;
}

static semid_status with_release(bool fails, int *reached, int *released, semid_error *err) {
    semid_status status;
    TRY_GOTO(inner(fails, err));
    ++*reached;
    FAIL_GOTO(SEMID_ERR_SHAPE, "after %s", "it");
done:
    ++*released;
    return status;
}

static void failures_are_passed_on(void **state) {
    (void)state;
    semid_error err = {SEMID_OK, "untouched"};
    int reached = 0, released = 0;
    assert_ok(outer(false, &reached, &err));
    assert_int_equal(reached, 1);
    assert_string_equal(err.message, "untouched");
    assert_fails(outer(true, &reached, &err), SEMID_ERR_DATA, "row 7");
    assert_int_equal(reached, 1);
    assert_int_equal(err.status, SEMID_ERR_DATA);
    assert_fails(with_release(true, &reached, &released, &err), SEMID_ERR_DATA, "row 7");
    assert_int_equal(reached, 1);
    assert_fails(with_release(false, &reached, &released, &err), SEMID_ERR_SHAPE, "after it");
    assert_int_equal(reached, 2);
    assert_int_equal(released, 2);
}

static void the_error_may_be_left_out(void **state) {
    (void)state;
    int reached = 0;
    assert_int_equal(error_set(NULL, SEMID_ERR_IO, "x"), SEMID_ERR_IO);
    assert_int_equal(outer(true, &reached, NULL), SEMID_ERR_DATA);
}

static void a_prefix_keeps_the_status(void **state) {
    (void)state;
    semid_error err;
    error_set(&err, SEMID_ERR_FORMAT, "expected %d", 3);
    assert_int_equal(error_prefix(&err, "file %s", "a.npy"), SEMID_ERR_FORMAT);
    assert_string_equal(err.message, "file a.npy: expected 3");
}

static void messages_are_one_line_that_fits(void **state) {
    (void)state;
    semid_error err;
    error_set(&err, SEMID_ERR_IO, "%s: missing", "a\nb\tc\x7f");
    assert_string_equal(err.message, "a?b?c?: missing");
    error_prefix(&err, "%s", "d\re");
    assert_string_equal(err.message, "d?e: a?b?c?: missing");
    char name[2 * SEMID_ERROR_MESSAGE_BYTES];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    error_set(&err, SEMID_ERR_IO, "%s", name);
    assert_int_equal(strlen(err.message), SEMID_ERROR_MESSAGE_BYTES - 1);
    error_prefix(&err, "%s", name);
    assert_int_equal(strlen(err.message), SEMID_ERROR_MESSAGE_BYTES - 1);
    assert_non_null(strstr(err.message, "x: x")); /* something is left of both */
}

static void every_status_has_a_name(void **state) {
    (void)state;
    for (int s = SEMID_OK; s <= SEMID_ERR_INTERNAL; s++) {
        const char *name = semid_status_name((semid_status)s);
        assert_string_not_equal(name, "unknown status");
        for (int t = SEMID_OK; t < s; t++)
            assert_string_not_equal(name, semid_status_name((semid_status)t));
    }
    assert_string_equal(semid_status_name((semid_status)(SEMID_ERR_INTERNAL + 1)),
                        "unknown status");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_are_passed_on),
        cmocka_unit_test(the_error_may_be_left_out),
        cmocka_unit_test(a_prefix_keeps_the_status),
        cmocka_unit_test(messages_are_one_line_that_fits),
        cmocka_unit_test(every_status_has_a_name),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
