/* The cheapest matching of many rows at once: against all matchings of small tables, and by prices
 * that prove it for larger ones. */
#include "assign/matching.h"

#include "base/rng.h"
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_COLUMNS = 256, STRIDE = MAX_COLUMNS + 3, SMALL_TABLES = 2000 };

static semid_error err;
static rng source;
static matching m;
static float costs[MAX_COLUMNS][STRIDE];

static int start(void **state) {
    (void)state;
    rng_init(&source, 5, 0);
    assert_ok(matching_init(&m, MAX_COLUMNS, MAX_COLUMNS, &err));
    return 0;
}

static int end(void **state) {
    (void)state;
    matching_release(&m);
    return 0;
}

/* The sum of costs; every row has a column of its own. */
static double match(size_t n_rows, size_t n_columns) {
    bool taken[MAX_COLUMNS] = {false};
    double sum = 0;
    m.n_columns = n_columns;
    matching_dense(&m, costs[0], STRIDE, n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        size_t column = (size_t)m.column_of[i];
        assert_true(column < n_columns && !taken[column]);
        assert_int_equal(m.row_of[column], i);
        taken[column] = true;
        sum += (double)costs[i][column];
    }
    for (size_t k = 0; k < n_columns; k++) assert_true(taken[k] || m.row_of[k] == -1);
    return sum;
}

/* No matching is cheaper if every row has a column that is its cheapest at these prices, and the
 * columns left over have the highest price. */
static void assert_cheapest(size_t n_rows, size_t n_columns, double rounding) {
    match(n_rows, n_columns);
    for (size_t k = 0; k < n_columns; k++) {
        assert_true(m.prices[k] <= 0);
        assert_true(m.row_of[k] >= 0 || m.prices[k] == 0);
    }
    for (size_t i = 0; i < n_rows; i++) {
        size_t own = (size_t)m.column_of[i];
        double cost = (double)costs[i][own] - m.prices[own] - rounding;
        for (size_t k = 0; k < n_columns; k++)
            assert_true(cost <= (double)costs[i][k] - m.prices[k]);
    }
}

static double cheapest(size_t row, size_t n_rows, size_t n_columns, unsigned taken) {
    double best = INFINITY;
    if (row == n_rows) return 0;
    for (size_t k = 0; k < n_columns; k++) {
        if (taken >> k & 1) continue;
        double rest = cheapest(row + 1, n_rows, n_columns, taken | 1U << k);
        best = fmin(best, (double)costs[row][k] + rest);
    }
    return best;
}

/* Real costs, and small whole ones with many ties. */
static void the_cheapest_of_all(void **state) {
    (void)state;
    for (size_t n = 0; n < SMALL_TABLES; n++) {
        size_t n_columns = 1 + (size_t)rng_below(&source, 6);
        size_t n_rows = 1 + (size_t)rng_below(&source, n_columns);
        for (size_t i = 0; i < n_rows; i++)
            for (size_t k = 0; k < n_columns; k++)
                costs[i][k] = n % 2 ? (float)rng_normal(&source) : (float)rng_below(&source, 4) - 2;
        assert_true(fabs(match(n_rows, n_columns) - cheapest(0, n_rows, n_columns, 0)) < 1e-5);
    }
}

static void each_size(void (*fill)(size_t n_rows, size_t n_columns), double rounding) {
    static const size_t sizes[][2] = {{256, 256}, {255, 256}, {230, 256}, {128, 256}, {1, 256},
                                      {100, 100}, {99, 100},  {61, 67},   {1, 1},     {2, 2}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        fill(sizes[s][0], sizes[s][1]);
        assert_cheapest(sizes[s][0], sizes[s][1], rounding);
    }
}

/* What rows of a prefix are like: all want the same columns. */
static void alike(size_t n_rows, size_t n_columns) {
    for (size_t k = 0; k < n_columns; k++) {
        float common = 0.1F * (float)rng_normal(&source);
        for (size_t i = 0; i < n_rows; i++)
            costs[i][k] = common + 0.03F * (float)rng_normal(&source);
    }
}

static void unlike(size_t n_rows, size_t n_columns) {
    for (size_t i = 0; i < n_rows; i++)
        for (size_t k = 0; k < n_columns; k++) costs[i][k] = (float)rng_normal(&source);
}

static void equal_rows(size_t n_rows, size_t n_columns) {
    alike(n_rows, n_columns);
    for (size_t i = 0; i < n_rows; i++)
        if (i % 7 > 0) memcpy(costs[i], costs[i - i % 7], sizeof costs[i]);
}

static void equal_costs(size_t n_rows, size_t n_columns) {
    for (size_t i = 0; i < n_rows; i++)
        for (size_t k = 0; k < n_columns; k++) costs[i][k] = 0.3F;
}

/* The product of a row's and a column's number: the dearest columns for the first rows. */
static void products(size_t n_rows, size_t n_columns) {
    for (size_t i = 0; i < n_rows; i++)
        for (size_t k = 0; k < n_columns; k++) costs[i][k] = (float)((i + 1) * (k + 1));
}

static void wide_range(size_t n_rows, size_t n_columns) {
    for (size_t i = 0; i < n_rows; i++)
        for (size_t k = 0; k < n_columns; k++)
            costs[i][k] = ldexpf((float)rng_uniform(&source), (int)rng_below(&source, 40) - 20);
}

static void any_rows(void **state) {
    (void)state;
    each_size(alike, 1e-12);
    each_size(unlike, 1e-12);
    each_size(equal_rows, 1e-12);
    each_size(equal_costs, 1e-12);
    each_size(products, 1e-9);
    each_size(wide_range, 1e-6);
}

/* A column that costs nothing and others beyond float's range: still distinct columns, and the
 * cheapest ones if there are such that cost less than infinity. */
static void infinite_costs(void **state) {
    (void)state;
    unlike(60, 64);
    for (size_t i = 0; i < 60; i++)
        for (size_t k = 0; k < 64; k++)
            if (i != k && rng_below(&source, 4) > 0) costs[i][k] = INFINITY;
    assert_cheapest(60, 64, 1e-12);
    for (size_t i = 0; i < 60; i++)
        for (size_t k = 0; k < 64; k++) costs[i][k] = i % 2 ? FLT_MAX : -FLT_MAX;
    match(60, 64);
    for (size_t i = 0; i < 60; i++)
        for (size_t k = 0; k < 64; k++) costs[i][k] = INFINITY;
    match(60, 64);
    match(60, 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_cheapest_of_all),
                                       cmocka_unit_test(any_rows),
                                       cmocka_unit_test(infinite_costs)};
    return cmocka_run_group_tests_name("matching dense", tests, start, end);
}
