/* learn/shuffled_rows.h - the training rows in a random order, to be taken batch by batch. */
#ifndef LEARN_SHUFFLED_ROWS_H
#define LEARN_SHUFFLED_ROWS_H

#include "base/rng.h"
#include "codebook/row_source.h"

typedef struct shuffled_rows {
    const row_source *source; /* borrowed */
    uint32_t *order;          /* [source->n] numbers of the rows, in the order they are taken in */
    /* Where rows are read: those at positions [window_begin, window_end) of the order. */
    float *window; /* [window_rows, dim], or NULL */
    size_t window_rows, window_begin, window_end;
} shuffled_rows;

/* In the order of the source. batch_rows: the largest n of fetch and copy. Zeroed ones may be
 * released. */
semid_status shuffled_rows_init(shuffled_rows *s, const row_source *source, size_t batch_rows,
                                semid_error *err);
void shuffled_rows_release(shuffled_rows *s);

/* Back to the order of the source. */
void shuffled_rows_reset(shuffled_rows *s);
/* Shuffle the order as it is. */
void shuffled_rows_shuffle(shuffled_rows *s, rng *random);

/* Positions [first, first + n) are ready for shuffled_rows_at until the next call. What `read`
 * returns is passed on. */
semid_status shuffled_rows_fetch(shuffled_rows *s, size_t first, size_t n, semid_error *err);
/* The row [dim] at a position that was fetched. */
static inline const float *shuffled_rows_at(const shuffled_rows *s, size_t position) {
    size_t dim = s->source->dim;
    if (s->window) return s->window + (position - s->window_begin) * dim;
    return s->source->x + (size_t)s->order[position] * dim;
}

/* Fetched and copied to out [n, dim]. */
semid_status shuffled_rows_copy(shuffled_rows *s, size_t first, size_t n, float *out,
                                semid_error *err);

#endif
