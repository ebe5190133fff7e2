/* eval/profile.h - the histories of users, and the vector that represents a user. */
#ifndef EVAL_PROFILE_H
#define EVAL_PROFILE_H

#include "base/error.h"
#include "table/interactions.h"

#include <stdbool.h>

#define ROW_NONE UINT32_MAX

/* Per user the catalogue rows of train and valid, without items outside the catalogue. */
typedef struct histories {
    size_t n_users;
    uint64_t *offsets; /* [n_users + 1] into both lists */
    uint32_t *rows;    /* by timestamp; equal ones: train before valid, then file order */
    uint32_t *sorted;  /* the same rows of each user, ascending */
} histories;

/* item_rows [items of the set]: the catalogue row of each item, or ROW_NONE. */
semid_status histories_init(histories *out, const interaction_set *set, const uint32_t *item_rows,
                            semid_error *err);
void histories_release(histories *h);

size_t histories_length(const histories *h, uint32_t user);
/* Whether `row` is in the user's history. */
bool histories_has(const histories *h, uint32_t user, uint32_t row);

typedef enum profile_kind { PROFILE_MEAN, PROFILE_LAST, PROFILE_LAST_N } profile_kind;

/* How many of the newest items a profile averages. */
size_t profile_length(const histories *h, uint32_t user, profile_kind kind, size_t last_n);

/* The mean of the vectors x [., dim] of the user's n newest rows, n > 0; workspace [dim]. */
void profile_mean(const histories *h, uint32_t user, size_t n, const float *x, size_t dim,
                  double *workspace, float *out);

#endif
