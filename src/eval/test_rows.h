/* eval/test_rows.h - the rows of the test file that are evaluated. */
#ifndef EVAL_TEST_ROWS_H
#define EVAL_TEST_ROWS_H

#include "eval/profile.h"

typedef struct test_rows {
    size_t n, n_cold;  /* cold: no history in the catalogue, or an item outside it */
    uint32_t *users;   /* [n] in the order of the file */
    uint32_t *targets; /* [n] catalogue rows of the held-out items */
} test_rows;

typedef struct test_sample {
    size_t max_rows; /* 0: all */
    uint64_t seed;
    bool as_pandas; /* the rows that DataFrame.sample(max_rows, random_state=42) picks */
} test_sample;

/* SEMID_ERR_DATA naming `path` when there are no rows or all are cold. */
semid_status test_rows_init(test_rows *out, const interaction_set *set, const histories *h,
                            const uint32_t *item_rows, const test_sample *sample, const char *path,
                            semid_error *err);
void test_rows_release(test_rows *t);

#endif
