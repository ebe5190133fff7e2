/* A fingerprint changes with what is in a file; of a large one with its size and time. */
#include "run/fingerprint.h"
#include "support/support.h"

#include <string.h>
#include <unistd.h>

static semid_error err;

static void assert_fingerprint(const char *path, const char *expected) {
    json_t *found;
    assert_ok(fingerprint_file(path, &found, &err));
    assert_string_equal(json_string_value(found), expected);
    json_decref(found);
}

/* FNV-1a of "", "a" and "foobar", as its authors publish them. */
static void content_decides(void **state) {
    (void)state;
    test_write_file(test_path("a"), "", 0);
    assert_fingerprint(test_path("a"), "0 bytes, hash cbf29ce484222325");
    test_write_file(test_path("a"), "a", 1);
    assert_fingerprint(test_path("a"), "1 bytes, hash af63dc4c8601ec8c");
    test_write_file(test_path("b"), "foobar", 6);
    assert_fingerprint(test_path("b"), "6 bytes, hash 85944171f73967e8");
}

static void size_and_time_decide_where_hashing_is_slow(void **state) {
    (void)state;
    const char *path = test_path("large");
    json_t *first, *second;
    test_write_file(path, "", 0);
    assert_int_equal(truncate(path, ((off_t)16 << 20) + 1), 0);
    assert_ok(fingerprint_file(path, &first, &err));
    assert_ok(fingerprint_file(path, &second, &err));
    assert_true(json_equal(first, second));
    json_decref(second);
    assert_int_equal(truncate(path, ((off_t)16 << 20) + 2), 0);
    assert_ok(fingerprint_file(path, &second, &err));
    assert_false(json_equal(first, second));
    json_decref(first);
    json_decref(second);
}

static void all_files_of_a_list_are_in(void **state) {
    (void)state;
    char spec[1100];
    json_t *all = json_object();
    test_write_file(test_path("x.csv"), "1", 1);
    test_write_file(test_path("y.csv"), "2", 1);
    snprintf(spec, sizeof spec, "%s,%s", test_path("y.csv"), test_path("x.csv"));
    assert_ok(fingerprint_files(spec, all, &err));
    assert_int_equal(json_object_size(all), 2);
    assert_non_null(json_object_get(all, test_path("x.csv")));
    assert_fails(fingerprint_files(test_path("none*"), all, &err), SEMID_ERR_IO, "none*");
    assert_fails(fingerprint_files(test_path("none"), all, &err), SEMID_ERR_IO, "none");
    json_decref(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_decides),
        cmocka_unit_test(size_and_time_decide_where_hashing_is_slow),
        cmocka_unit_test(all_files_of_a_list_are_in),
    };
    return cmocka_run_group_tests_name("fingerprint", tests, NULL, NULL);
}
