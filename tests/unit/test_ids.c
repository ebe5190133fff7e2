#include "base/memory.h"
#include "formats/ids.h"
#include "formats/ids_file.h"
#include "formats/ids_index.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

static ids make_list(const char *const *texts, size_t n) {
    ids list = {0};
    for (size_t i = 0; i < n; i++) assert_ok(ids_append(&list, texts[i], strlen(texts[i]), &err));
    return list;
}

static void assert_same(const ids *a, const ids *b) {
    assert_int_equal(a->n_ids, b->n_ids);
    for (size_t i = 0; i < a->n_ids; i++)
        assert_string_equal(ids_get(a, i, NULL), ids_get(b, i, NULL));
}

static const char *const texts[] = {"B000A", "é", "naïve 🦊", "", "x"};

static void lists_survive_npy_and_txt(void **state) {
    (void)state;
    ids list = make_list(texts, 5), back;
    assert_ok(ids_save(&list, test_path("ids.npy"), &err));
    assert_ok(ids_load(&back, test_path("ids.npy"), &err));
    assert_same(&list, &back);
    ids_release(&back);
    assert_fails(ids_save(&list, test_path("ids.txt"), &err), SEMID_ERR_DATA, "id 3 is empty");
    ids_release(&list);
    list = make_list(texts, 3);
    assert_ok(ids_save(&list, test_path("ids.txt"), &err));
    assert_ok(ids_load(&back, test_path("ids.txt"), &err));
    assert_same(&list, &back);
    ids_release(&back);
    ids_release(&list);
}

static void text_files_may_have_crlf_and_a_mark(void **state) {
    (void)state;
    static const char file[] = "\xEF\xBB\xBF"
                               "a\r\nb\nc";
    test_write_file(test_path("crlf.txt"), file, sizeof file - 1);
    ids list;
    assert_ok(ids_load(&list, test_path("crlf.txt"), &err));
    assert_int_equal(list.n_ids, 3);
    assert_string_equal(ids_get(&list, 0, NULL), "a");
    assert_string_equal(ids_get(&list, 2, NULL), "c");
    ids_release(&list);
}

static void bad_text_files_are_refused(void **state) {
    (void)state;
    ids list;
    const char *path = test_path("bad.txt");
    test_write_file(path, "a\n\nb\n", 5);
    assert_fails(ids_load(&list, path, &err), SEMID_ERR_FORMAT, "line 2: expected an id");
    test_write_file(path, "a\n\xff\n", 4);
    assert_fails(ids_load(&list, path, &err), SEMID_ERR_FORMAT, "id 1: expected UTF-8");
    test_write_file(path, "\xed\xa0\x80\n", 4); /* a surrogate */
    assert_fails(ids_load(&list, path, &err), SEMID_ERR_FORMAT, "id 0: expected UTF-8");
    test_write_file(path, "", 0);
    assert_fails(ids_load(&list, path, &err), SEMID_ERR_DATA, "at least one id");
    test_write_file(test_path("ids.csv"), "a", 1);
    assert_fails(ids_load(&list, test_path("ids.csv"), &err), SEMID_ERR_UNSUPPORTED, "found .csv");
}

static const char *write_array(const char *header, const void *data, size_t n_bytes) {
    char bytes[512] = "\x93NUMPY\x01";
    size_t length = strlen(header);
    bytes[8] = (char)length;
    memcpy(bytes + 10, header, length);
    if (n_bytes) memcpy(bytes + 10 + length, data, n_bytes);
    const char *path = test_path("array.npy");
    test_write_file(path, bytes, 10 + length + n_bytes);
    return path;
}

#define HEADER(descr, shape)                                                                       \
    "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }\n"

static void other_numpy_types_are_ids_too(void **state) {
    (void)state;
    ids list;
    assert_ok(ids_load(&list, write_array(HEADER("|S3", "(2,)"), "ab\0cde", 6), &err));
    assert_string_equal(ids_get(&list, 0, NULL), "ab");
    assert_string_equal(ids_get(&list, 1, NULL), "cde");
    ids_release(&list);
    assert_ok(ids_load(&list, write_array(HEADER(">U1", "(1,)"), "\0\x01\xF9\x8A", 4), &err));
    assert_string_equal(ids_get(&list, 0, NULL), "🦊");
    ids_release(&list);
    assert_ok(ids_load(&list, write_array(HEADER("<i2", "(2,)"), "\xff\xff\x2a\0", 4), &err));
    assert_string_equal(ids_get(&list, 0, NULL), "-1");
    assert_string_equal(ids_get(&list, 1, NULL), "42");
    ids_release(&list);
    assert_ok(ids_load(
        &list, write_array(HEADER("<u8", "(1,)"), "\xff\xff\xff\xff\xff\xff\xff\xff", 8), &err));
    assert_string_equal(ids_get(&list, 0, NULL), "18446744073709551615");
    ids_release(&list);
}

