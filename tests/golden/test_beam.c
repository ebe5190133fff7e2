/* Beam codes equal those of an independent program (tests/golden/beam/make.py). */
#include "base/memory.h"
#include "formats/npy.h"
#include "semid/codebook.h"
#include "semid/codes.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

static semid_error err;

static void codes_of_an_independent_program(void **state) {
    (void)state;
    static const size_t widths[] = {2, 5, 50};
    array x, codewords;
    semid_codebook *cb = NULL;
    int32_t *found = NULL;
    assert_ok(npy_load(&x, golden_path("beam/x.npy"), &err));
    assert_ok(npy_load(&codewords, golden_path("beam/codebooks.npy"), &err));
    assert_ok(semid_codebook_new(NULL, &cb, codewords.shape[0], codewords.shape[1],
                                 codewords.shape[2], false,
                                 (const float *)(const void *)codewords.data, &err));
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        char name[64];
        semid_codes expected;
        snprintf(name, sizeof name, "beam/codes_%zu.npy", widths[w]);
        assert_ok(semid_codes_load(&expected, golden_path(name), &err));
        size_t n = expected.n_rows * expected.n_levels;
        assert_ok(mem_resize(&found, 0, n, sizeof *found, &err));
        assert_ok(semid_encode_beam(NULL, cb, (const float *)(const void *)x.data, expected.n_rows,
                                    widths[w], found, &err));
        assert_memory_equal(found, expected.data, n * sizeof *found);
        semid_codes_release(&expected);
    }
    mem_free(found);
    semid_codebook_free(cb);
    array_release(&x);
    array_release(&codewords);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(codes_of_an_independent_program)};
    return cmocka_run_group_tests_name("beam", tests, NULL, NULL);
}
