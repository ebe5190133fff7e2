#include "base/finite.h"

#include "support/support.h"

#include <float.h>
#include <math.h>

static void rows_with_nan_are_counted(void **state) {
    (void)state;
    const float good[6] = {1, 2, 3, 4, 5, 6};
    const float bad[8] = {1, 2, NAN, 3, 4, 5, 6, -INFINITY};
    size_t first = 0;
    assert_int_equal(rows_not_finite(bad, 4, 2, &first), 2);
    assert_int_equal(first, 1);
    assert_int_equal(rows_not_finite(good, 3, 2, &first), 0);
    assert_int_equal(first, 1); /* untouched */
    assert_false(rows_are_finite(bad, 4, 2));
    assert_true(rows_are_finite(good, 3, 2));
    assert_true(rows_are_finite(good, 0, 2));
}

static void every_place_is_looked_at(void **state) {
    (void)state;
    enum { ROWS = 1000, DIM = 7 };
    static const float odd[] = {NAN, -NAN, INFINITY, -INFINITY};
    static float x[ROWS * DIM];
    for (size_t i = 0; i < ROWS * DIM; i++) x[i] = i % 2 ? -FLT_MAX : FLT_TRUE_MIN;
    assert_true(rows_are_finite(x, ROWS, DIM));
    for (size_t i = 0; i < ROWS * DIM; i += 13) {
        size_t first = SIZE_MAX;
        float kept = x[i];
        x[i] = odd[i % 4];
        assert_int_equal(rows_not_finite(x, ROWS, DIM, &first), 1);
        assert_int_equal(first, i / DIM);
        assert_false(rows_are_finite(x, ROWS, DIM));
        x[i] = kept;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_with_nan_are_counted),
        cmocka_unit_test(every_place_is_looked_at),
    };
    return cmocka_run_group_tests_name("finite", tests, NULL, NULL);
}
