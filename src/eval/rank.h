/* eval/rank.h - the rank of the held-out item among the candidates or in the whole catalogue.
 *
 * The rank is how many items score better: a higher inner product with the profile, or an equal one
 * and a lower row (`high_row_first`: a higher row). Scores are compared as double gives them:
 * float32 decides only where scores differ by more than its rounding error. So neither the order of
 * summation nor the instruction set can change a rank. */
#ifndef EVAL_RANK_H
#define EVAL_RANK_H

#include "base/error.h"
#include "device/device.h"
#include "eval/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANK_NONE UINT32_MAX /* not among the items, or at or beyond the limit */

typedef struct ranker {
    const device *device; /* searches the whole catalogue */
    const float *x;       /* [n_items, dim], borrowed */
    size_t n_items, dim;
    double largest_norm; /* of a row */
    bool high_row_first;
} ranker;

void ranker_init(ranker *r, const device *on, const float *x, size_t n_items, size_t dim,
                 bool high_row_first);

/* The rank of item `target` among rows [n], which contain it; scores: workspace [n]. */
uint32_t rank_among(const ranker *r, const float *profile, uint32_t target, const uint32_t *rows,
                    size_t n, float *scores);

/* Searches of the whole catalogue: the rank of item targets[i] for profile i [dim]. With `masked`
 * the history of users[i] is not ranked, except for the target. */
typedef struct rank_queries {
    size_t n;
    const float *profiles; /* [n, dim] */
    const uint32_t *targets, *users;
    const histories *masked;
} rank_queries;

/* ranks [n]: in the whole catalogue, RANK_NONE from `limit` on. Parallel over queries. */
semid_status rank_in_catalogue(const ranker *r, const rank_queries *q, uint32_t limit,
                               uint32_t *ranks, semid_error *err);

#endif
