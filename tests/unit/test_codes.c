#include "semid/codes.h"

#include "formats/npy.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

static void codes_come_back(void **state) {
    (void)state;
    int32_t data[] = {1, 2, 3, 4, 5, 2147483647};
    semid_codes codes = {.n_rows = 3, .n_levels = 2, .data = data}, back;
    assert_ok(semid_codes_save(&codes, test_path("codes.npy"), &err));
    assert_ok(semid_codes_load(&back, test_path("codes.npy"), &err));
    assert_int_equal(back.n_rows, 3);
    assert_int_equal(back.n_levels, 2);
    assert_memory_equal(back.data, data, sizeof data);
    semid_codes_release(&back);
}

static void int64_and_one_dimension_are_taken(void **state) {
    (void)state;
    int64_t data[] = {7, 0, 9};
    size_t shape[] = {3};
    semid_codes codes;
    assert_ok(npy_save(test_path("c.npy"), DTYPE_I64, 1, shape, data, &err));
    assert_ok(semid_codes_load(&codes, test_path("c.npy"), &err));
    assert_int_equal(codes.n_levels, 1);
    assert_int_equal(codes.data[2], 9);
    semid_codes_release(&codes);
}

static void refuse(dtype type, size_t n_dims, const size_t *shape, const void *data,
                   semid_status status, const char *part) {
    semid_codes codes;
    assert_ok(npy_save(test_path("bad.npy"), type, n_dims, shape, data, &err));
    assert_fails(semid_codes_load(&codes, test_path("bad.npy"), &err), status, part);
}

static void bad_codes_are_refused(void **state) {
    (void)state;
    int32_t negative[] = {0, 1, -1, 3};
    int64_t large[] = {0, 2147483648};
    float floats[] = {1, 2};
    size_t pair[] = {2, 2}, row[] = {1, 2}, none[] = {0, 4}, cube[] = {1, 1, 2};
    refuse(DTYPE_I32, 2, pair, negative, SEMID_ERR_DATA, "row 1, level 0");
    refuse(DTYPE_I64, 2, row, large, SEMID_ERR_DATA, "found 2147483648");
    refuse(DTYPE_F32, 2, row, floats, SEMID_ERR_FORMAT, "int64, found [1, 2] float32");
    refuse(DTYPE_I32, 2, none, negative, SEMID_ERR_DATA, "found [0, 4] int32");
    refuse(DTYPE_I32, 3, cube, negative, SEMID_ERR_SHAPE, "found [1, 1, 2] int32");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_come_back),
        cmocka_unit_test(int64_and_one_dimension_are_taken),
        cmocka_unit_test(bad_codes_are_refused),
    };
    return cmocka_run_group_tests_name("codes", tests, NULL, NULL);
}
