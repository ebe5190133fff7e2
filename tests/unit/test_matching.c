/* The cheapest matching, against all matchings of small tables. */
#include "assign/matching.h"

#include "base/rng.h"
#include "support/support.h"

#include <math.h>

enum { MAX_ROWS = 5, MAX_COLUMNS = 7, TABLES = 2000 };

static semid_error err;

typedef struct table {
    size_t n_rows, n_columns, n_listed; /* columns that a row gives unasked */
    bool asked[MAX_ROWS];               /* for all, and gives them from then on */
    float doubt;                        /* how much its bound for the others is too low */
    float costs[MAX_ROWS][MAX_COLUMNS];
} table;

static const float *costs(void *user, size_t row, bool all, float *rest) {
    static float listed[MAX_COLUMNS];
    table *t = user;
    t->asked[row] |= all;
    if (t->asked[row] || t->n_listed >= t->n_columns) return t->costs[row];
    *rest = INFINITY;
    for (size_t k = 0; k < t->n_columns; k++) {
        size_t rank = 0;
        for (size_t j = 0; j < t->n_columns; j++) rank += t->costs[row][j] < t->costs[row][k];
        listed[k] = rank < t->n_listed ? t->costs[row][k] : INFINITY;
        if (rank >= t->n_listed) *rest = fminf(*rest, t->costs[row][k] - t->doubt);
    }
    return listed;
}

static double cheapest(const table *t, size_t row, unsigned taken) {
    double best = INFINITY;
    if (row == t->n_rows) return 0;
    for (size_t k = 0; k < t->n_columns; k++)
        if (!(taken >> k & 1))
            best = fmin(best, (double)t->costs[row][k] + cheapest(t, row + 1, taken | 1U << k));
    return best;
}

static size_t cheapest_column(const table *t, size_t row) {
    size_t best = 0;
    for (size_t k = 1; k < t->n_columns; k++)
        if (t->costs[row][k] < t->costs[row][best]) best = k;
    return best;
}

static void check(table *t, matching *m) {
    double sum = 0;
    unsigned taken = 0;
    m->user = t;
    m->n_columns = t->n_columns;
    matching_clear(m);
    for (size_t i = 0; i < t->n_rows; i++) {
        size_t column = cheapest_column(t, i);
        m->column_of[i] = -1;
        if (m->row_of[column] < 0) matching_take(m, i, column);
    }
    for (size_t i = 0; i < t->n_rows; i++)
        if (m->column_of[i] < 0) assert_true(matching_add(m, i));
    for (size_t i = 0; i < t->n_rows; i++) {
        size_t column = (size_t)m->column_of[i];
        assert_false(taken >> column & 1);
        assert_int_equal(m->row_of[column], i);
        taken |= 1U << column;
        sum += (double)t->costs[i][column];
    }
    assert_true(fabs(sum - cheapest(t, 0, 0)) < 1e-5);
}

/* Real costs, and small whole ones with many ties; as many rows as columns, or fewer; rows that
 * list their nearest columns, or all. */
static void the_cheapest_of_all(void **state) {
    (void)state;
    matching m = {.costs = costs};
    rng r;
    rng_init(&r, 3, 0);
    assert_ok(matching_init(&m, MAX_COLUMNS, MAX_ROWS, &err));
    for (size_t n = 0; n < TABLES; n++) {
        table t = {.n_rows = 1 + (size_t)rng_below(&r, MAX_ROWS)};
        t.n_columns = t.n_rows + (size_t)rng_below(&r, MAX_COLUMNS - t.n_rows + 1);
        t.n_listed = 1 + (size_t)rng_below(&r, MAX_COLUMNS);
        t.doubt = (float)rng_below(&r, 3) / 2;
        for (size_t i = 0; i < t.n_rows; i++)
            for (size_t k = 0; k < t.n_columns; k++)
                t.costs[i][k] = n % 2 ? (float)rng_normal(&r) : (float)rng_below(&r, 4) - 2;
        check(&t, &m);
    }
    matching_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_cheapest_of_all)};
    return cmocka_run_group_tests_name("matching", tests, NULL, NULL);
}
