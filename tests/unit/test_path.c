#include "base/file.h"
#include "base/memory.h"
#include "base/path_list.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

static const char *const EXTENSIONS[] = {".npy", ".npy.gz", NULL};

static void parts_of_names(void **state) {
    (void)state;
    static const struct {
        const char *path, *name, *extension;
    } cases[] = {{"a/X.NPY", "X.NPY", "npy"},
                 {"X.tar.gz", "X.tar.gz", "gz"},
                 {"a.b/X", "X", ""},
                 {"a/", "", ""},
                 {"X.", "X.", ""},
                 {"X.abcdefghijklmno", "X.abcdefghijklmno", "abcdefghijklmno"},
                 {"X.abcdefghijklmnop", "X.abcdefghijklmnop", ""}, /* longer than any we know */
                 {"", "", ""}};
    char buf[16];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(path_basename(cases[i].path), cases[i].name);
        assert_string_equal(path_extension(cases[i].path, buf), cases[i].extension);
    }
}

static void assert_replaced(const char *path, const char *expected) {
    semid_error err;
    char *out;
    assert_ok(path_replace_extension(&out, path, ".ids.npy", &err));
    assert_string_equal(out, expected);
    mem_free(out);
}

static void assert_joined(const char *dir, const char *expected) {
    semid_error err;
    char *out;
    assert_ok(path_join(&out, dir, "x.npy", &err));
    assert_string_equal(out, expected);
    mem_free(out);
}

static void names_are_put_together(void **state) {
    (void)state;
    assert_replaced("a/X.npy", "a/X.ids.npy");
    assert_replaced("a.b/X", "a.b/X.ids.npy");
    assert_replaced("X.tar.gz", "X.tar.ids.npy");
    assert_joined("a", "a/x.npy");
    assert_joined("a/", "a/x.npy");
    assert_joined("/", "/x.npy");
    assert_joined("", "x.npy");
}

static void folders_are_made_with_parents(void **state) {
    (void)state;
    semid_error err;
    assert_ok(dir_create(test_path("p/q/r"), &err));
    assert_true(path_is_dir(test_path("p/q/r")));
    assert_ok(dir_create(test_path("p/q/r/"), &err));
    assert_ok(dir_create_parent(test_path("p/s/x.npy"), &err));
    assert_true(path_is_dir(test_path("p/s")) && !path_exists(test_path("p/s/x.npy")));
    assert_ok(dir_create_parent("x.npy", &err));
    assert_ok(dir_create_parent("/x.npy", &err));
    test_write_file(test_path("p/file"), "x", 1);
    assert_fails(dir_create(test_path("p/file/d"), &err), SEMID_ERR_IO, "cannot create the folder");
    assert_fails(dir_create(test_path("p/file"), &err), SEMID_ERR_IO, "p/file: cannot create");
}

/* ---- lists ---- */

/* `spec` and `expected` are comma lists in which % is the folder of the test. */
static const char *in_place(const char *list) {
    static char texts[4][2048];
    static unsigned next;
    char *out = texts[next++ % 4];
    size_t n = 0;
    for (; *list; list++)
        n += (size_t)snprintf(out + n, sizeof texts[0] - n, *list == '%' ? "%s" : "%.1s",
                              *list == '%' ? test_path("l") : list);
    return out;
}

static void assert_expands(const char *spec, const char *expected) {
    semid_error err;
    path_list list;
    char found[2048] = "";
    assert_ok(path_list_expand(&list, in_place(spec), EXTENSIONS, &err));
    for (size_t i = 0, n = 0; i < list.n_paths; i++)
        n += (size_t)snprintf(found + n, sizeof found - n, "%s%s", i ? "," : "", list.paths[i]);
    assert_string_equal(found, in_place(expected));
    path_list_release(&list);
    assert_int_equal(list.n_paths, 0);
}

static void lists_are_files_globs_and_folders(void **state) {
    (void)state;
    assert_expands("%/b.npy", "%/b.npy");
    assert_expands("%/note.txt", "%/note.txt"); /* a file that is named is taken */
    assert_expands("%/b.npy,%/a.npy", "%/b.npy,%/a.npy");
    assert_expands("%/?.npy", "%/a.npy,%/b.npy");
    assert_expands("%", "%/C.NPY,%/a.npy,%/b.npy,%/d.npy.gz,%/e1.npy");
    assert_expands("%/note.txt,%/[ab].npy", "%/note.txt,%/a.npy,%/b.npy");
    assert_expands("%/[x].dat", "%/[x].dat"); /* there under that very name */
}

