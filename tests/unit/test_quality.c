#include "base/memory.h"
#include "semid/quality.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

static semid_quality measure(int32_t *data, size_t n, size_t n_levels, size_t n_codewords) {
    semid_error err;
    semid_quality q;
    semid_codes codes = {n, n_levels, data};
    assert_ok(semid_quality_measure(NULL, &q, &codes, n_codewords, NULL, 0, &err));
    return q;
}

static void one_codeword_takes_all(void **state) {
    (void)state;
    int32_t data[8] = {3, 3, 3, 3, 3, 3, 3, 3};
    semid_quality q = measure(data, 8, 1, 4);
    assert_int_equal(q.levels[0].n_used, 1);
    assert_true(fabs(q.levels[0].perplexity - 1) < 1e-12);
    assert_true(fabs(q.levels[0].gini - 0.75) < 1e-12);
    assert_true(isnan(q.levels[0].mse) && isnan(q.levels[0].explained_ratio));
    assert_int_equal(q.n_unique, 1);
    assert_int_equal(q.n_sharing, 8);
    assert_int_equal(q.largest_bucket, 8);
    semid_quality_release(&q);
}

static void even_use_of_two_levels(void **state) {
    (void)state;
    int32_t data[] = {0, 0, 0, 1, 1, 0, 1, 1};
    semid_quality q = measure(data, 4, 2, 2);
    for (size_t l = 0; l < 2; l++) {
        assert_true(fabs(q.levels[l].perplexity - 2) < 1e-12);
        assert_true(fabs(q.levels[l].conditional_perplexity - 2) < 1e-12);
        assert_true(fabs(q.levels[l].gini) < 1e-12);
    }
    assert_int_equal(q.n_unique, 4);
    assert_int_equal(q.n_sharing, 0);
    assert_true(fabs(q.entropy_bits - 2) < 1e-12);
    assert_true(q.collision_ratio == 0);
    semid_quality_release(&q);
}

static void a_level_that_repeats_the_one_above_adds_nothing(void **state) {
    (void)state;
    int32_t data[] = {0, 1, 0, 1, 1, 0, 1, 0};
    semid_quality q = measure(data, 4, 2, 2);
    assert_true(fabs(q.levels[1].perplexity - 2) < 1e-12);
    assert_true(fabs(q.levels[1].conditional_perplexity - 1) < 1e-12);
    semid_quality_release(&q);
}

static void wrong_codes_are_named(void **state) {
    (void)state;
    semid_error err;
    semid_quality q;
    int32_t data[] = {0, 1, 2, 4};
    semid_codes codes = {2, 2, data}, none = {0, 2, data};
    assert_fails(semid_quality_measure(NULL, &q, &codes, 4, NULL, 0, &err), SEMID_ERR_DATA,
                 "row 1, level 2: expected a code from 0 to 3, found 4");
    assert_fails(semid_quality_measure(NULL, &q, &none, 4, NULL, 0, &err), SEMID_ERR_DATA,
                 "no codes");
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    semid_error err;
    int32_t data[] = {0, 1, 1, 0};
    semid_codes codes = {2, 2, data};
    semid_status status = SEMID_ERR_NO_MEMORY;
    for (long n = 1; status != SEMID_OK; n++) {
        semid_quality q;
        mem_fail_after(n);
        status = semid_quality_measure(NULL, &q, &codes, 4, NULL, 0, &err);
        mem_fail_after(0);
        if (status == SEMID_OK) semid_quality_release(&q);
        assert_true(n < 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_codeword_takes_all),
        cmocka_unit_test(even_use_of_two_levels),
        cmocka_unit_test(a_level_that_repeats_the_one_above_adds_nothing),
        cmocka_unit_test(wrong_codes_are_named),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("quality", tests, NULL, NULL);
}
