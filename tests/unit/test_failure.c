#include "base/failure.h"
#include "support/support.h"

#include <stdint.h>
#include <string.h>

static semid_error err;

static void note(failure *f, size_t chunk, semid_status status) {
    semid_error error;
    error_set(&error, status, "chunk %zu", chunk);
    failure_note(f, chunk, status, &error);
}

static void the_lowest_chunk_is_reported(void **state) {
    (void)state;
    failure f;
    failure_init(&f);
    assert_false(failure_before(&f, SIZE_MAX));
    failure_note(&f, 2, SEMID_OK, NULL);
    assert_ok(failure_status(&f, &err));
    note(&f, 7, SEMID_ERR_IO);
    note(&f, 5, SEMID_ERR_DATA);
    note(&f, 6, SEMID_ERR_IO);
    assert_fails(failure_status(&f, &err), SEMID_ERR_DATA, "chunk 5");
    assert_int_equal(failure_status(&f, NULL), SEMID_ERR_DATA);
    assert_true(failure_before(&f, 6));
    assert_false(failure_before(&f, 5));
    note(&f, 0, SEMID_ERR_IO);
    assert_fails(failure_status(&f, &err), SEMID_ERR_IO, "chunk 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_chunk_is_reported),
    };
    return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