static void unfinished_files_are_passed_over(void **state) {
    (void)state;
    semid_error err;
    path_list list;
    assert_expands("%/e1*", "%/e1.npy");
    assert_expands("%/e", "%/e/x.npy");
    assert_fails(path_list_expand(&list, in_place("%/e2*"), EXTENSIONS, &err), SEMID_ERR_IO, "e2*");
}

static void parts_that_match_nothing_are_named(void **state) {
    (void)state;
    semid_error err;
    path_list list = {0};
    static const char *const specs[][2] = {{"%/none.npy", "none.npy: cannot open"},
                                           {"%/b.npy,%/none.npy", "none.npy"},
                                           {"%/z*.npy", "z*.npy: no file matches this pattern"},
                                           {"%/bare", "bare: no file ending in .npy"}};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        assert_fails(path_list_expand(&list, in_place(specs[i][0]), EXTENSIONS, &err), SEMID_ERR_IO,
                     specs[i][1]);
    assert_int_not_equal(path_list_expand(&list, "", EXTENSIONS, &err), SEMID_OK);
    assert_null(list.paths);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    semid_error err;
    semid_status status = SEMID_ERR_NO_MEMORY;
    path_list list = {0};
    for (long n = 1; status != SEMID_OK; n++) {
        mem_fail_after(n);
        status = path_list_expand(&list, in_place("%,%/b.npy"), EXTENSIONS, &err);
        mem_fail_after(0);
        assert_true(n < 100 && (status == SEMID_OK || status == SEMID_ERR_NO_MEMORY));
    }
    assert_int_equal(list.n_paths, 6);
    path_list_release(&list);
}

static void split(const char *spec, const char *file, const char *name) {
    semid_error err;
    char *got;
    const char *got_name;
    assert_ok(path_split_name(&got, &got_name, spec, &err));
    assert_string_equal(got, file);
    if (name)
        assert_string_equal(got_name, name);
    else
        assert_null(got_name);
    mem_free(got);
}

static void names_behind_files_are_split_off(void **state) {
    (void)state;
    char spec[600], file[512];
    test_write_file(test_path("s.npz"), "x", 1);
    test_write_file(test_path("t:u.npz"), "x", 1);
    snprintf(file, sizeof file, "%s", test_path("s.npz"));
    split(file, file, NULL);
    snprintf(spec, sizeof spec, "%s:a:b", file);
    split(spec, file, "a:b");
    snprintf(spec, sizeof spec, "%s:", file);
    split(spec, file, "");
    snprintf(file, sizeof file, "%s", test_path("t:u.npz"));
    split(file, file, NULL);
    snprintf(spec, sizeof spec, "%s:v", file);
    split(spec, file, "v");
    split("missing.npz:v", "missing.npz:v", NULL);
    snprintf(spec, sizeof spec, "%s:v", test_dir());
    split(spec, spec, NULL);
}

static int make_files(void **state) {
    (void)state;
    static const char *const names[] = {
        "b.npy",         "a.npy",           "C.NPY",   "d.npy.gz",          "note.txt",
        "[x].dat",       ".hidden.npy",     "e/x.npy", "e/y.npy.1.tmp.npy", "bare/x.txt",
        "sub.npy/x.txt", "b.npy.9.tmp.npy", "e1.npy",  "e1.npy.7.tmp.npy",  "e2.npy.7.tmp.npy"};
    semid_error err;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = test_path("l/");
        char whole[512];
        snprintf(whole, sizeof whole, "%s%s", path, names[i]);
        assert_ok(dir_create_parent(whole, &err));
        test_write_file(whole, "x", 1);
    }
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_names),
        cmocka_unit_test(names_behind_files_are_split_off),
        cmocka_unit_test(names_are_put_together),
        cmocka_unit_test(folders_are_made_with_parents),
        cmocka_unit_test(lists_are_files_globs_and_folders),
        cmocka_unit_test(unfinished_files_are_passed_over),
        cmocka_unit_test(parts_that_match_nothing_are_named),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("path", tests, make_files, NULL);
}
