/* Files that NumPy, PyTorch and safetensors wrote, and damaged or hostile ones: see
 * formats/make.py. */
#include "base/memory.h"
#include "formats/array.h"
#include "formats/embeddings.h"
#include "formats/ids.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

static semid_error err;
static const float x[6] = {1, 2, 3, 4, 5, 6};
static const char *const texts[] = {"B000A", "é", "naïve 🦊"};

static const char *file(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "formats/%s", name);
    return golden_path(path);
}

static void check_matrix(const char *name, size_t n_ids) {
    embeddings *e;
    ids list;
    float out[6];
    assert_ok(embeddings_open(&e, file(name), &err));
    assert_int_equal(embeddings_rows(e), 3);
    assert_int_equal(embeddings_dim(e), 2);
    assert_ok(embeddings_read(e, 0, 1, out, &err));
    assert_ok(embeddings_read(e, 1, 2, out + 2, &err));
    if (memcmp(out, x, sizeof x) != 0) fail_msg("%s: other numbers", name);
    assert_ok(embeddings_ids(e, &list, &err));
    assert_int_equal(list.n_ids, n_ids);
    ids_release(&list);
    embeddings_close(e);
}

static void matrices_are_read(void **state) {
    (void)state;
    static const char *const names[] = {
        "x_f2.npy",       "x_f4.npy",      "x_f8.npy",         "x_f4_v2.npy",
        "x_f4_v3.npy",    "x_fortran.npy", "x_big_endian.npy", "x_stored.npz",
        "x_deflated.npz", "x_arr_0.npz",   "x_tensor.pt",      "x_f16.pt",
        "x_bf16.pt",      "x_f64.pt",      "x_transposed.pt",  "x_sliced.pt",
        "x_parameter.pt", "x_deflated.pt", "x.safetensors",    "x_f16.safetensors"};
    static const char *const with_ids[] = {"x_dict.pt", "x_dict_tensor_ids.pt",
                                           "x_dict_numpy_ids.pt", "x_dict_object_ids.pt",
                                           "x_protocol4.pt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_matrix(names[i], 0);
    for (size_t i = 0; i < sizeof with_ids / sizeof *with_ids; i++) check_matrix(with_ids[i], 3);
}

static void every_numeric_type_is_read(void **state) {
    (void)state;
    static const char *const names[] = {"i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"};
    char name[32];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        array a;
        int64_t v[6];
        snprintf(name, sizeof name, "x_%s.npy", names[i]);
        assert_ok(npy_load(&a, file(name), &err));
        assert_ok(array_to_i64(&a, 0, 6, v, &err));
        for (int k = 0; k < 6; k++) assert_int_equal(v[k], k + 1);
        array_release(&a);
    }
}

static void check_ids(const char *name, const char *const expected[3]) {
    ids list;
    assert_ok(ids_load(&list, file(name), &err));
    assert_int_equal(list.n_ids, 3);
    for (size_t i = 0; i < 3; i++) assert_string_equal(ids_get(&list, i, NULL), expected[i]);
    ids_release(&list);
}

