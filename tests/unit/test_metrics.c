#include "eval/metrics.h"
#include "support/support.h"

#include <math.h>

#define assert_near(a, b) assert_true(fabs((a) - (b)) < 1e-12)

static void figures_of_known_ranks(void **state) {
    (void)state;
    const uint32_t ranks[] = {0, 3, UINT32_MAX, 9, 10}, topk[] = {1, 10};
    metrics m = metrics_of_ranks(ranks, NULL, 5, topk, 2);
    assert_int_equal(m.n_rows, 5);
    assert_near(m.recall[0], 0.2);
    assert_near(m.recall[1], 0.6);
    assert_near(m.ndcg[0], 0.2);
    assert_near(m.ndcg[1], (1 + 1 / log2(5) + 1 / log2(11)) / 5);
    assert_near(m.mrr, (1 + 0.25 + 0.1) / 5);
}

static void rows_are_left_out(void **state) {
    (void)state;
    const uint32_t ranks[] = {0, UINT32_MAX, 1}, topk[] = {10};
    const uint8_t left_out[] = {0, 1, 1}, all[] = {1, 1, 1};
    metrics m = metrics_of_ranks(ranks, left_out, 3, topk, 1);
    assert_int_equal(m.n_rows, 1);
    assert_near(m.recall[0], 1);
    m = metrics_of_ranks(ranks, all, 3, topk, 1);
    assert_int_equal(m.n_rows, 0);
    assert_near(m.mrr, 0);
}

static void sizes_without_zeros(void **state) {
    (void)state;
    uint32_t sizes[] = {4, 0, 1, 3, 2, 0}, one[] = {7}, none[] = {0, 0};
    size_summary s = metrics_of_sizes(sizes, 6);
    assert_near(s.mean, 2.5);
    assert_near(s.median, 2.5);
    assert_near(s.p99, 3.97); /* numpy.percentile([1, 2, 3, 4], 99) */
    s = metrics_of_sizes(one, 1);
    assert_near(s.mean + s.median + s.p99, 21);
    s = metrics_of_sizes(none, 2);
    assert_near(s.mean + s.median + s.p99, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_known_ranks),
        cmocka_unit_test(rows_are_left_out),
        cmocka_unit_test(sizes_without_zeros),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
