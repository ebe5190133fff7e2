/* assign/matching.h - the assignment problem: distinct columns for rows at the least sum of costs.
 *
 * After every row that is added, the matching is the cheapest one of the rows so far. There are at
 * least as many columns as rows. */
#ifndef ASSIGN_MATCHING_H
#define ASSIGN_MATCHING_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A column whose distance is final, in the search for a path. */
typedef struct closed_column {
    double distance;
    uint32_t column;
} closed_column;

/* A row that the search has gone on from. */
typedef struct scanned_row {
    double base;  /* what the search adds to the row's costs */
    double bound; /* columns that the row did not list are no nearer; +inf: it listed all */
    uint32_t row;
} scanned_row;

typedef struct matching {
    size_t n_columns;
    /* Costs [n_columns] of a row; NULL stops the search. With `all`, and for this row ever after,
     * the costs of all columns; else perhaps of some: +inf for the others, whose costs are at least
     * *rest, which is left alone where none is missing. */
    const float *(*costs)(void *user, size_t row, bool all, float *rest);
    void *user;
    int32_t *row_of;       /* [n_columns], -1: free */
    int32_t *column_of;    /* [n_rows], set once the row is matched */
    double *prices;        /* [n_columns] duals of the columns, <= 0 */
    double *distances;     /* [n_columns] of the search, as the rest; NaN: closed */
    double *came_from;     /* [n_columns] the row before a column on its path */
    closed_column *closed; /* [n_closed <= n_columns] in the order they were reached */
    scanned_row *scanned;  /* [n_scanned <= n_columns] */
    size_t n_closed, n_scanned;
    size_t least_bound;   /* the scanned row with the least bound */
    float *rough_prices;  /* [n_columns] of the auction in matching_dense */
    uint32_t *unassigned; /* [n_columns] its rows without a column, a ring */
} matching;

semid_status matching_init(matching *m, size_t n_columns, size_t max_rows, semid_error *err);
void matching_release(matching *m);

/* Forget all rows. */
void matching_clear(matching *m);

/* Give the row a free column: right if it is the row's cheapest, and no row was added by a search
 * yet. */
void matching_take(matching *m, size_t row, size_t column);

/* A column for a row whose costs overflowed: any will do. There must be a free one. */
size_t matching_first_free(const matching *m);

/* Match one more row; there must be a free column. False if costs() stopped it. */
bool matching_add(matching *m, size_t row);

/* Forget all rows and match rows [0, n_rows), n_rows <= n_columns, whose costs [n_rows, stride] are
 * all known. Faster than one after another where rows compete for most of the columns. */
void matching_dense(matching *m, const float *costs, size_t stride, size_t n_rows);

#endif
