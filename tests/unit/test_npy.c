#include "base/memory.h"
#include "formats/npy.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

/* Writes magic, version 1.0, `header` padded as it is, then n_bytes of data. */
static const char *write_npy(const char *name, const char *header, const void *data,
                             size_t n_bytes) {
    uint8_t bytes[1024];
    size_t length = strlen(header);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (uint8_t)length;
    bytes[9] = (uint8_t)(length >> 8);
    memcpy(bytes + 10, header, length);
    if (n_bytes) memcpy(bytes + 10 + length, data, n_bytes);
    const char *path = test_path(name);
    test_write_file(path, bytes, 10 + length + n_bytes);
    return path;
}

static void refuse(const char *header, size_t n_bytes, semid_status status, const char *part) {
    static const uint8_t zeros[256];
    array a;
    const char *path = write_npy("bad.npy", header, zeros, n_bytes);
    assert_fails(npy_load(&a, path, &err), status, part);
    assert_non_null(strstr(err.message, path));
}

static void saved_arrays_come_back(void **state) {
    (void)state;
    const char *path = test_path("a.npy");
    float x[6] = {1, 2, 3, 4, 5, -6.5f};
    size_t shape[] = {2, 3};
    assert_ok(npy_save(path, DTYPE_F32, 2, shape, x, &err));
    array a;
    assert_ok(npy_load(&a, path, &err));
    assert_int_equal(a.n_dims, 2);
    assert_int_equal(a.shape[1], 3);
    assert_int_equal((uintptr_t)a.data % 64, 0);
    assert_memory_equal(a.data, x, sizeof x);
    char text[ARRAY_SHAPE_TEXT_BYTES];
    assert_string_equal(array_describe(&a, text), "[2, 3] float32");
    array_release(&a);
}

static void fortran_order_is_turned(void **state) {
    (void)state;
    int32_t columns[6] = {1, 4, 2, 5, 3, 6}, rows[6] = {1, 2, 3, 4, 5, 6};
    array a;
    const char *path =
        write_npy("f.npy", "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }\n", columns,
                  sizeof columns);
    assert_ok(npy_load(&a, path, &err));
    assert_memory_equal(a.data, rows, sizeof rows);
    array_release(&a);
}

static void big_endian_is_swapped(void **state) {
    (void)state;
    uint8_t bytes[] = {0, 0, 1, 2, 0xff, 0xff, 0xff, 0xfe};
    int64_t v[2];
    array a;
    const char *path =
        write_npy("b.npy", "{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }\n", bytes, 8);
    assert_ok(npy_load(&a, path, &err));
    assert_ok(array_to_i64(&a, 0, 2, v, &err));
    assert_int_equal(v[0], 258);
    assert_int_equal(v[1], -2);
    array_release(&a);
}

static void float16_is_exact(void **state) {
    (void)state;
    const uint16_t h[] = {0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x8000};
    const float f[] = {1, -2, 0x1p-24f, 0x3ffp-24f, 0x1p-14f, 65504, -0.0f};
    float out[7], special[3];
    dtype_to_f32(DTYPE_F16, h, 7, out);
    assert_memory_equal(out, f, sizeof f);
    const uint16_t s[] = {0x7c00, 0xfc00, 0x7e00};
    dtype_to_f32(DTYPE_F16, s, 3, special);
    assert_true(special[0] > 3e38f && special[1] < -3e38f && special[2] != special[2]);
}

static void hostile_headers_are_refused(void **state) {
    (void)state;
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 44, SEMID_ERR_FORMAT,
           "truncated: expected 48 bytes of data for [3, 4] float32, found 44");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 52, SEMID_ERR_FORMAT,
           "corrupt: expected 48 bytes");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 4), }", 16,
           SEMID_ERR_FORMAT, "the shape [9223372036854775807, 4] overflows");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 16,
           SEMID_ERR_FORMAT, "found the header");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4,
           SEMID_ERR_FORMAT, "found the header");
    refuse("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8, SEMID_ERR_FORMAT,
           "expected numbers, found dtype '<c8'");
    refuse("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, SEMID_ERR_FORMAT,
           "expected numbers, found dtype '|O'");
    refuse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4,
           SEMID_ERR_FORMAT, "expected an array of one type");
    refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4, SEMID_ERR_FORMAT,
           "found the header");
    refuse("{'descr': '<f4', 'fortran_order': __import__('os'), 'shape': (1,), }", 4,
           SEMID_ERR_FORMAT, "found the header");
    refuse("{'descr': '<f4', 'shape': (1,), }", 4, SEMID_ERR_FORMAT, "found the header");
    refuse("{'descr': '<f4', 'descr': '<f4', 'shape': (1,), 'fortran_order': False}", 4,
           SEMID_ERR_FORMAT, "found the header");
}

static void other_files_are_refused(void **state) {
    (void)state;
    array a;
    const char *path = test_path("x.npy");
    test_write_file(path, "", 0);
    assert_fails(npy_load(&a, path, &err), SEMID_ERR_FORMAT, "expected a NumPy .npy file");
    test_write_file(path, "\x93NUMPY\x01\x00\xff\xff{", 11);
    assert_fails(npy_load(&a, path, &err), SEMID_ERR_FORMAT,
                 "truncated: expected a header of 65535 bytes, found 1");
    test_write_file(path, "\x93NUMPY\x09\x00\x01\x00{", 11);
    assert_fails(npy_load(&a, path, &err), SEMID_ERR_UNSUPPORTED, "version 1 to 3, found 9");
    assert_fails(npy_load(&a, test_dir(), &err), SEMID_ERR_IO, "found a folder");
    assert_fails(npy_load(&a, "/nowhere/x.npy", &err), SEMID_ERR_IO, "cannot open");
}

