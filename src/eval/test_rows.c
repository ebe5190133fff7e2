#include "eval/test_rows.h"

#include "base/memory.h"
#include "base/rng.h"
#include "eval/numpy_random.h"

#include <stdlib.h>

/* Rows are sampled before cold ones are dropped, as the reference protocol does: a sample of 10000
 * rows with 300 cold ones is evaluated on 9700. The order of the file is kept, so that a sample of
 * all rows equals no sample. */

enum { TEST_FILE = 2, PANDAS_SEED = 42 };

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

semid_status test_rows_init(test_rows *out, const interaction_set *set, const histories *h,
                            const uint32_t *item_rows, const test_sample *sample, const char *path,
                            semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n = set->n_rows[TEST_FILE];
    bool all = sample->max_rows == 0 || sample->max_rows >= n;
    size_t n_drawn = all ? n : sample->max_rows;
    uint64_t *drawn; /* [n] of which the first n_drawn are the sample, ascending */
    test_rows t = {0};

    TRY(mem_alloc(&drawn, n, sizeof *drawn, err));
    for (size_t i = 0; i < n; i++) drawn[i] = i;
    if (!all && sample->as_pandas) {
        numpy_shuffle(PANDAS_SEED, drawn, n);
        qsort(drawn, n_drawn, sizeof *drawn, compare_u64);
    } else if (!all) {
        rng r;
        rng_init(&r, sample->seed, RNG_EVAL_SAMPLE);
        rng_sample_sorted(&r, n, n_drawn, drawn);
    }
    if (n_drawn == 0) FAIL_GOTO(SEMID_ERR_DATA, "%s: expected test rows, found none", path);

    TRY_GOTO(mem_alloc(&t.users, n_drawn, sizeof *t.users, err));
    TRY_GOTO(mem_alloc(&t.targets, n_drawn, sizeof *t.targets, err));
    for (size_t i = 0; i < n_drawn; i++) {
        const interaction *x = &set->rows[TEST_FILE][drawn[i]];
        if (item_rows[x->item] == ROW_NONE || histories_length(h, x->user) == 0) {
            t.n_cold++;
            continue;
        }
        t.users[t.n] = x->user;
        t.targets[t.n++] = item_rows[x->item];
    }
    if (t.n == 0)
        FAIL_GOTO(SEMID_ERR_DATA,
                  "%s: all %zu rows are cold: expected items, and users whose history has items, "
                  "among the item ids",
                  path, n_drawn);

    *out = t;
    t = (test_rows){0};
done:
    mem_free(drawn);
    test_rows_release(&t);
    return status;
}

void test_rows_release(test_rows *t) {
    mem_free(t->users);
    mem_free(t->targets);
    *t = (test_rows){0};
}
