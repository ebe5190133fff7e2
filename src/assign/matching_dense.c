#include "assign/matching.h"

#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>

/* Rows that crowd around the same columns make every search of matching_add() long. Their prices
 * are found first, roughly: rows bid for columns (Bertsekas 1988), each raising what its cheapest
 * column costs to all by a little more than makes the next one as cheap. From there searches are
 * short. Prices that were bid for a column nobody takes in the end are taken back, by searches of
 * the same kind. */

/* Bids raise prices by the mean gap between a row's two cheapest columns times these, in turn. */
static const float raises[] = {0.1F, 0.01F};
enum { N_RAISES = sizeof raises / sizeof *raises };

/* What is not found with so many bids a row is left to the searches. */
enum { BIDS_PER_ROW = 32 };

enum { SAMPLED_ROWS = 16 };

typedef struct table {
    const float *costs; /* [n_rows, stride] */
    size_t stride, n_rows;
} table;

static const float *row_costs(const table *t, size_t row) {
    return t->costs + row * t->stride;
}

/* ---- rough prices ---- */

static int by_price(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Columns that cost more on average are worth less. Those that will stay free have the highest
 * price, 0; half as many again start there. False if the costs are too large for this. */
static bool start_offers(matching *m, const table *t) {
    size_t n = m->n_columns, n_free = n - t->n_rows;
    double *means = m->distances, *sorted = m->came_from;
    for (size_t k = 0; k < n; k++) means[k] = 0;
    for (size_t i = 0; i < t->n_rows; i++) kernels()->add_f64(means, row_costs(t, i), n);
    for (size_t k = 0; k < n; k++) sorted[k] = means[k] /= (double)t->n_rows;
    qsort(sorted, n, sizeof *sorted, by_price);
    size_t n_highest = n_free + n_free / 2 + 1;
    double highest = sorted[n - (n_highest < n ? n_highest : n)];
    bool are_finite = true;
    for (size_t k = 0; k < n; k++) {
        m->offers[k] = (float)fmin(means[k] - highest, 0);
        are_finite = are_finite && isfinite(means[k]) && isfinite(m->offers[k]);
    }
    return are_finite;
}

static float mean_gap(const matching *m, const table *t) {
    size_t n_sampled = t->n_rows < SAMPLED_ROWS ? t->n_rows : SAMPLED_ROWS;
    float sum = 0, gap;
    for (size_t i = 0; i < n_sampled; i++) {
        const float *costs = row_costs(t, i * t->n_rows / n_sampled);
        kernels()->cheapest_f32(costs, m->offers, m->n_columns, &gap);
        sum += gap;
    }
    return sum / (float)n_sampled;
}

/* Every row bids until it has a column, the first in line first. */
static void bid(matching *m, const table *t, float raise) {
    size_t n = t->n_rows, first = 0, n_waiting = n;
    for (size_t k = 0; k < m->n_columns; k++) m->row_of[k] = -1;
    for (size_t i = 0; i < n; i++) m->waiting[i] = (uint32_t)i;
    for (size_t bids = 0; n_waiting > 0 && bids < BIDS_PER_ROW * n; bids++) {
        uint32_t row = m->waiting[first];
        float gap;
        size_t column = kernels()->cheapest_f32(row_costs(t, row), m->offers, m->n_columns, &gap);
        float offer = m->offers[column] - (gap + raise);
        int32_t left = m->row_of[column];
        n_waiting--;
        first = first + 1 < n ? first + 1 : 0;
        if (left >= 0 && !(offer < m->offers[column])) continue; /* too small a raise to count */
        m->offers[column] = offer;
        m->row_of[column] = (int32_t)row;
        if (left < 0) continue;
        m->waiting[(first + n_waiting) % n] = (uint32_t)left;
        n_waiting++;
    }
}

static void find_prices(matching *m, const table *t) {
    bool are_finite = start_offers(m, t);
    if (are_finite) {
        float gap = mean_gap(m, t);
        for (size_t r = 0; r < N_RAISES; r++) bid(m, t, raises[r] * gap);
        for (size_t k = 0; k < m->n_columns; k++) are_finite = are_finite && isfinite(m->offers[k]);
    }
    matching_clear(m);
    for (size_t k = 0; are_finite && k < m->n_columns; k++) m->prices[k] = (double)m->offers[k];
}

/* ---- searches ---- */

static size_t relax(matching *m, const table *t, size_t row, double base, double distance) {
    return kernels()->relax_f64(row_costs(t, row), m->prices, base, distance, (double)row,
                                m->distances, m->came_from, m->n_columns);
}

/* From the nearest column on to the nearest free one; n_columns if none can be reached. */
static size_t reach_free(matching *m, const table *t, size_t column) {
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

/* Every row on the path moves to the column after it. The path begins with a row that has none yet,
 * or with a column, which becomes free. */
static void shift_rows(matching *m, size_t column) {
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

static void add_row(matching *m, const table *t, size_t row) {
    m->column_of[row] = -1;
    for (size_t k = 0; k < m->n_columns; k++) m->distances[k] = (double)INFINITY;
    size_t column = reach_free(m, t, relax(m, t, row, 0, -(double)INFINITY));
    if (column == m->n_columns) {
        matching_take(m, row, matching_first_free(m));
        return;
    }
    double distance = m->distances[column];
    for (size_t i = 0; i < m->n_closed; i++)
        m->prices[m->closed[i].column] -= distance - m->closed[i].distance;
    shift_rows(m, column);
}

/* Free columns have the highest price, 0. One that has not: search from the free columns, as though
 * a row that costs nothing anywhere had them, for one of those that are not. False if there is
 * none. */
static bool take_back(matching *m, const table *t) {
    size_t n = m->n_columns, column = n;
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
    if (!any) return false;
    column = reach_free(m, t, column);
    distance = m->distances[column];
    for (size_t k = 0; k < n; k++)
        if (!isnan(m->distances[k])) m->prices[k] = fmin(m->prices[k] + distance, 0);
    for (size_t i = 0; i < m->n_closed; i++) {
        double *price = &m->prices[m->closed[i].column];
        *price = fmin(*price + m->closed[i].distance, 0);
    }
    shift_rows(m, column);
    return true;
}

void matching_dense(matching *m, const float *costs, size_t stride, size_t n_rows) {
    table t = {costs, stride, n_rows};
    find_prices(m, &t);
    for (size_t i = 0; i < n_rows; i++) add_row(m, &t, i);
    while (take_back(m, &t)) continue;
}
