/* The assignment problem where rows compete for most of the columns.
 *
 * Every search of matching_add() would then be long: it passes through most rows. So rough prices
 * are found first, by an auction (Bertsekas 1988): a row without a column bids for the one that is
 * cheapest at current prices, and raises what it costs everybody by a little more than makes the
 * row's second choice as cheap; who had the column loses it and bids again. From the prices of the
 * auction, shortest augmenting paths as in matching.c are short, and make the matching exact.
 *
 * Paths need prices of 0 for free columns. Where the auction lowered the price of a column that
 * nobody takes in the end, a search in the other direction raises it back to 0, moving rows if that
 * is cheaper. Invariant between steps: every matched row has a column of least reduced cost.
 *
 * Rough prices only decide how long the searches take, not the sum of costs; auctions end after
 * BIDS_PER_ROW bids per row. Cost: O(n_columns) per bid and per scanned row. */
#include "assign/matching.h"

#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>

/* A bid exceeds what is needed by the mean gap between a row's two cheapest columns times these,
 * one auction after the other: the first is quick, the second exact. */
static const float raises[] = {0.1F, 0.01F};
enum { N_RAISES = sizeof raises / sizeof *raises };

/* What is not found with so many bids per row is left to the searches. */
enum { BIDS_PER_ROW = 32 };

/* The mean gap is measured on so many rows. */
enum { SAMPLED_ROWS = 16 };

typedef struct cost_table {
    const float *costs; /* [n_rows, stride] */
    size_t stride, n_rows;
} cost_table;

static const float *row_costs(const cost_table *t, size_t row) {
    return t->costs + row * t->stride;
}

/* ---- rough prices ---- */