static void ids_are_read(void **state) {
    (void)state;
    static const char *const names[] = {
        "ids_U.npy",           "ids_U_big_endian.npy",  "ids_S.npy",
        "ids_object_2.npy",    "ids_object_3.npy",      "ids_object_4.npy",
        "ids_object_5.npy",    "ids_object_numpy2.npy", "ids_list.pt",
        "x_dict.pt",           "x_protocol4.pt",        "x_dict_numpy_ids.pt",
        "x_dict_object_ids.pt"};
    static const char *const numbers[] = {"5", "-6", "7"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_ids(names[i], texts);
    check_ids("ids_i8.npy", numbers);
    check_ids("x_dict_tensor_ids.pt", numbers);
    ids list;
    assert_ok(ids_load(&list, file("ids_object_mixed.npy"), &err));
    assert_int_equal(list.n_ids, 4);
    assert_string_equal(ids_get(&list, 0, NULL), "a");
    assert_string_equal(ids_get(&list, 3, NULL), "-8");
    ids_release(&list);
}

typedef struct refusal {
    const char *name;
    semid_status status;
    const char *part;
} refusal;

static void bad_matrices_are_refused(void **state) {
    (void)state;
    static const refusal all[] = {
        {"bad_code.pt", SEMID_ERR_FORMAT, "refused: this pickle asks for posix.system"},
        {"bad_code_protocol4.pt", SEMID_ERR_FORMAT, "asks for posix.system"},
        {"bad_opcode.pt", SEMID_ERR_FORMAT, "asks for os.system"},
        {"bad_inst.pt", SEMID_ERR_FORMAT, "pickle opcode 0x53 at byte 1 is not allowed"},
        {"bad_shape.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"bad_expanded.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"bad_stride.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"bad_offset.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"bad_negative.pt", SEMID_ERR_FORMAT, "does not fit its storage"},
        {"bad_numel.pt", SEMID_ERR_FORMAT, "expected 4611686018427387904 elements"},
        {"bad_storage.pt", SEMID_ERR_FORMAT, "the storage data/1 is missing"},
        {"bad_key.pt", SEMID_ERR_FORMAT, "the storage data/../x is missing"},
        {"bad_type.pt", SEMID_ERR_FORMAT, "asks for torch.QInt8Storage"},
        {"bad_rank.pt", SEMID_ERR_SHAPE, "expected embeddings [rows, dim], found [6] float32"},
        {"bad_integers.pt", SEMID_ERR_FORMAT, "found [3, 2] int64"},
        {"bad_empty.pt", SEMID_ERR_DATA, "found [0, 2]"},
        {"bad_dict.pt", SEMID_ERR_FORMAT, "expected a dict with emb"},
        {"bad_ids_count.pt", SEMID_ERR_SHAPE, "an id for each of 3 rows, found 1"},
        {"bad_no_description.pt", SEMID_ERR_FORMAT, "expected a file of torch.save"},
        {"bad_old_format.pt", SEMID_ERR_UNSUPPORTED, "found a bare pickle"},
        {"bad_truncated.pt", SEMID_ERR_FORMAT, "expected a zip file"},
        {"bad_checksum.pt", SEMID_ERR_FORMAT, "expected checksum"},
        {"ids_list.pt", SEMID_ERR_FORMAT, "expected a tensor, found a list"},
        {"bad_bomb_4g.npz", SEMID_ERR_FORMAT, "refused as a zip bomb"},
        {"bad_bomb_256m.npz", SEMID_ERR_FORMAT, "refused as a zip bomb"},
        {"bad_length.npz", SEMID_ERR_FORMAT, "expected 4194433 unpacked bytes"},
        {"bad_outside.npz", SEMID_ERR_FORMAT, "a zip member lies outside the file"},
        {"bad_truncated.npz", SEMID_ERR_FORMAT, "expected a zip file"},
        {"bad_deflate.npz", SEMID_ERR_FORMAT, "expected 152 unpacked bytes"},
        {"x_other.npz", SEMID_ERR_FORMAT, "found other.npy"},
        {"x_c8.npy", SEMID_ERR_FORMAT, "found dtype '<c8'"},
        {"x_record.npy", SEMID_ERR_FORMAT, "expected an array of one type"},
        {"x_bool.npy", SEMID_ERR_FORMAT, "found [3, 2] bool"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        embeddings *e;
        assert_fails(embeddings_open(&e, file(all[i].name), &err), all[i].status, all[i].part);
        assert_non_null(strstr(err.message, all[i].name));
    }
    assert_false(path_exists("/tmp/this-must-not-exist"));
}

static void bad_ids_are_refused(void **state) {
    (void)state;
    static const refusal all[] = {
        {"bad_code_ids.npy", SEMID_ERR_FORMAT, "refused: this pickle asks for posix.system"},
        {"bad_truncated_ids.npy", SEMID_ERR_FORMAT, "truncated"},
        {"bad_count_ids.npy", SEMID_ERR_FORMAT, "expected 4 ids, found 3"},
        {"ids_object_none.npy", SEMID_ERR_FORMAT, "id 1: expected text or an integer, found None"},
        {"bad_dict.pt", SEMID_ERR_FORMAT, "found a dict without"},
        {"bad_code.pt", SEMID_ERR_FORMAT, "asks for posix.system"},
        {"x_tensor.pt", SEMID_ERR_SHAPE, "expected ids [N], found 2 dimensions"},
        {"x_f4.npy", SEMID_ERR_SHAPE, "expected ids [N], found [3, 2]"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ids list;
        assert_fails(ids_load(&list, file(all[i].name), &err), all[i].status, all[i].part);
        assert_non_null(strstr(err.message, all[i].name));
    }
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    static const char *const names[] = {
        "x_dict.pt",     "x_dict_object_ids.pt", "x_dict_numpy_ids.pt", "x_dict_tensor_ids.pt",
        "x_deflated.pt", "x_deflated.npz",       "x_arr_0.npz",         "x.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (long n = 1;; n++) {
            embeddings *e;
            mem_fail_after(n);
            semid_status status = embeddings_open(&e, file(names[i]), &err);
            mem_fail_after(0);
            if (status == SEMID_OK) {
                embeddings_close(e);
                break;
            }
            assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        }
    for (long n = 1;; n++) {
        ids list;
        mem_fail_after(n);
        semid_status status = ids_load(&list, file("ids_object_3.npy"), &err);
        mem_fail_after(0);
        if (status == SEMID_OK) {
            ids_release(&list);
            break;
        }
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_are_read),   cmocka_unit_test(every_numeric_type_is_read),
        cmocka_unit_test(ids_are_read),        cmocka_unit_test(bad_matrices_are_refused),
        cmocka_unit_test(bad_ids_are_refused), cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
