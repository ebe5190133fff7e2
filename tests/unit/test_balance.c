/* Prices step by step: which way they move, when that is enough, and when it was too far. */
#include "kmeans/balance.h"

#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 100, K = 2 };

static semid_error err;

/* Two codewords on a line, 0 and 4; rows between them, all nearer to the first, by a gap of 8. */
static const float codewords[K] = {0, 4};
static float rows[N];

static balance new_balance(void) {
    balance b;
    for (size_t i = 0; i < N; i++) rows[i] = 1;
    row_source from = row_source_of(rows, N, 1);
    assert_ok(balance_init(&b, &from, codewords, K, &err));
    return b;
}

/* The first n_first rows take codeword 0. */
static balance_outcome update(balance *b, size_t n_first) {
    int32_t codes[N];
    for (size_t i = 0; i < N; i++) codes[i] = i >= n_first;
    return balance_update(b, codes);
}

static void codewords_with_more_rows_become_dearer(void **state) {
    (void)state;
    balance b = new_balance();
    assert_true(fabs(b.step - 0.25 * 8) < 1e-6);
    assert_int_equal(update(&b, 90), BALANCE_CLOSER);
    assert_true(b.prices[0] > 0 && b.prices[1] < 0);
    assert_true(fabs((double)b.prices[0] - b.step * log(90.5 / 50.5)) < 1e-5);
    assert_true(fabs((double)b.prices[1] - b.step * log(10.5 / 50.5)) < 1e-5);
    balance_release(&b);
}

/* A perplexity of 96 % is enough: 62 rows to 38 have 1.94 of 2. */
static void even_enough(void **state) {
    (void)state;
    balance b = new_balance();
    float before[K];
    assert_int_equal(update(&b, 80), BALANCE_CLOSER);
    memcpy(before, b.prices, sizeof before);
    assert_int_equal(update(&b, 62), BALANCE_REACHED);
    assert_memory_equal(b.prices, before, sizeof before);
    assert_memory_equal(b.best, before, sizeof before);
    balance_release(&b);
}

/* Prices under which all rows go to one codeword are taken back: to the best ones, half as far. */
static void too_far(void **state) {
    (void)state;
    balance b = new_balance();
    assert_int_equal(update(&b, 80), BALANCE_CLOSER);
    double step = b.step;
    assert_int_equal(update(&b, 0), BALANCE_TOO_FAR);
    assert_true(b.step == step / 2);
    assert_true(b.best[0] == 0 && b.best[1] == 0);
    assert_true(fabs((double)b.prices[0] - b.step * log(80.5 / 50.5)) < 1e-5);
    balance_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codewords_with_more_rows_become_dearer),
        cmocka_unit_test(even_enough),
        cmocka_unit_test(too_far),
    };
    return cmocka_run_group_tests_name("balance", tests, NULL, NULL);
}
