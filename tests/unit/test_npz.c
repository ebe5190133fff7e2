#include "base/memory.h"
#include "formats/embeddings.h"
#include "formats/npz.h"
#include "support/support.h"

#include <string.h>

static semid_error err;
static const float x[6] = {1, 2, 3, 4, 5, 6};
static const char *const emb_name[] = {"emb", NULL};

static void save_x(const char *path) {
    const int32_t other[] = {9};
    npz_member members[] = {
        {.name = "other", .type = DTYPE_I32, .n_dims = 1, .shape = {1}, .data = other},
        {.name = "emb", .type = DTYPE_F32, .n_dims = 2, .shape = {3, 2}, .data = x},
    };
    assert_ok(npz_save(path, members, 2, &err));
}

static void saved_arrays_come_back(void **state) {
    (void)state;
    static const char *const names[] = {"none", "emb", "other", NULL};
    static const char *const missing[] = {"codebooks", NULL};
    array a;
    save_x(test_path("x.npz"));
    assert_ok(npz_load(&a, test_path("x.npz"), names, &err));
    assert_true(a.n_dims == 2 && a.shape[0] == 3);
    assert_int_equal((uintptr_t)a.data % 64, 0);
    assert_memory_equal(a.data, x, sizeof x);
    array_release(&a);
    assert_fails(npz_load(&a, test_path("x.npz"), missing, &err), SEMID_ERR_FORMAT,
                 "expected an array named codebooks, found other.npy, emb.npy");
}

static void equal_contents_give_equal_bytes(void **state) {
    (void)state;
    char *a, *b;
    size_t n_a, n_b;
    save_x(test_path("1.npz"));
    save_x(test_path("2.npz"));
    assert_ok(file_read_all(test_path("1.npz"), 4096, &a, &n_a, &err));
    assert_ok(file_read_all(test_path("2.npz"), 4096, &b, &n_b, &err));
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    mem_free(a);
    mem_free(b);
}

static void files_of_numpy_are_read(void **state) {
    (void)state;
    static const char *const names[] = {"formats/x_stored.npz", "formats/x_deflated.npz",
                                        "formats/x_arr_0.npz", "formats/x_zip64.npz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        embeddings *e;
        float out[6];
        assert_ok(embeddings_open(&e, golden_path(names[i]), &err));
        assert_ok(embeddings_read(e, 0, 3, out, &err));
        assert_memory_equal(out, x, sizeof x);
        embeddings_close(e);
    }
}

static void bad_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *part;
    } all[] = {
        {"formats/bad_bomb_4g.npz", "refused as a zip bomb"},
        {"formats/bad_bomb_256m.npz", "refused as a zip bomb"},
        {"formats/bad_length.npz", "expected 4194433 unpacked bytes"},
        {"formats/bad_outside.npz", "a zip member lies outside the file"},
        {"formats/bad_truncated.npz", "expected a zip file"},
        {"formats/bad_deflate.npz", "emb.npy: expected checksum"},
        {"formats/x_other.npz", "expected an array named emb, found other.npy"},
        {"formats/x_f4.npy", "expected a zip file"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        array a;
        const char *path = golden_path(all[i].name);
        assert_fails(npz_load(&a, path, emb_name, &err), SEMID_ERR_FORMAT, all[i].part);
        assert_non_null(strstr(err.message, path));
    }
}

/* Each byte of the file changed in turn: never a crash, and never other numbers. */
static void damage_is_noticed(void **state) {
    (void)state;
    char *bytes;
    size_t n;
    save_x(test_path("x.npz"));
    assert_ok(file_read_all(test_path("x.npz"), 4096, &bytes, &n, &err));
    for (size_t i = 0; i < n; i++) {
        array a;
        bytes[i] ^= 0x11;
        test_write_file(test_path("damaged.npz"), bytes, n);
        bytes[i] ^= 0x11;
        if (npz_load(&a, test_path("damaged.npz"), emb_name, &err) != SEMID_OK) continue;
        assert_memory_equal(a.data, x, sizeof x);
        array_release(&a);
    }
    mem_free(bytes);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    static const char *const any[] = {"emb", "Z", "arr_0", NULL};
    static const char *const names[] = {"formats/x_stored.npz", "formats/x_deflated.npz",
                                        "formats/x_arr_0.npz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (long n = 1;; n++) {
            array a;
            mem_fail_after(n);
            semid_status status = npz_load(&a, golden_path(names[i]), any, &err);
            mem_fail_after(0);
            if (status == SEMID_OK) {
                array_release(&a);
                break;
            }
            assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        }
}

/* What is written to memory is what is written to a file, and is read from there as from a file. */
static void memory_is_as_good_as_a_file(void **state) {
    (void)state;
    const npz_member member = {
        .name = "emb", .type = DTYPE_F32, .n_dims = 2, .shape = {3, 2}, .data = x};
    byte_buffer buffer = {0};
    char *bytes;
    size_t n;
    array a;
    assert_ok(npz_save(test_path("m.npz"), &member, 1, &err));
    assert_ok(npz_save_memory(&buffer, &member, 1, &err));
    assert_ok(file_read_all(test_path("m.npz"), 4096, &bytes, &n, &err));
    assert_int_equal(buffer.n_bytes, n);
    assert_memory_equal(buffer.bytes, bytes, n);

    assert_ok(npz_load_memory(&a, bytes, n, "a buffer", emb_name, &err));
    assert_memory_equal(a.data, x, sizeof x);
    assert_ptr_equal(a.owned, NULL); /* borrowed */
    array_release(&a);
    assert_fails(npz_load_memory(&a, bytes, n - 1, "a buffer", emb_name, &err), SEMID_ERR_FORMAT,
                 "a buffer: expected a zip file");
    assert_fails(npz_load_memory(&a, NULL, 0, "nothing", emb_name, &err), SEMID_ERR_FORMAT,
                 "nothing: expected a zip file");

    /* A second archive is appended, and both are whole. */
    assert_ok(npz_save_memory(&buffer, &member, 1, &err));
    assert_int_equal(buffer.n_bytes, 2 * n);
    assert_memory_equal(buffer.bytes + n, bytes, n);
    mem_free(bytes);

    /* Deflated members are unpacked. */
    assert_ok(file_read_all(golden_path("formats/x_deflated.npz"), 4096, &bytes, &n, &err));
    assert_ok(npz_load_memory(&a, bytes, n, "a buffer", (const char *[]){"Z", NULL}, &err));
    mem_free(bytes);
    assert_memory_equal(a.data, x, sizeof x);
    array_release(&a);
    mem_free(buffer.bytes);
}

/* Also: a buffer that could not grow is as it was before. */
static void failed_allocations_leave_the_buffer(void **state) {
    (void)state;
    const npz_member member = {
        .name = "emb", .type = DTYPE_F32, .n_dims = 2, .shape = {3, 2}, .data = x};
    byte_buffer buffer = {0};
    for (long n = 1;; n++) {
        mem_fail_after(n);
        semid_status status = npz_save_memory(&buffer, &member, 1, &err);
        mem_fail_after(0);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        assert_int_equal(buffer.n_bytes, 0);
    }
    assert_true(buffer.n_bytes > 0);
    mem_free(buffer.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_arrays_come_back),
        cmocka_unit_test(equal_contents_give_equal_bytes),
        cmocka_unit_test(files_of_numpy_are_read),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(failed_allocations_leak_nothing),
        cmocka_unit_test(memory_is_as_good_as_a_file),
        cmocka_unit_test(failed_allocations_leave_the_buffer),
    };
    return cmocka_run_group_tests_name("npz", tests, NULL, NULL);
}
