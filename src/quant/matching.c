#include "quant/matching.h"

#include "base/memory.h"
#include "kernels/kernels.h"

#include <math.h>

semid_status matching_init(matching *m, size_t n_columns, size_t max_rows, semid_error *err) {
    m->n_columns = n_columns;
    TRY(mem_alloc(&m->row_of, n_columns, sizeof *m->row_of, err));
    TRY(mem_alloc(&m->column_of, max_rows, sizeof *m->column_of, err));
    TRY(mem_alloc(&m->prices, n_columns, sizeof *m->prices, err));
    TRY(mem_alloc(&m->distances, n_columns, sizeof *m->distances, err));
    TRY(mem_alloc(&m->came_from, n_columns, sizeof *m->came_from, err));
    return mem_alloc(&m->closed, n_columns, sizeof *m->closed, err);
}

void matching_release(matching *m) {
    mem_free(m->row_of);
    mem_free(m->column_of);
    mem_free(m->prices);
    mem_free(m->distances);
    mem_free(m->came_from);
    mem_free(m->closed);
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

/* Where costs overflowed: any column will do. */
static size_t first_free(const matching *m) {
    size_t column = 0;
    while (m->row_of[column] >= 0) column++;
    return column;
}

bool matching_add(matching *m, size_t row) {
    size_t n_closed = 0, column, from = row;
    const float *costs = m->costs(m->user, row);
    if (!costs) return false;
    for (size_t k = 0; k < m->n_columns; k++) m->distances[k] = (double)INFINITY;
    double base = 0, distance = -(double)INFINITY;
    for (;;) {
        column = kernels()->relax_f64(costs, m->prices, base, distance, (double)from, m->distances,
                                      m->came_from, m->n_columns);
        if (column == m->n_columns) {
            matching_take(m, row, first_free(m));
            return true;
        }
        distance = m->distances[column];
        if (m->row_of[column] < 0) break;
        m->distances[column] = (double)NAN;
        m->closed[n_closed++] = (closed_column){distance, (uint32_t)column};
        from = (size_t)m->row_of[column];
        costs = m->costs(m->user, from);
        if (!costs) return false;
        base = distance - ((double)costs[column] - m->prices[column]);
    }
    for (size_t i = 0; i < n_closed; i++)
        m->prices[m->closed[i].column] -= distance - m->closed[i].distance;
    shift_rows(m, row, column);
    return true;
}
