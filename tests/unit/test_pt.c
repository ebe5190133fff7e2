/* Files that PyTorch wrote, and damaged or hostile ones: see ../golden/formats/make.py. */
#include "base/memory.h"
#include "formats/embeddings.h"
#include "formats/embeddings_write.h"
#include "formats/ids_file.h"
#include "support/support.h"

#include <string.h>

static semid_error err;
static const float x[6] = {1, 2, 3, 4, 5, 6};
static const char *const texts[] = {"B000A", "é", "naïve 🦊"};

static void check_matrix(const char *path, size_t n_ids) {
    embeddings *e;
    ids list;
    float out[6];
    assert_ok(embeddings_open(&e, path, &err));
    assert_int_equal(embeddings_rows(e), 3);
    assert_int_equal(embeddings_dim(e), 2);
    assert_ok(embeddings_read(e, 0, 1, out, &err));
    assert_ok(embeddings_read(e, 1, 2, out + 2, &err));
    if (memcmp(out, x, sizeof x) != 0) fail_msg("%s: other numbers", path);
    assert_ok(embeddings_ids(e, &list, &err));
    assert_int_equal(list.n_ids, n_ids);
    ids_release(&list);
    embeddings_close(e);
}

static void check_ids(const char *path, const char *const expected[3]) {
    ids list;
    assert_ok(ids_load(&list, path, &err));
    assert_int_equal(list.n_ids, 3);
    for (size_t i = 0; i < 3; i++) assert_string_equal(ids_get(&list, i, NULL), expected[i]);
    ids_release(&list);
}