static void bad_arrays_are_refused(void **state) {
    (void)state;
    ids list;
    assert_fails(ids_load(&list, write_array(HEADER("<U1", "(1,)"), "\0\0\x11\0", 4), &err),
                 SEMID_ERR_FORMAT, "found U+110000");
    assert_fails(ids_load(&list, write_array(HEADER("<U1", "(1,)"), "\0\xd8\0\0", 4), &err),
                 SEMID_ERR_FORMAT, "found U+D800");
    assert_fails(ids_load(&list, write_array(HEADER("<U2", "(2,)"), "a\0\0\0", 4), &err),
                 SEMID_ERR_FORMAT, "truncated or corrupt");
    assert_fails(ids_load(&list, write_array(HEADER("<f4", "(1,)"), "abcd", 4), &err),
                 SEMID_ERR_FORMAT, "strings or integers, found dtype '<f4'");
    assert_fails(ids_load(&list, write_array(HEADER("|S1", "(2, 1)"), "ab", 2), &err),
                 SEMID_ERR_SHAPE, "expected ids [N], found [2, 1]");
    assert_fails(ids_load(&list, write_array(HEADER("|S1", "(0,)"), "", 0), &err), SEMID_ERR_DATA,
                 "at least one id");
    assert_fails(
        ids_load(&list, write_array(HEADER("<U4611686018427387904", "(4,)"), "abcd", 4), &err),
        SEMID_ERR_FORMAT, "header");
    assert_fails(ids_load(&list, write_array(HEADER("|S0", "(9223372036854775807,)"), "", 0), &err),
                 SEMID_ERR_DATA, "empty strings");
}

static void files_of_numpy_are_read(void **state) {
    (void)state;
    static const char *const expected[] = {"B000A", "é", "naïve 🦊"};
    static const char *const names[] = {
        "formats/ids_U.npy",        "formats/ids_U_big_endian.npy", "formats/ids_S.npy",
        "formats/ids_object_2.npy", "formats/ids_object_3.npy",     "formats/ids_object_4.npy",
        "formats/ids_object_5.npy", "formats/ids_object_numpy2.npy"};
    ids list;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_ok(ids_load(&list, golden_path(names[i]), &err));
        assert_int_equal(list.n_ids, 3);
        for (size_t k = 0; k < 3; k++) assert_string_equal(ids_get(&list, k, NULL), expected[k]);
        ids_release(&list);
    }
    static const char *const mixed[] = {"a", "7", "c", "-8"};
    assert_ok(ids_load(&list, golden_path("formats/ids_object_mixed.npy"), &err));
    for (size_t k = 0; k < 4; k++) assert_string_equal(ids_get(&list, k, NULL), mixed[k]);
    ids_release(&list);
}

static void bad_pickles_are_refused(void **state) {
    (void)state;
    ids list;
    assert_fails(ids_load(&list, golden_path("formats/bad_code_ids.npy"), &err), SEMID_ERR_FORMAT,
                 "refused: this pickle asks for posix.system");
    assert_fails(ids_load(&list, golden_path("formats/bad_truncated_ids.npy"), &err),
                 SEMID_ERR_FORMAT, "truncated");
    assert_fails(ids_load(&list, golden_path("formats/bad_count_ids.npy"), &err), SEMID_ERR_FORMAT,
                 "expected 4 ids, found 3");
    assert_fails(ids_load(&list, golden_path("formats/ids_object_none.npy"), &err),
                 SEMID_ERR_FORMAT, "id 1: expected text or an integer, found None");
    assert_false(path_exists("/tmp/this-must-not-exist"));
}

static void the_index_finds_every_id(void **state) {
    (void)state;
    ids list = {0};
    char text[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "item-%d", i * 7);
        assert_ok(ids_append(&list, text, strlen(text), &err));
    }
    ids_index index;
    assert_ok(ids_index_init(&index, &list, &err));
    for (size_t i = 0; i < 5000; i++) {
        size_t n;
        const char *s = ids_get(&list, i, &n);
        assert_int_equal(ids_index_find(&index, s, n), i);
    }
    assert_int_equal(ids_index_find(&index, "item-1", 6), IDS_NOT_FOUND);
    assert_int_equal(ids_index_find(&index, "", 0), IDS_NOT_FOUND);
    ids_index_release(&index);
    ids_release(&list);
}

static void duplicates_are_named(void **state) {
    (void)state;
    static const char *const twice[] = {"a", "b", "c", "b"};
    ids list = make_list(twice, 4);
    ids_index index;
    assert_fails(ids_index_init(&index, &list, &err), SEMID_ERR_DATA, "found b in rows 1 and 3");
    ids_release(&list);
}

static void load_with_failures(const char *path) {
    ids list;
    for (long n = 1;; n++) {
        mem_fail_after(n);
        semid_status status = ids_load(&list, path, &err);
        mem_fail_after(0);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
    ids_release(&list);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    load_with_failures(golden_path("formats/ids_U.npy"));
    load_with_failures(golden_path("formats/ids_object_2.npy"));
    load_with_failures(golden_path("formats/ids_list.pt"));
    ids list = make_list(texts, 5);
    for (long n = 1;; n++) {
        mem_fail_after(n);
        semid_status status = ids_save(&list, test_path("m2.npy"), &err);
        mem_fail_after(0);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
    ids_release(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_survive_npy_and_txt),
        cmocka_unit_test(text_files_may_have_crlf_and_a_mark),
        cmocka_unit_test(bad_text_files_are_refused),
        cmocka_unit_test(other_numpy_types_are_ids_too),
        cmocka_unit_test(bad_arrays_are_refused),
        cmocka_unit_test(files_of_numpy_are_read),
        cmocka_unit_test(bad_pickles_are_refused),
        cmocka_unit_test(the_index_finds_every_id),
        cmocka_unit_test(duplicates_are_named),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("ids", tests, NULL, NULL);
}
