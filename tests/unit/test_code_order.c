/* Rows in the order of their codes, against comparing every pair of neighbours. */
#include "base/rng.h"
#include "quant/code_order.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

enum { N = 3000, L = 3, K = 6 };

static int32_t codes[N * L];

static int set_up(void **state) {
    (void)state;
    rng r;
    rng_init(&r, 8, 0);
    for (size_t i = 0; i < N * L; i++) codes[i] = (int32_t)rng_below(&r, K);
    return 0;
}

/* Below 0, 0, above 0 by the first n levels. */
static int compare(uint32_t a, uint32_t b, size_t n) {
    for (size_t l = 0; l < n; l++)
        if (codes[a * L + l] != codes[b * L + l]) return codes[a * L + l] - codes[b * L + l];
    return 0;
}

static void rows_ascend_and_equal_ones_keep_their_order(void **state) {
    (void)state;
    static bool seen[N];
    code_order o;
    assert_ok(code_order_init(&o, codes, N, L, K, &err));
    code_order_sort(&o);
    for (size_t i = 0; i < N; i++) {
        assert_false(seen[o.rows[i]]);
        seen[o.rows[i]] = true;
        if (i == 0) continue;
        int c = compare(o.rows[i - 1], o.rows[i], L);
        assert_true(c < 0 || (c == 0 && o.rows[i - 1] < o.rows[i]));
    }
    code_order_release(&o);
}

static void runs_share_a_prefix(void **state) {
    (void)state;
    code_order o;
    assert_ok(code_order_init(&o, codes, N, L, K, &err));
    code_order_sort(&o);
    for (size_t n = 1; n <= L; n++)
        for (size_t begin = 0; begin < N;) {
            size_t end = code_order_run(&o, begin, N, n);
            assert_in_range(end, begin + 1, N);
            for (size_t i = begin; i < end; i++)
                assert_int_equal(compare(o.rows[begin], o.rows[i], n), 0);
            if (end < N) assert_int_not_equal(compare(o.rows[begin], o.rows[end], n), 0);
            begin = end;
        }
    assert_int_equal(code_order_run(&o, 0, 1, 1), 1);
    code_order_release(&o);
}

static void it_follows_codes_that_change(void **state) {
    (void)state;
    code_order o;
    assert_ok(code_order_init(&o, codes, N, L, K, &err));
    code_order_sort(&o);
    memset(codes, 0, sizeof codes);
    codes[5 * L + 2] = K - 1;
    code_order_sort(&o);
    assert_int_equal(o.rows[N - 1], 5);
    assert_int_equal(o.rows[5], 6);
    assert_int_equal(code_order_run(&o, 0, N, L), N - 1);
    code_order_release(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_ascend_and_equal_ones_keep_their_order),
        cmocka_unit_test(runs_share_a_prefix),
        cmocka_unit_test(it_follows_codes_that_change),
    };
    return cmocka_run_group_tests_name("code_order", tests, set_up, NULL);
}
