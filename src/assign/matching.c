#include "assign/matching.h"

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
    TRY(mem_alloc(&m->closed, n_columns, sizeof *m->closed, err));
    TRY(mem_alloc(&m->scanned, n_columns, sizeof *m->scanned, err));
    TRY(mem_alloc(&m->offers, n_columns, sizeof *m->offers, err));
    return mem_alloc(&m->waiting, n_columns, sizeof *m->waiting, err);
}

void matching_release(matching *m) {
    mem_free(m->row_of);
    mem_free(m->column_of);
    mem_free(m->prices);
    mem_free(m->distances);
    mem_free(m->came_from);
    mem_free(m->closed);
    mem_free(m->scanned);
    mem_free(m->offers);
    mem_free(m->waiting);
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

size_t matching_first_free(const matching *m) {
    size_t column = 0;
    while (m->row_of[column] >= 0) column++;
    return column;
}

/* The nearest open column after going on from a row that the search is at, or n_columns. */
static size_t relax(matching *m, const float *costs, double base, double distance, size_t row) {
    return kernels()->relax_f64(costs, m->prices, base, distance, (double)row, m->distances,
                                m->came_from, m->n_columns);
}

/* Go on from a row at this distance, whose own column is none yet or the one just closed. */
static bool scan(matching *m, size_t row, double distance, size_t *column) {
    float rest = INFINITY;
    const float *costs = m->costs(m->user, row, false, &rest);
    if (!costs) return false;
    double base = 0;
    if (m->n_closed > 0) {
        size_t own = (size_t)m->column_of[row];
        base = distance - ((double)costs[own] - m->prices[own]);
    }
    scanned_row *s = &m->scanned[m->n_scanned];
    *s = (scanned_row){base, base + (double)rest, (uint32_t)row};
    if (s->bound < m->scanned[m->least_bound].bound) m->least_bound = m->n_scanned;
    m->n_scanned++;
    *column = relax(m, costs, base, distance, row);
    return true;
}

static void find_least_bound(matching *m) {
    m->least_bound = 0;
    for (size_t i = 1; i < m->n_scanned; i++)
        if (m->scanned[i].bound < m->scanned[m->least_bound].bound) m->least_bound = i;
}

/* Ask rows for all their columns while one of those not listed may be nearer than `column`. */
static bool ask_rest(matching *m, double distance, size_t *column) {
    for (;;) {
        scanned_row *s = &m->scanned[m->least_bound];
        double nearest = *column < m->n_columns ? m->distances[*column] : (double)INFINITY;
        if (!(s->bound < nearest)) return true;
        const float *costs = m->costs(m->user, s->row, true, NULL);
        if (!costs) return false;
        s->bound = (double)INFINITY;
        *column = relax(m, costs, s->base, distance, s->row);
        find_least_bound(m);
    }
}

bool matching_add(matching *m, size_t row) {
    size_t column, from = row;
    double distance = -(double)INFINITY;
    m->n_closed = m->n_scanned = m->least_bound = 0;
    for (size_t k = 0; k < m->n_columns; k++) m->distances[k] = (double)INFINITY;
    for (;;) {
        if (!scan(m, from, distance, &column) || !ask_rest(m, distance, &column)) return false;
        if (column == m->n_columns) {
            matching_take(m, row, matching_first_free(m));
            return true;
        }
        distance = m->distances[column];
        if (m->row_of[column] < 0) break;
        m->distances[column] = (double)NAN;
        m->closed[m->n_closed++] = (closed_column){distance, (uint32_t)column};
        from = (size_t)m->row_of[column];
    }
    for (size_t i = 0; i < m->n_closed; i++)
        m->prices[m->closed[i].column] -= distance - m->closed[i].distance;
    shift_rows(m, row, column);
    return true;
}
