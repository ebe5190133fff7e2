#include "quant/matching.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

semid_status matching_init(matching *m, size_t n_columns, size_t max_rows, semid_error *err) {
    m->n_columns = n_columns;
    TRY(mem_alloc(&m->row_of, n_columns, sizeof *m->row_of, err));
    TRY(mem_alloc(&m->column_of, max_rows, sizeof *m->column_of, err));
    TRY(mem_alloc(&m->prices, n_columns, sizeof *m->prices, err));
    TRY(mem_alloc(&m->distances, n_columns, sizeof *m->distances, err));
    TRY(mem_alloc(&m->came_from, n_columns, sizeof *m->came_from, err));
    TRY(mem_alloc(&m->closed, n_columns, sizeof *m->closed, err));
    return mem_alloc(&m->is_closed, n_columns, sizeof *m->is_closed, err);
}

void matching_release(matching *m) {
    mem_free(m->row_of);
    mem_free(m->column_of);
    mem_free(m->prices);
    mem_free(m->distances);
    mem_free(m->came_from);
    mem_free(m->closed);
    mem_free(m->is_closed);
    *m = (matching){0};
}

void matching_clear(matching *m) {
    for (size_t k = 0; k < m->n_columns; k++) {
        m->row_of[k] = -1;
        m->prices[k] = 0;
    }
}

void matching_take(matching *m, size_t row, size_t column) {
    m->row_of[column] = (int32_t)row;
    m->column_of[row] = (int32_t)column;
}

/* Columns may be reached through `row`, itself reached at `distance`; `dual` is the row's. Reduced
 * costs are not negative but for rounding. */
static void relax(matching *m, size_t row, const float *costs, double distance, double dual) {
    double base = distance - dual;
    for (size_t k = 0; k < m->n_columns; k++) {
        double d = base + (double)costs[k] - m->prices[k];
        if (d >= m->distances[k] || m->is_closed[k]) continue;
        m->distances[k] = fmax(d, distance);
        m->came_from[k] = (int32_t)row;
    }
}

/* The nearest open column: free ones first, then the lowest. */
static size_t nearest_open(const matching *m) {
    size_t best = m->n_columns;
    for (size_t k = 0; k < m->n_columns; k++) {
        if (m->is_closed[k]) continue;
        if (best == m->n_columns || m->distances[k] < m->distances[best] ||
            (m->distances[k] == m->distances[best] && m->row_of[best] >= 0 && m->row_of[k] < 0))
            best = k;
    }
    return best;
}

/* Every row on the path moves to the column after it. */
static void shift_rows(matching *m, size_t row, size_t column) {
    for (;;) {
        size_t from = (size_t)m->came_from[column];
        int32_t left = from == row ? -1 : m->column_of[from];
        matching_take(m, from, column);
        if (left < 0) return;
        column = (size_t)left;
    }
}

bool matching_add(matching *m, size_t row) {
    size_t n_closed = 0, column, from = row;
    const float *costs = m->costs(m->user, row);
    if (!costs) return false;
    double dual = INFINITY, distance = 0;
    for (size_t k = 0; k < m->n_columns; k++) {
        m->distances[k] = INFINITY;
        m->came_from[k] = (int32_t)row; /* stays so where costs overflowed */
        m->is_closed[k] = false;
        dual = fmin(dual, (double)costs[k] - m->prices[k]);
    }
    for (;;) {
        relax(m, from, costs, distance, dual);
        column = nearest_open(m);
        distance = m->distances[column];
        if (m->row_of[column] < 0) break;
        m->is_closed[column] = true;
        m->closed[n_closed++] = (uint32_t)column;
        from = (size_t)m->row_of[column];
        costs = m->costs(m->user, from);
        if (!costs) return false;
        dual = (double)costs[column] - m->prices[column];
    }
    for (size_t i = 0; i < n_closed; i++)
        m->prices[m->closed[i]] -= distance - m->distances[m->closed[i]];
    shift_rows(m, row, column);
    return true;
}
