/* Distinct codes equal those of SciPy's linear_sum_assignment (tests/golden/assign/make.py). */
#include "semid/assign.h"

#include "base/memory.h"
#include "formats/npy.h"
#include "semid/codes.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

static semid_status read_array(void *user, size_t row, size_t n, float *out, semid_error *error) {
    const array *x = user;
    return array_to_f32(x, row * x->shape[1], n * x->shape[1], out, error);
}

static void codes_of_scipy(void **state) {
    (void)state;
    array x, codewords;
    semid_codebook *cb = NULL;
    semid_codes expected;
    semid_unique_report report;
    assert_ok(npy_load(&x, golden_path("assign/x.npy"), &err));
    assert_ok(npy_load(&codewords, golden_path("assign/codebooks.npy"), &err));
    assert_ok(semid_codes_load(&expected, golden_path("assign/codes.npy"), &err));
    assert_ok(semid_codebook_new(NULL, &cb, codewords.shape[0], codewords.shape[1],
                                 codewords.shape[2], false, codewords.data, &err));
    size_t n = expected.n_rows, n_codes = n * expected.n_levels, n_moved = 0;
    int32_t *greedy = NULL, *codes = NULL;
    assert_ok(mem_alloc(&greedy, n_codes, sizeof *greedy, &err));
    assert_ok(mem_alloc(&codes, n_codes, sizeof *codes, &err));
    assert_ok(semid_encode(NULL, cb, x.data, n, greedy, &err));
    memcpy(codes, greedy, n_codes * sizeof *codes);
    semid_rows rows = {.n_rows = n, .read = read_array, .user = &x};
    assert_ok(semid_assign_unique(NULL, cb, &rows, codes, &report, &err));
    assert_memory_equal(codes, expected.data, n_codes * sizeof *codes);
    for (size_t i = 0; i < n; i++)
        n_moved += memcmp(greedy + i * expected.n_levels, codes + i * expected.n_levels,
                          expected.n_levels * sizeof *codes) != 0;
    assert_true(n_moved > 0);
    assert_int_equal(report.n_moved, n_moved);
    assert_int_equal(report.n_spilled, 0);
    mem_free(greedy);
    mem_free(codes);
    semid_codebook_free(cb);
    semid_codes_release(&expected);
    array_release(&x);
    array_release(&codewords);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(codes_of_scipy)};
    return cmocka_run_group_tests_name("assign", tests, NULL, NULL);
}
