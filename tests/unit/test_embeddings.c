#include "base/memory.h"
#include "formats/embeddings.h"
#include "formats/embeddings_file.h"
#include "formats/embeddings_write.h"
#include "formats/npy.h"
#include "support/support.h"

#include <string.h>

static semid_error err;
static const float x[6] = {1, 2, 3, 4, 5, 6};

static void write_x(const char *path, const ids *list) {
    embeddings_writer *w;
    assert_ok(embeddings_writer_open(&w, path, 3, 2, list, &err));
    assert_ok(embeddings_writer_append(w, x, 1, &err));
    assert_ok(embeddings_writer_append(w, x + 2, 2, &err));
    assert_ok(embeddings_writer_commit(w, &err));
    embeddings_writer_free(w);
}

static void check_x(const char *path) {
    embeddings *e;
    float out[6];
    assert_ok(embeddings_open(&e, path, &err));
    assert_int_equal(embeddings_rows(e), 3);
    assert_int_equal(embeddings_dim(e), 2);
    assert_string_equal(embeddings_path(e), path);
    assert_ok(embeddings_read(e, 0, 3, out, &err));
    assert_memory_equal(out, x, sizeof x);
    embeddings_drop(e, 0, 3);
    const uint64_t rows[] = {2, 0};
    assert_ok(embeddings_gather(e, rows, 2, out, &err));
    assert_true(out[0] == 5 && out[1] == 6 && out[2] == 1 && out[3] == 2);
    assert_int_equal(embeddings_read(e, 2, 2, out, &err), SEMID_ERR_ARGUMENT);
    embeddings_close(e);
}

static void written_rows_come_back(void **state) {
    (void)state;
    write_x(test_path("x.npy"), NULL);
    check_x(test_path("x.npy"));
    embeddings *e;
    assert_ok(embeddings_open(&e, test_path("x.npy"), &err));
    assert_memory_equal(embeddings_view(e), x, sizeof x);
    embeddings_close(e);
}

static void failed_writes_leak_nothing(void **state) {
    (void)state;
    ids list = {0};
    for (int i = 0; i < 3; i++) assert_ok(ids_append(&list, "abc", 3, &err));
    static const char *const names[] = {"w.npy", "w.pt", "w.safetensors"};
    for (int i = 0; i < 3; i++)
        for (long n = 1;; n++) {
            embeddings_writer *w = NULL;
            mem_fail_after(n);
            semid_status status =
                embeddings_writer_open(&w, test_path(names[i]), 3, 2, &list, &err);
            if (status == SEMID_OK) status = embeddings_writer_append(w, x, 3, &err);
            if (status == SEMID_OK) status = embeddings_writer_commit(w, &err);
            mem_fail_after(0);
            embeddings_writer_free(w);
            assert_true(path_exists(test_path(names[i])) == (status == SEMID_OK));
            if (status == SEMID_OK) break;
            assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        }
    ids_release(&list);
}

static void other_types_are_converted(void **state) {
    (void)state;
    double d[6] = {1, 2, 3, 4, 5, 6};
    uint16_t h[6] = {0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600};
    size_t shape[] = {3, 2};
    assert_ok(npy_save(test_path("d.npy"), DTYPE_F64, 2, shape, d, &err));
    check_x(test_path("d.npy"));
    assert_ok(npy_save(test_path("h.npy"), DTYPE_F16, 2, shape, h, &err));
    check_x(test_path("h.npy"));
    embeddings *e;
    assert_ok(embeddings_open(&e, test_path("h.npy"), &err));
    assert_null(embeddings_view(e));
    embeddings_close(e);
}

static void refuse(dtype type, size_t n_dims, const size_t *shape, semid_status status,
                   const char *part) {
    embeddings *e;
    assert_ok(npy_save(test_path("bad.npy"), type, n_dims, shape, x, &err));
    assert_fails(embeddings_open(&e, test_path("bad.npy"), &err), status, part);
}

static void wrong_shapes_are_refused(void **state) {
    (void)state;
    size_t line[] = {6}, cube[] = {1, 2, 3}, empty[] = {0, 2}, flat[] = {3, 0}, ok[] = {3, 2};
    refuse(DTYPE_F32, 1, line, SEMID_ERR_SHAPE, "[rows, dim], found [6] float32");
    refuse(DTYPE_F32, 3, cube, SEMID_ERR_SHAPE, "found [1, 2, 3] float32");
    refuse(DTYPE_F32, 2, empty, SEMID_ERR_DATA, "found [0, 2]");
    refuse(DTYPE_F32, 2, flat, SEMID_ERR_DATA, "found [3, 0]");
    refuse(DTYPE_I32, 2, ok, SEMID_ERR_FORMAT, "floating-point type, found [3, 2] int32");
    embeddings *e;
    test_write_file(test_path("x.bin"), "abc", 3);
    assert_fails(embeddings_open(&e, test_path("x.bin"), &err), SEMID_ERR_UNSUPPORTED,
                 "found .bin");
    assert_fails(embeddings_open(&e, test_path("missing.npy"), &err), SEMID_ERR_IO, "cannot open");
}

static void writers_leave_nothing_half_done(void **state) {
    (void)state;
    embeddings_writer *w;
    const char *path = test_path("half.npy");
    assert_ok(embeddings_writer_open(&w, path, 3, 2, NULL, &err));
    assert_ok(embeddings_writer_append(w, x, 2, &err));
    assert_fails(embeddings_writer_append(w, x, 2, &err), SEMID_ERR_ARGUMENT, "expected 3 rows");
    assert_fails(embeddings_writer_commit(w, &err), SEMID_ERR_ARGUMENT, "expected 3 rows, found 2");
    embeddings_writer_free(w);
    assert_false(path_exists(path));
    assert_fails(embeddings_writer_open(&w, test_path("x.csv"), 3, 2, NULL, &err),
                 SEMID_ERR_UNSUPPORTED, "found .csv");
}

static semid_status load_fake(embeddings_block *out, const char *path, const char *name,
                              semid_error *e) {
    (void)path;
    (void)name;
    TRY(mem_alloc(&out->data, 6, sizeof(float), e));
    memcpy(out->data, x, sizeof x);
    out->n_rows = 3;
    out->dim = 2;
    return ids_append(&out->list, "a", 1, e);
}

static void registered_formats_are_used(void **state) {
    (void)state;
    embeddings *e;
    embeddings_register("fake", load_fake);
    test_write_file(test_path("x.fake"), "", 0);
    assert_fails(embeddings_open(&e, test_path("x.fake"), &err), SEMID_ERR_SHAPE,
                 "an id for each of 3 rows, found 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_rows_come_back),
        cmocka_unit_test(failed_writes_leak_nothing),
        cmocka_unit_test(other_types_are_converted),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(writers_leave_nothing_half_done),
        cmocka_unit_test(registered_formats_are_used),
    };
    return cmocka_run_group_tests_name("embeddings", tests, NULL, NULL);
}
