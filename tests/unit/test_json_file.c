#include "base/json_file.h"

#include "base/memory.h"
#include "support/support.h"

#include <string.h>

static void documents_come_back(void **state) {
    (void)state;
    semid_error err;
    const char *path = test_path("made/x.json");
    json_t *saved = json_pack("{s:s, s:[i,n,b], s:f, s:I}", "name", "\xC3\xA9\n\"", "list", 1, 1,
                              "real", 0.25, "big", (json_int_t)1 << 60),
           *loaded = NULL;
    assert_non_null(saved);
    assert_ok(json_file_save(saved, path, &err));
    assert_ok(json_file_load(&loaded, path, &err));
    assert_true(json_equal(saved, loaded));
    json_decref(loaded);
    char *text;
    size_t n;
    assert_ok(file_read_all(path, 1000, &text, &n, &err));
    assert_true(n > 2 && text[n - 1] == '\n' && text[n - 2] == '}');
    assert_non_null(strstr(text, "\n \"real\": 0.25"));
    mem_free(text);
    json_decref(saved);
}

static void a_document_may_be_any_value(void **state) {
    (void)state;
    semid_error err;
    json_t *value;
    test_write_file(test_path("seven.json"), " 7 ", 3);
    assert_ok(json_file_load(&value, test_path("seven.json"), &err));
    assert_int_equal(json_integer_value(value), 7);
    json_decref(value);
}

static void mistakes_are_placed(void **state) {
    (void)state;
    semid_error err;
    json_t *value = NULL;
    static const char *const cases[][2] = {{"{\n  \"a\": 1,\n  \"b\": x\n}\n", "line 3 column 8"},
                                           {"{\"a\": [1, 2}", "line 1 column 12"},
                                           {"{}\n{}", "line 2 column 1"},
                                           {"\"\xff\"", "line 1 column"},
                                           {"", "expected JSON"}};
    const char *path = test_path("bad.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_write_file(path, cases[i][0], strlen(cases[i][0]));
        assert_fails(json_file_load(&value, path, &err), SEMID_ERR_FORMAT, cases[i][1]);
        assert_non_null(strstr(err.message, "bad.json: expected JSON, found at"));
        assert_null(value);
    }
    assert_fails(json_file_load(&value, test_path("none.json"), &err), SEMID_ERR_IO, "none.json");
    assert_fails(json_file_load(&value, test_dir(), &err), SEMID_ERR_IO, "found a folder");
}

static void a_failed_save_leaves_the_old_file(void **state) {
    (void)state;
    semid_error err;
    json_t *old = json_pack("[i]", 1), *bad = json_pack("[i]", 2), *found;
    const char *path = test_path("kept.json");
    assert_ok(json_file_save(old, path, &err));
    for (long n = 1; n <= 2; n++) {
        mem_fail_after(n);
        assert_fails(json_file_save(bad, path, &err), SEMID_ERR_NO_MEMORY, "memory");
        mem_fail_after(0);
    }
    assert_fails(json_file_save(bad, test_dir(), &err), SEMID_ERR_IO, "found a folder");
    assert_ok(json_file_load(&found, path, &err));
    assert_true(json_equal(found, old));
    json_decref(found);
    json_decref(old);
    json_decref(bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_come_back),
        cmocka_unit_test(a_document_may_be_any_value),
        cmocka_unit_test(mistakes_are_placed),
        cmocka_unit_test(a_failed_save_leaves_the_old_file),
    };
    return cmocka_run_group_tests_name("json_file", tests, NULL, NULL);
}
