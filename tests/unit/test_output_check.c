/* Outputs that cannot be made are found before any work, and asking leaves nothing behind. */
#include "pipeline/output_check.h"

#include "base/file.h"
#include "base/memory.h"
#include "support/support.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static semid_error err;
static const char *const npy[] = {"npy", NULL}, *const vectors[] = {"npy", "pt", "safetensors",
                                                                    NULL};
static const char *const names[] = {"codes.npy", "metrics.json", NULL};

static void paths_that_can_be_made(void **state) {
    (void)state;
    assert_ok(output_check_file("codes.npy", npy, &err));
    assert_ok(output_check_file("./none/codes.NPY", npy, &err));
    assert_ok(output_check_file(test_path("a/b/c.npy"), npy, &err));
    assert_ok(output_check_file(test_path("no extension"), NULL, &err));
    assert_ok(output_check_folder(test_path("a/b/c"), names, &err));
    assert_ok(output_check_folder(test_path("a/b/c/"), names, &err));
    assert_ok(output_check_folder("none", names, &err));
    assert_ok(output_check_folder(".", names, &err));
    assert_ok(output_check_folder(test_dir(), names, &err));
    assert_false(path_exists(test_path("a")));
    assert_false(path_exists("none"));
}

static void files_that_exist_stay_as_they_are(void **state) {
    (void)state;
    struct stat before, after;
    const char *path = test_path("old.npy");
    test_write_file(path, "old", 3);
    assert_int_equal(stat(path, &before), 0);
    assert_ok(output_check_file(path, npy, &err));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(after.st_size, 3);
}

static void wrong_names(void **state) {
    (void)state;
    assert_fails(output_check_file("x.txt", npy, &err), SEMID_ERR_ARGUMENT,
                 "x.txt: expected a name ending in .npy");
    assert_fails(output_check_file("x", vectors, &err), SEMID_ERR_ARGUMENT,
                 "x: expected a name ending in .npy, .pt or .safetensors");
    char name[400];
    memset(name, 'x', sizeof name);
    memcpy(name + sizeof name - 5, ".npy", 5);
    assert_fails(output_check_file(test_path(name), npy, &err), SEMID_ERR_IO, "too long");
}

static void what_is_in_the_way(void **state) {
    (void)state;
    test_write_file(test_path("file"), "x", 1);
    assert_fails(output_check_file(test_path("file/x.npy"), npy, &err), SEMID_ERR_IO,
                 "file: expected a folder to write into, found a file");
    assert_fails(output_check_folder(test_path("file"), names, &err), SEMID_ERR_IO,
                 "file: expected a folder to write into, found a file");
    assert_fails(output_check_folder(test_path("file/a/b"), names, &err), SEMID_ERR_IO,
                 "file: expected a folder to write into, found a file");

    assert_ok(dir_create(test_path("folder.npy/metrics.json"), &err));
    assert_fails(output_check_file(test_path("folder.npy"), npy, &err), SEMID_ERR_IO,
                 "folder.npy: expected a file, found a folder");
    assert_fails(output_check_folder(test_path("folder.npy"), names, &err), SEMID_ERR_IO,
                 "metrics.json: expected a file, found a folder");

    assert_int_equal(symlink("nowhere", test_path("link")), 0);
    assert_fails(output_check_folder(test_path("link"), names, &err), SEMID_ERR_IO,
                 "found a link to nothing");
}

static void folders_without_permission(void **state) {
    (void)state;
    if (geteuid() == 0) skip(); /* root may write everywhere */
    const char *folder = test_path("locked");
    assert_ok(dir_create(folder, &err));
    assert_int_equal(chmod(folder, 0500), 0);
    assert_fails(output_check_file(test_path("locked/a/x.npy"), npy, &err), SEMID_ERR_IO,
                 "locked: cannot write into this folder: Permission denied");
    assert_fails(output_check_folder(folder, names, &err), SEMID_ERR_IO, "Permission denied");
    assert_int_equal(chmod(folder, 0700), 0);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    for (long n = 1; n < 100; n++) {
        mem_fail_after(n);
        semid_status status = output_check_folder(test_dir(), names, &err);
        if (status == SEMID_OK) status = output_check_file(test_path("x.npy"), npy, &err);
        mem_fail_after(0);
        if (status == SEMID_OK) return;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
    fail();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_that_can_be_made),
        cmocka_unit_test(files_that_exist_stay_as_they_are),
        cmocka_unit_test(wrong_names),
        cmocka_unit_test(what_is_in_the_way),
        cmocka_unit_test(folders_without_permission),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("output_check", tests, NULL, NULL);
}