static void tensors_are_read(void **state) {
    (void)state;
    static const char *const names[] = {"formats/x_tensor.pt",     "formats/x_f16.pt",
                                        "formats/x_bf16.pt",       "formats/x_f64.pt",
                                        "formats/x_sliced.pt",     "formats/x_parameter.pt",
                                        "formats/x_transposed.pt", "formats/x_deflated.pt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_matrix(golden_path(names[i]), 0);
}

static void dicts_are_read_with_their_ids(void **state) {
    (void)state;
    static const char *const numbers[] = {"5", "-6", "7"};
    static const char *const names[] = {"formats/x_dict.pt", "formats/x_dict_numpy_ids.pt",
                                        "formats/x_dict_object_ids.pt", "formats/x_protocol4.pt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_matrix(golden_path(names[i]), 3);
        check_ids(golden_path(names[i]), texts);
    }
    check_matrix(golden_path("formats/x_dict_tensor_ids.pt"), 3);
    check_ids(golden_path("formats/x_dict_tensor_ids.pt"), numbers);
    check_ids(golden_path("formats/ids_list.pt"), texts);
}

typedef struct refusal {
    const char *name;
    semid_status status;
    const char *part;
} refusal;

static void bad_matrices_are_refused(void **state) {
    (void)state;
    static const refusal all[] = {
        {"formats/bad_code.pt", SEMID_ERR_FORMAT, "refused: this pickle asks for posix.system"},
        {"formats/bad_code_protocol4.pt", SEMID_ERR_FORMAT, "asks for posix.system"},
        {"formats/bad_opcode.pt", SEMID_ERR_FORMAT, "asks for os.system"},
        {"formats/bad_inst.pt", SEMID_ERR_FORMAT, "opcode 0x53 at byte 1 is not allowed"},
        {"formats/bad_shape.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"formats/bad_expanded.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"formats/bad_stride.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"formats/bad_offset.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"formats/bad_negative.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"formats/bad_numel.pt", SEMID_ERR_FORMAT, "expected 4611686018427387904 elements"},
        {"formats/bad_storage.pt", SEMID_ERR_FORMAT, "the storage data/1 is missing"},
        {"formats/bad_key.pt", SEMID_ERR_FORMAT, "the storage data/../x is missing"},
        {"formats/bad_type.pt", SEMID_ERR_FORMAT, "asks for torch.QInt8Storage"},
        {"formats/bad_rank.pt", SEMID_ERR_SHAPE, "[rows, dim], found [6] float32"},
        {"formats/bad_integers.pt", SEMID_ERR_FORMAT, "found [3, 2] int64"},
        {"formats/bad_empty.pt", SEMID_ERR_DATA, "found [0, 2]"},
        {"formats/bad_dict.pt", SEMID_ERR_FORMAT, "found other [1, 1] float32, another [1, 1]"},
        {"formats/bad_ids_count.pt", SEMID_ERR_SHAPE, "an id for each of 3 rows, found 1"},
        {"formats/bad_no_description.pt", SEMID_ERR_FORMAT, "expected a file of torch.save"},
        {"formats/bad_old_format.pt", SEMID_ERR_UNSUPPORTED, "found a bare pickle"},
        {"formats/bad_truncated.pt", SEMID_ERR_FORMAT, "expected a zip file"},
        {"formats/bad_checksum.pt", SEMID_ERR_FORMAT, "expected checksum"},
        {"formats/ids_list.pt", SEMID_ERR_FORMAT, "expected a tensor, found a list"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        embeddings *e;
        const char *path = golden_path(all[i].name);
        assert_fails(embeddings_open(&e, path, &err), all[i].status, all[i].part);
        assert_non_null(strstr(err.message, path));
    }
    assert_false(path_exists("/tmp/this-must-not-exist"));
}

static void bad_ids_are_refused(void **state) {
    (void)state;
    static const refusal all[] = {
        {"formats/bad_dict.pt", SEMID_ERR_FORMAT, "found a dict without"},
        {"formats/bad_code.pt", SEMID_ERR_FORMAT, "asks for posix.system"},
        {"formats/x_tensor.pt", SEMID_ERR_SHAPE, "expected ids [N], found 2 dimensions"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ids list;
        const char *path = golden_path(all[i].name);
        assert_fails(ids_load(&list, path, &err), all[i].status, all[i].part);
        assert_non_null(strstr(err.message, path));
    }
}

static void write_x(const char *path, const ids *list) {
    embeddings_writer *w;
    assert_ok(embeddings_writer_open(&w, path, 3, 2, list, &err));
    assert_ok(embeddings_writer_append(w, x, 1, &err));
    assert_ok(embeddings_writer_append(w, x + 2, 2, &err));
    assert_ok(embeddings_writer_commit(w, &err));
    embeddings_writer_free(w);
}

static void written_files_come_back(void **state) {
    (void)state;
    embeddings *e;
    embeddings_writer *w;
    ids list = {0};
    for (int i = 0; i < 3; i++) assert_ok(ids_append(&list, texts[i], strlen(texts[i]), &err));
    write_x(test_path("plain.pt"), NULL);
    check_matrix(test_path("plain.pt"), 0);
    write_x(test_path("x.pt"), &list);
    check_matrix(test_path("x.pt"), 3);
    check_ids(test_path("x.pt"), texts);
    assert_ok(embeddings_open(&e, test_path("x.pt"), &err));
    assert_memory_equal(embeddings_view(e), x, sizeof x); /* used where it lies */
    embeddings_close(e);
    assert_fails(embeddings_writer_open(&w, test_path("x.pt"), 4, 2, &list, &err), SEMID_ERR_SHAPE,
                 "an id for each of 4 rows, found 3");
    ids_release(&list);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"formats/x_dict.pt", "formats/x_dict_object_ids.pt",
                                        "formats/x_dict_numpy_ids.pt",
                                        "formats/x_dict_tensor_ids.pt", "formats/x_deflated.pt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (long n = 1;; n++) {
            embeddings *e;
            mem_fail_after(n);
            semid_status status = embeddings_open(&e, golden_path(names[i]), &err);
            mem_fail_after(0);
            if (status == SEMID_OK) {
                embeddings_close(e);
                break;
            }
            assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_read),
        cmocka_unit_test(dicts_are_read_with_their_ids),
        cmocka_unit_test(bad_matrices_are_refused),
        cmocka_unit_test(bad_ids_are_refused),
        cmocka_unit_test(written_files_come_back),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("pt", tests, NULL, NULL);
}
