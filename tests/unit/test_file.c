#include "base/file.h"

#include "base/memory.h"
#include "support/support.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void assert_holds(const char *path, const char *expected) {
    semid_error err;
    char *text;
    size_t n;
    assert_ok(file_read_all(path, 1000, &text, &n, &err));
    assert_int_equal(n, strlen(expected));
    assert_string_equal(text, expected);
    mem_free(text);
}

static size_t count_entries(const char *dir) {
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* ---- input ---- */

static void a_map_is_what_the_file_holds(void **state) {
    (void)state;
    semid_error err;
    file_map map;
    static uint8_t big[20000];
    for (size_t i = 0; i < sizeof big; i++) big[i] = (uint8_t)(i * 7);
    const char *path = test_path("big");
    test_write_file(path, big, sizeof big);
    assert_ok(file_map_open(&map, path, &err));
    assert_int_equal(map.n_bytes, sizeof big);
    assert_memory_equal(map.data, big, sizeof big);
    file_map_drop(&map, 1, 15000); /* read again where it is needed all the same */
    assert_memory_equal(map.data, big, sizeof big);
    uint8_t part[5000];
    assert_ok(file_map_read(&map, 4095, sizeof part, part, &err));
    assert_memory_equal(part, big + 4095, sizeof part);
    test_write_file(path, big, 5000);
    assert_fails(file_map_read(&map, 4095, sizeof part, part, &err), SEMID_ERR_IO,
                 "the file has become shorter");
    test_write_file(path, big, sizeof big);
    file_map_close(&map);
    assert_null(map.data);
    assert_int_equal(file_bytes(path), sizeof big);

    test_write_file(test_path("empty"), "", 0);
    assert_ok(file_map_open(&map, test_path("empty"), &err));
    assert_null(map.data);
    assert_int_equal(map.n_bytes, 0);
    file_map_drop(&map, 0, 0);
    file_map_close(&map);
}

static void what_is_no_file_is_named(void **state) {
    (void)state;
    semid_error err;
    file_map map;
    assert_fails(file_map_open(&map, test_path("none"), &err), SEMID_ERR_IO, test_path("none"));
    assert_fails(file_map_open(&map, test_dir(), &err), SEMID_ERR_IO,
                 "expected a file, found a folder");
    assert_fails(file_map_open(&map, "/dev/null", &err), SEMID_ERR_IO, "found a special file");
    assert_fails(file_check_readable(test_path("none"), &err), SEMID_ERR_IO, "cannot open");
    assert_fails(file_check_readable(test_dir(), &err), SEMID_ERR_IO, "found a folder");
    test_write_file(test_path("there"), "x", 1);
    assert_ok(file_check_readable(test_path("there"), &err));
    assert_true(path_exists(test_path("there")) && !path_exists(test_path("none")));
    assert_true(path_is_dir(test_dir()) && !path_is_dir(test_path("there")));
    assert_int_equal(file_bytes(test_path("none")), 0);
}

static void read_all_has_a_limit(void **state) {
    (void)state;
    semid_error err;
    char *text = NULL;
    size_t n;
    const char *path = test_path("five");
    test_write_file(path, "fi\0ve", 5);
    assert_ok(file_read_all(path, 5, &text, &n, &err));
    assert_int_equal(n, 5);
    assert_memory_equal(text, "fi\0ve", 6); /* and a NUL behind it */
    mem_free(text);
    text = NULL;
    assert_fails(file_read_all(path, 4, &text, &n, &err), SEMID_ERR_FORMAT,
                 "5 bytes, expected at most 4");
    assert_null(text);
    mem_fail_after(1);
    assert_fails(file_read_all(path, 5, &text, &n, &err), SEMID_ERR_NO_MEMORY, "memory");
    mem_fail_after(0);
}

/* ---- output ---- */

static void the_old_file_stays_until_commit(void **state) {
    (void)state;
    semid_error err;
    file_out f;
    const char *dir = test_path("out"), *path = test_path("out/x.bin");
    assert_ok(file_out_open(&f, path, &err)); /* makes the folder too */
    file_out_write(&f, "old", 3);
    assert_false(path_exists(path));
    assert_ok(file_out_commit(&f, &err));
    file_out_release(&f);
    assert_holds(path, "old");

    assert_ok(file_out_open(&f, path, &err));
    file_out_write(&f, "newer", 5);
    fflush(f.stream);
    assert_int_equal(count_entries(dir), 2);
    assert_holds(path, "old");
    file_out_release(&f); /* not committed */
    assert_int_equal(count_entries(dir), 1);
    assert_holds(path, "old");

    assert_ok(file_out_open(&f, path, &err));
    file_out_write(&f, "newer", 5);
    file_out_write(&f, NULL, 0);
    assert_ok(file_out_commit(&f, &err));
    file_out_release(&f);
    file_out_release(&f); /* a released one is fine */
    assert_int_equal(count_entries(dir), 1);
    assert_holds(path, "newer");
}

static void what_cannot_be_written_is_named(void **state) {
    (void)state;
    semid_error err;
    file_out f;
    test_write_file(test_path("plain"), "x", 1);
    assert_fails(file_out_open(&f, test_dir(), &err), SEMID_ERR_IO,
                 "expected a file, found a folder");
    assert_fails(file_out_open(&f, test_path("plain/x"), &err), SEMID_ERR_IO,
                 "cannot create the folder");
    file_out_release(&f);
    assert_holds(test_path("plain"), "x");
}

/* A full device shows when the buffer is flushed: callers write without checking. */
static void write_errors_come_out_at_commit(void **state) {
    (void)state;
    semid_error err;
    file_out f;
    skip_without("/dev/full");
    const char *path = test_path("full/x.bin");
    assert_ok(file_out_open(&f, path, &err));
    assert_non_null(freopen("/dev/full", "wb", f.stream));
    file_out_write(&f, "lost", 4);
    assert_fails(file_out_commit(&f, &err), SEMID_ERR_IO, "x.bin: cannot write: No space left");
    file_out_release(&f);
    assert_int_equal(count_entries(test_path("full")), 0);
}

/* The first failure counts, even where what is left in the buffer could be written later. */
static void the_reason_of_the_first_error_is_kept(void **state) {
    (void)state;
    semid_error err;
    file_out f;
    static char block[1 << 16];
    skip_without("/dev/full");
    for (int seek = 0; seek < 2; seek++) {
        assert_ok(file_out_open(&f, test_path("full/y.bin"), &err));
        assert_non_null(freopen("/dev/full", "wb", f.stream));
        file_out_write(&f, block, seek ? 8 : sizeof block);
        errno = 0;
        semid_status status = seek ? file_out_seek(&f, 0, &err) : file_out_commit(&f, &err);
        assert_fails(status, SEMID_ERR_IO, "y.bin: cannot write: No space left");
        file_out_release(&f);
    }
}

static void writing_goes_on_where_it_is_told(void **state) {
    (void)state;
    semid_error err;
    file_out f;
    assert_ok(file_out_open(&f, test_path("seek.txt"), &err));
    file_out_write(&f, "0123", 4);
    assert_ok(file_out_seek(&f, 1, &err));
    file_out_write(&f, "x", 1);
    assert_ok(file_out_seek(&f, FILE_OUT_END, &err));
    file_out_write(&f, "4", 1);
    assert_ok(file_out_commit(&f, &err));
    file_out_release(&f);
    assert_holds(test_path("seek.txt"), "0x234");
}

static void temporary_names_are_for_those_who_write_themselves(void **state) {
    (void)state;
    semid_error err;
    char *temp;
    const char *dir = test_path("temp"), *path = test_path("temp/t.parquet");
    assert_ok(file_temp_path(&temp, path, &err));
    assert_true(path_is_dir(dir));
    assert_int_equal(strncmp(temp, path, strlen(path)), 0);
    assert_non_null(strstr(temp + strlen(path), ".tmp.parquet"));
    assert_fails(file_temp_commit(temp, path, &err), SEMID_ERR_IO, "t.parquet: cannot write");
    test_write_file(temp, "one", 3);
    assert_ok(file_temp_sync(temp, path, &err));
    assert_false(path_exists(path));
    assert_ok(file_temp_commit(temp, path, &err));
    file_temp_discard(temp); /* of a committed one: only its name goes */
    assert_holds(path, "one");

    assert_ok(file_temp_path(&temp, path, &err));
    test_write_file(temp, "two", 3);
    file_temp_discard(temp);
    file_temp_discard(NULL);
    assert_int_equal(count_entries(dir), 1);
    assert_holds(path, "one");
    assert_fails(file_temp_path(&temp, dir, &err), SEMID_ERR_IO, "found a folder");
}

/* What the program does when it is told to stop. */
static void unfinished_files_are_removed_at_once(void **state) {
    (void)state;
    semid_error err;
    file_out a, b;
    const char *dir = test_path("stop");
    assert_ok(file_out_open(&a, test_path("stop/a.npy"), &err));
    assert_ok(file_out_open(&b, test_path("stop/b.npy"), &err));
    assert_ok(file_out_commit(&b, &err));
    assert_int_equal(count_entries(dir), 2);
    file_out_remove_unfinished();
    assert_int_equal(count_entries(dir), 1);
    assert_true(path_exists(test_path("stop/b.npy")));
    file_out_release(&a);
    file_out_release(&b);
    assert_true(path_exists(test_path("stop/b.npy")));
}

static void files_are_removed_if_there(void **state) {
    (void)state;
    semid_error err;
    test_write_file(test_path("gone"), "x", 1);
    assert_ok(file_remove(test_path("gone"), &err));
    assert_false(path_exists(test_path("gone")));
    assert_ok(file_remove(test_path("gone"), &err));
    assert_fails(file_remove(test_dir(), &err), SEMID_ERR_IO, "cannot remove");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_is_what_the_file_holds),
        cmocka_unit_test(what_is_no_file_is_named),
        cmocka_unit_test(read_all_has_a_limit),
        cmocka_unit_test(the_old_file_stays_until_commit),
        cmocka_unit_test(what_cannot_be_written_is_named),
        cmocka_unit_test(write_errors_come_out_at_commit),
        cmocka_unit_test(the_reason_of_the_first_error_is_kept),
        cmocka_unit_test(writing_goes_on_where_it_is_told),
        cmocka_unit_test(temporary_names_are_for_those_who_write_themselves),
        cmocka_unit_test(unfinished_files_are_removed_at_once),
        cmocka_unit_test(files_are_removed_if_there),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
