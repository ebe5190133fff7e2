/* numpy.random.RandomState(seed).shuffle, as NumPy 1.26 gave it. */
#include "eval/numpy_random.h"
#include "support/support.h"

#include <string.h>

static void shuffles_are_those_of_numpy(void **state) {
    (void)state;
    static const struct {
        uint32_t seed;
        uint64_t order[10];
    } cases[] = {{42, {8, 1, 5, 0, 7, 2, 9, 4, 3, 6}}, {7, {8, 5, 0, 2, 1, 9, 7, 3, 6, 4}}};
    for (int c = 0; c < 2; c++) {
        uint64_t x[10];
        for (uint64_t i = 0; i < 10; i++) x[i] = i;
        numpy_shuffle(cases[c].seed, x, 10);
        assert_memory_equal(x, cases[c].order, sizeof x);
    }
}

/* More numbers than the generator makes at a time, masks of 17 bits, the largest seed. */
static void long_ones_too(void **state) {
    (void)state;
    enum { N = 100000 };
    static uint64_t x[N];
    for (uint64_t i = 0; i < N; i++) x[i] = i;
    numpy_shuffle(UINT32_MAX, x, N);
    assert_memory_equal(x, ((uint64_t[]){85117, 19600, 4648, 56853, 35772, 22343}), 48);
    assert_memory_equal(x + N - 3, ((uint64_t[]){44103, 16674, 27043}), 24);
}

static void one_and_none_stay(void **state) {
    (void)state;
    uint64_t x = 5;
    numpy_shuffle(1, &x, 1);
    numpy_shuffle(1, &x, 0);
    assert_int_equal(x, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shuffles_are_those_of_numpy),
        cmocka_unit_test(long_ones_too),
        cmocka_unit_test(one_and_none_stay),
    };
    return cmocka_run_group_tests_name("numpy_random", tests, NULL, NULL);
}