static void floats_are_integers_only_when_whole(void **state) {
    (void)state;
    double x[] = {3, -4, 0.5, 1e30};
    array a = {.type = DTYPE_F64, .n_dims = 1, .shape = {4}, .data = x, .n_bytes = sizeof x};
    int64_t v[2];
    assert_ok(array_to_i64(&a, 0, 2, v, &err));
    assert_int_equal(v[1], -4);
    assert_fails(array_to_i64(&a, 2, 1, v, &err), SEMID_ERR_FORMAT, "found 0.5");
    assert_fails(array_to_i64(&a, 3, 1, v, &err), SEMID_ERR_FORMAT, "found 1e+30");
    uint64_t u = UINT64_MAX;
    array b = {.type = DTYPE_U64, .n_dims = 1, .shape = {1}, .data = &u, .n_bytes = sizeof u};
    assert_fails(array_to_i64(&b, 0, 1, v, &err), SEMID_ERR_FORMAT, "expected int64");
}

static void every_type_of_numpy_is_read(void **state) {
    (void)state;
    static const char *const names[] = {
        "formats/x_i1.npy",    "formats/x_u1.npy",      "formats/x_i2.npy",
        "formats/x_u2.npy",    "formats/x_i4.npy",      "formats/x_u4.npy",
        "formats/x_i8.npy",    "formats/x_u8.npy",      "formats/x_f2.npy",
        "formats/x_f4.npy",    "formats/x_f8.npy",      "formats/x_f4_v2.npy",
        "formats/x_f4_v3.npy", "formats/x_fortran.npy", "formats/x_big_endian.npy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        array a;
        int64_t v[6];
        float f[6];
        assert_ok(npy_load(&a, golden_path(names[i]), &err));
        assert_true(a.n_dims == 2 && a.shape[0] == 3 && a.shape[1] == 2);
        assert_ok(array_to_i64(&a, 0, 6, v, &err));
        assert_ok(array_to_f32(&a, 0, 6, f, &err));
        for (int k = 0; k < 6; k++) assert_true(v[k] == k + 1 && f[k] == (float)v[k]);
        assert_int_equal(array_to_f32(&a, 5, 2, f, &err), SEMID_ERR_ARGUMENT);
        array_release(&a);
    }
    array a;
    int64_t v[6];
    assert_ok(npy_load(&a, golden_path("formats/x_bool.npy"), &err));
    assert_ok(array_to_i64(&a, 0, 6, v, &err));
    assert_true(v[0] == 1 && v[1] == 0 && v[4] == 1);
    array_release(&a);
    assert_fails(npy_load(&a, golden_path("formats/x_c8.npy"), &err), SEMID_ERR_FORMAT,
                 "found dtype '<c8'");
    assert_fails(npy_load(&a, golden_path("formats/x_bf16.npy"), &err), SEMID_ERR_FORMAT,
                 "found dtype '<V2': 2 bytes of a type that .npy cannot name; if it is bfloat16, "
                 "save x.view(ml_dtypes.bfloat16).astype(numpy.float32)");
    assert_fails(npy_load(&a, golden_path("formats/x_record.npy"), &err), SEMID_ERR_FORMAT,
                 "expected an array of one type");
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    for (long n = 1;; n++) {
        array a;
        mem_fail_after(n);
        semid_status status = npy_load(&a, golden_path("formats/x_fortran.npy"), &err);
        mem_fail_after(0);
        if (status == SEMID_OK) {
            array_release(&a);
            break;
        }
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
}

static void memory_is_as_good_as_a_file(void **state) {
    (void)state;
    static const float x[6] = {1, 2, 3, 4, 5, 6};
    const size_t shape[] = {3, 2};
    byte_buffer buffer = {0};
    char *bytes;
    size_t n;
    array a;
    assert_ok(npy_save(test_path("m.npy"), DTYPE_F32, 2, shape, x, &err));
    assert_ok(npy_save_memory(&buffer, DTYPE_F32, 2, shape, x, &err));
    assert_ok(file_read_all(test_path("m.npy"), 4096, &bytes, &n, &err));
    assert_int_equal(buffer.n_bytes, n);
    assert_memory_equal(buffer.bytes, bytes, n);

    assert_ok(npy_load_memory(&a, bytes, n, "a buffer", &err));
    assert_ptr_equal(a.owned, NULL); /* borrowed */
    assert_memory_equal(a.data, x, sizeof x);
    array_release(&a);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(npy_load_memory(&a, bytes, cut, "a buffer", &err), SEMID_ERR_FORMAT);

    /* Misaligned bytes are copied. */
    uint8_t *moved;
    assert_ok(mem_alloc(&moved, n + 1, 1, &err));
    memcpy(moved + 1, bytes, n);
    assert_ok(npy_load_memory(&a, moved + 1, n, "a buffer", &err));
    mem_free(moved);
    assert_memory_equal(a.data, x, sizeof x);
    array_release(&a);

    assert_fails(npy_save_memory(&buffer, DTYPE_BF16, 2, shape, x, &err), SEMID_ERR_ARGUMENT,
                 "a buffer: NumPy has no bfloat16");
    assert_int_equal(buffer.n_bytes, n);
    mem_free(buffer.bytes);
    mem_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_arrays_come_back),
        cmocka_unit_test(fortran_order_is_turned),
        cmocka_unit_test(big_endian_is_swapped),
        cmocka_unit_test(float16_is_exact),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(every_type_of_numpy_is_read),
        cmocka_unit_test(failed_allocations_leak_nothing),
        cmocka_unit_test(floats_are_integers_only_when_whole),
        cmocka_unit_test(memory_is_as_good_as_a_file),
    };
    return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
