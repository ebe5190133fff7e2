#include "formats/zip_write.h"

#include "base/memory.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

static void members_are_as_long_as_announced(void **state) {
    (void)state;
    zip_out z;
    assert_ok(zip_out_open(&z, test_path("short.zip"), &err));
    assert_ok(zip_out_begin(&z, "a", 5, &err));
    zip_out_write(&z, "abc", 3);
    assert_fails(zip_out_end(&z, &err), SEMID_ERR_ARGUMENT, "expected 5 bytes of a, found 3");
    zip_out_release(&z);
    assert_false(path_exists(test_path("short.zip")));
}

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void checksums_are_filled_in_afterwards(void **state) {
    (void)state;
    byte_buffer buffer = {0};
    zip_out z;
    zip_out_open_buffer(&z, &buffer);
    assert_ok(zip_out_begin(&z, "a", 9, &err));
    zip_out_write(&z, "12345", 5);
    zip_out_write(&z, NULL, 0);
    zip_out_write(&z, "6789", 4);
    assert_ok(zip_out_end(&z, &err));
    assert_ok(zip_out_commit(&z, &err));
    zip_out_release(&z);
    assert_int_equal(u32_at(buffer.bytes + 14), 0xCBF43926); /* the check value of CRC-32 */
    mem_free(buffer.bytes);
}

static void data_is_aligned(void **state) {
    (void)state;
    static const char *const names[] = {"a", "a/longer.name", "x"};
    byte_buffer buffer = {0};
    zip_out z;
    zip_out_open_buffer(&z, &buffer);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_ok(zip_out_begin(&z, names[i], 3, &err));
        assert_int_equal(buffer.n_bytes % 64, 0);
        zip_out_write(&z, "abc", 3);
        assert_ok(zip_out_end(&z, &err));
    }
    zip_out_release(&z); /* not committed: the buffer is as it was */
    assert_int_equal(buffer.n_bytes, 0);
    mem_free(buffer.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_as_long_as_announced),
        cmocka_unit_test(checksums_are_filled_in_afterwards),
        cmocka_unit_test(data_is_aligned),
    };
    return cmocka_run_group_tests_name("zip_write", tests, NULL, NULL);
}
