#include "semid/codes.h"

#include "base/memory.h"
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

static void codes_come_back_from_memory(void **state) {
    (void)state;
    int32_t data[] = {1, 2, 3, 4, 5, 2147483647};
    semid_codes codes = {.n_rows = 3, .n_levels = 2, .data = data}, back;
    void *bytes;
    size_t n_bytes;
    assert_ok(semid_codes_save_memory(&codes, &bytes, &n_bytes, &err));
    assert_ok(semid_codes_save(&codes, test_path("codes.npy"), &err));
    file_map map;
    assert_ok(file_map_open(&map, test_path("codes.npy"), &err));
    assert_int_equal(map.n_bytes, n_bytes);
    assert_memory_equal(map.data, bytes, n_bytes);
    file_map_close(&map);

    assert_ok(semid_codes_load_memory(&back, bytes, n_bytes, &err));
    assert_int_equal(back.n_levels, 2);
    assert_memory_equal(back.data, data, sizeof data);
    semid_codes_release(&back);
    for (size_t n = 0; n < n_bytes; n += 7)
        assert_fails(semid_codes_load_memory(&back, bytes, n, &err), SEMID_ERR_FORMAT, "codes.npy");
    mem_fail_after(1);
    void *none = NULL;
    assert_int_equal(semid_codes_save_memory(&codes, &none, &n_bytes, &err), SEMID_ERR_NO_MEMORY);
    assert_null(none);
    mem_fail_after(0);
    semid_free(bytes);
    semid_free(NULL);
}

/* ---- text ---- */

static void codes_are_formatted_like_snprintf(void **state) {
    (void)state;
    const int32_t code[] = {12, 203, 0, 2147483647};
    const char whole[] = "12-203-0-2147483647";
    char buf[32];
    assert_int_equal(semid_code_format(code, 4, NULL, 0), sizeof whole - 1);
    for (size_t size = 1; size < sizeof buf; size++) {
        memset(buf, '#', sizeof buf);
        assert_int_equal(semid_code_format(code, 4, buf, size), sizeof whole - 1);
        assert_int_equal(strlen(buf), size < sizeof whole ? size - 1 : sizeof whole - 1);
        assert_memory_equal(buf, whole, strlen(buf));
        for (size_t i = size; i < sizeof buf; i++) assert_int_equal(buf[i], '#');
    }
    assert_int_equal(semid_code_format(code, 1, buf, sizeof buf), 2);
    assert_string_equal(buf, "12");
    assert_int_equal(semid_code_format(code, 0, buf, sizeof buf), 0);
    assert_string_equal(buf, "");

    int32_t longest[SEMID_CODE_MAX_LEVELS];
    char text[SEMID_CODE_TEXT_BYTES];
    for (size_t l = 0; l < SEMID_CODE_MAX_LEVELS; l++) longest[l] = 2147483647;
    assert_int_equal(semid_code_format(longest, SEMID_CODE_MAX_LEVELS, text, sizeof text),
                     sizeof text - 1);
}

static void texts_are_parsed_back(void **state) {
    (void)state;
    int32_t code[SEMID_CODE_MAX_LEVELS], back[SEMID_CODE_MAX_LEVELS];
    char text[SEMID_CODE_TEXT_BYTES];
    uint64_t random = 1;
    for (size_t n = 1; n <= SEMID_CODE_MAX_LEVELS; n++) {
        size_t found = 0;
        for (size_t l = 0; l < n; l++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            code[l] = (int32_t)(random >> 33 >> random % 31);
        }
        semid_code_format(code, n, text, sizeof text);
        assert_ok(semid_code_parse(text, back, SEMID_CODE_MAX_LEVELS, &found, &err));
        assert_int_equal(found, n);
        assert_memory_equal(back, code, n * sizeof *code);
        assert_ok(semid_code_parse(text, back, n, &found, &err));
        assert_fails(semid_code_parse(text, back, n - 1, &found, &err), SEMID_ERR_FORMAT,
                     "code: expected at most ");
    }
}

static void bad_texts_are_refused(void **state) {
    (void)state;
    const char *bad[] = {"",
                         "-",
                         "-1",
                         "1-",
                         "1--2",
                         "+1",
                         " 1",
                         "1 ",
                         "1-2 ",
                         "1 -2",
                         "01",
                         "0-00",
                         "a",
                         "1a",
                         "2147483648",
                         "1.5",
                         "1_2",
                         "0x10",
                         "1-2-",
                         "--",
                         "1\n",
                         "٣",
                         "99999999999999999999999"};
    int32_t code[SEMID_CODE_MAX_LEVELS + 1] = {-7};
    size_t n = 99;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(semid_code_parse(bad[i], code, SEMID_CODE_MAX_LEVELS, &n, &err),
                     SEMID_ERR_FORMAT, "numbers from 0 to 2147483647 joined by dashes");
    char many[2 * SEMID_CODE_MAX_LEVELS + 2] = "1";
    for (size_t l = 0; l < SEMID_CODE_MAX_LEVELS; l++) strcat(many, "-1");
    assert_fails(semid_code_parse(many, code, 1000, &n, &err), SEMID_ERR_FORMAT,
                 "at most 64 levels");
    assert_int_equal(code[0], -7);
    assert_int_equal(n, 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_come_back),
        cmocka_unit_test(int64_and_one_dimension_are_taken),
        cmocka_unit_test(bad_codes_are_refused),
        cmocka_unit_test(codes_come_back_from_memory),
        cmocka_unit_test(codes_are_formatted_like_snprintf),
        cmocka_unit_test(texts_are_parsed_back),
        cmocka_unit_test(bad_texts_are_refused),
    };
    return cmocka_run_group_tests_name("codes", tests, NULL, NULL);
}