static int by_price(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The auction: rows without a column bid in turn, until all have one. */
static void auction(matching *m, const cost_table *t, float raise) {
    size_t n = t->n_rows, first = 0, n_unassigned = n;
    for (size_t k = 0; k < m->n_columns; k++) m->row_of[k] = -1;
    for (size_t i = 0; i < n; i++) m->unassigned[i] = (uint32_t)i;

    for (size_t bids = 0; n_unassigned > 0 && bids < BIDS_PER_ROW * n; bids++) {
        float gap;
        uint32_t row = m->unassigned[first];
        size_t column =
            kernels()->cheapest_f32(row_costs(t, row), m->rough_prices, m->n_columns, &gap);
        float bid = m->rough_prices[column] - (gap + raise);
        int32_t outbid = m->row_of[column];
        n_unassigned--;
        first = first + 1 < n ? first + 1 : 0;
        if (outbid >= 0 && !(bid < m->rough_prices[column])) continue; /* lost in rounding */

        m->rough_prices[column] = bid;
        m->row_of[column] = (int32_t)row;
        if (outbid < 0) continue;
        m->unassigned[(first + n_unassigned) % n] = (uint32_t)outbid;
        n_unassigned++;
    }
}

/* Prices by two auctions, or all 0 where costs are too large for this. */
static void find_prices(matching *m, const cost_table *t) {
    size_t n = m->n_columns, n_rows = t->n_rows, n_free = n - n_rows;
    double *means = m->distances, *sorted = m->came_from;
    for (size_t k = 0; k < n; k++) means[k] = 0;
    for (size_t i = 0; i < n_rows; i++) kernels()->add_f64(means, row_costs(t, i), n);
    for (size_t k = 0; k < n; k++) sorted[k] = means[k] /= (double)n_rows;
    qsort(sorted, n, sizeof *sorted, by_price);

    /* Start: columns that cost more on average are worth less. Those that will stay free have the
     * highest price, 0; half as many again start there. */
    size_t n_highest = n_free + n_free / 2 + 1;
    double highest = sorted[n - (n_highest < n ? n_highest : n)];
    bool are_finite = true;
    for (size_t k = 0; k < n; k++) {
        m->rough_prices[k] = (float)fmin(means[k] - highest, 0);
        are_finite = are_finite && isfinite(means[k]) && isfinite(m->rough_prices[k]);
    }

    if (are_finite) {
        size_t n_sampled = n_rows < SAMPLED_ROWS ? n_rows : SAMPLED_ROWS;
        float sum = 0, gap;
        for (size_t i = 0; i < n_sampled; i++) {
            const float *costs = row_costs(t, i * n_rows / n_sampled);
            kernels()->cheapest_f32(costs, m->rough_prices, n, &gap);
            sum += gap;
        }
        gap = sum / (float)n_sampled;

        for (size_t r = 0; r < N_RAISES; r++) auction(m, t, raises[r] * gap);
        for (size_t k = 0; k < n; k++) are_finite = are_finite && isfinite(m->rough_prices[k]);
    }

    matching_clear(m);
    for (size_t k = 0; are_finite && k < n; k++) m->prices[k] = (double)m->rough_prices[k];
}

/* ---- searches ---- */

static size_t relax(matching *m, const cost_table *t, size_t row, double base, double distance) {
    return kernels()->relax_f64(row_costs(t, row), m->prices, base, distance, (double)row,
                                m->distances, m->came_from, m->n_columns);
}

/* From the nearest column on to the nearest free one; n_columns if none can be reached. */
static size_t reach_free(matching *m, const cost_table *t, size_t column) {
    m->n_closed = 0;
    while (column < m->n_columns && m->row_of[column] >= 0) {
        double distance = m->distances[column];
        size_t row = (size_t)m->row_of[column];
        m->distances[column] = (double)NAN;
        m->closed[m->n_closed++] = (closed_column){distance, (uint32_t)column};

        double own = (double)row_costs(t, row)[column] - m->prices[column];
        column = relax(m, t, row, distance - own, distance);
    }
    return column;
}

/* Augment: every row on the path moves to the column after it. The path begins with a row that has
 * no column yet, or with a column, which becomes free. */
static void augment(matching *m, size_t column) {
    int32_t left = (int32_t)column;
    while (left >= 0) {
        double from = m->came_from[left];
        column = (size_t)left;
        if (from < 0) {
            m->row_of[column] = -1;
            return;
        }
        left = m->column_of[(size_t)from];
        matching_take(m, (size_t)from, column);
    }
}

void matching_dense(matching *m, const float *costs, size_t stride, size_t n_rows) {
    cost_table t = {costs, stride, n_rows};
    size_t n = m->n_columns;
    find_prices(m, &t);

    /* Add one row after another, as matching_add does. */
    for (size_t row = 0; row < n_rows; row++) {
        m->column_of[row] = -1;
        for (size_t k = 0; k < n; k++) m->distances[k] = (double)INFINITY;
        size_t column = reach_free(m, &t, relax(m, &t, row, 0, -(double)INFINITY));
        if (column == n) {
            matching_take(m, row, matching_first_free(m));
            continue;
        }
        double distance = m->distances[column];
        for (size_t i = 0; i < m->n_closed; i++)
            m->prices[m->closed[i].column] -= distance - m->closed[i].distance;
        augment(m, column);
    }

    /* Free columns must have the highest price, 0. To raise one that has not: search from the free
     * columns of price 0, as though a row that costs nothing anywhere had them, for the nearest
     * free column of a lower price, until there is none. */
    for (;;) {
        size_t column = n;
        bool any = false;
        double distance = (double)INFINITY;
        for (size_t k = 0; k < n; k++) {
            bool is_free = m->row_of[k] < 0, is_highest = m->prices[k] >= 0;
            m->came_from[k] = -1;
            m->distances[k] = is_free && is_highest ? (double)NAN : -m->prices[k];
            any = any || (is_free && !is_highest);
            if (!(m->distances[k] < distance)) continue;
            distance = m->distances[k];
            column = k;
        }
        if (!any) return;

        column = reach_free(m, &t, column);
        distance = m->distances[column];
        for (size_t k = 0; k < n; k++)
            if (!isnan(m->distances[k])) m->prices[k] = fmin(m->prices[k] + distance, 0);
        for (size_t i = 0; i < m->n_closed; i++) {
            double *price = &m->prices[m->closed[i].column];
            *price = fmin(*price + m->closed[i].distance, 0);
        }
        augment(m, column);
    }
}
