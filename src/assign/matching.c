/* Shortest augmenting paths (Jonker & Volgenant 1987; Crouse 2016), one row after another.
 *
 * Every column has a price (its dual), at most 0 and 0 while it is free; a row's reduced cost of a
 * column is cost - price, and every matched row has the column where that is least. To add a row,
 * Dijkstra's algorithm searches from it for the nearest free column: columns are nodes, and going
 * from a column on to another means that its row gives it up for the other one. Then rows move on
 * along the path, and the prices of closed columns fall by how much nearer than the path's end they
 * were reached, which restores the invariant. The matching of the rows so far stays the cheapest.
 *
 * Costs may be known in part: a row lists some columns and a lower bound of all others. The search
 * goes on with what is listed and asks for the rest of a row only when a column that is not listed
 * might be nearer than the nearest one known; the path is the same as with all costs.
 *
 * Cost: O(n_columns) per scanned row, at most n of them for the n-th row. Ties go to the lowest
 * column (kernels.def, relax_f64). */
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

    TRY(mem_alloc(&m->rough_prices, n_columns, sizeof *m->rough_prices, err));
    return mem_alloc(&m->unassigned, n_columns, sizeof *m->unassigned, err);
}

void matching_release(matching *m) {
    mem_free(m->row_of);
    mem_free(m->column_of);
    mem_free(m->prices);
    mem_free(m->distances);
    mem_free(m->came_from);
    mem_free(m->closed);
    mem_free(m->scanned);
    mem_free(m->rough_prices);
    mem_free(m->unassigned);
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

size_t matching_first_free(const matching *m) {
    size_t column = 0;
    while (m->row_of[column] >= 0) column++;
    return column;
}

/* Relax the columns from a row; returns the nearest open column, or n_columns if none is reached.
 */
static size_t relax(matching *m, const float *costs, double base, double distance, size_t row) {
    return kernels()->relax_f64(costs, m->prices, base, distance, (double)row, m->distances,
                                m->came_from, m->n_columns);
}

/* Go on from a row whose own column was closed at this distance, or from the row that is added,
 * which has none. *column: the nearest open column. False if costs() stopped the search. */
static bool scan(matching *m, size_t row, double distance, size_t *column) {
    float rest = INFINITY;
    double base = 0;
    const float *costs = m->costs(m->user, row, false, &rest);
    if (!costs) return false;
    if (m->n_closed > 0) {
        size_t own = (size_t)m->column_of[row];
        base = distance - ((double)costs[own] - m->prices[own]);
    }

    scanned_row *s = &m->scanned[m->n_scanned];
    *s = (scanned_row){base, base + (double)rest, (uint32_t)row};
    if (s->bound < m->scanned[m->least_bound].bound) m->least_bound = m->n_scanned;
    m->n_scanned++;
    *column = relax(m, costs, base, distance, row);

    /* Complete scanned rows as long as a column that they did not list may be nearer. */
    for (;;) {
        s = &m->scanned[m->least_bound];
        double nearest = *column < m->n_columns ? m->distances[*column] : (double)INFINITY;
        if (!(s->bound < nearest)) return true;

        costs = m->costs(m->user, s->row, true, NULL);
        if (!costs) return false;
        s->bound = (double)INFINITY;
        *column = relax(m, costs, s->base, distance, s->row);

        m->least_bound = 0;
        for (size_t i = 1; i < m->n_scanned; i++)
            if (m->scanned[i].bound < m->scanned[m->least_bound].bound) m->least_bound = i;
    }
}

bool matching_add(matching *m, size_t row) {
    size_t column, from = row;
    double distance = -(double)INFINITY;
    m->n_closed = m->n_scanned = m->least_bound = 0;
    for (size_t k = 0; k < m->n_columns; k++) m->distances[k] = (double)INFINITY;

    /* Close the nearest column and go on from its row, until the nearest one is free. */
    for (;;) {
        if (!scan(m, from, distance, &column)) return false;
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

    /* Augment: from the end of the path on, every row moves to the column after it. */
    do {
        from = (size_t)m->came_from[column];
        size_t left = from == row ? m->n_columns : (size_t)m->column_of[from];
        matching_take(m, from, column);
        column = left;
    } while (from != row);
    return true;
}
