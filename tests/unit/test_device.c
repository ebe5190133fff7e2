#include "device/device.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

static semid_error err;

/* Small integers: sums are exact, and ties common. */
static float *random_integers(size_t n, uint64_t seed) {
    float *x = NULL;
    rng r;
    rng_init(&r, seed, 0);
    assert_ok(mem_alloc(&x, n, sizeof *x, &err));
    for (size_t i = 0; i < n; i++) x[i] = (float)rng_below(&r, 5) - 2;
    return x;
}

static void check(size_t n_queries, size_t n_items, size_t dim, size_t k) {
    const device *d = NULL;
    device_hit *hits = NULL, *again = NULL;
    float *queries = random_integers(n_queries * dim, 1),
          *items = random_integers(n_items * dim, 2);
    bool *taken = NULL;
    assert_ok(device_find(&d, "auto", &err));
    assert_ok(mem_alloc(&hits, n_queries * k, sizeof *hits, &err));
    assert_ok(mem_alloc(&again, n_queries * k, sizeof *hits, &err));
    assert_ok(mem_alloc(&taken, n_items, sizeof *taken, &err));
    threads_set(3);
    assert_ok(d->topk_inner(queries, n_queries, items, n_items, dim, k, hits, &err));
    threads_set(1);
    assert_ok(d->topk_inner(queries, n_queries, items, n_items, dim, k, again, &err));
    threads_set(0);
    assert_memory_equal(hits, again, n_queries * k * sizeof *hits);
    for (size_t q = 0; q < n_queries; q++) {
        float worst = hits[q * k + k - 1].score;
        memset(taken, 0, n_items * sizeof *taken);
        for (size_t i = 0; i < k; i++) {
            device_hit h = hits[q * k + i], before = i ? hits[q * k + i - 1] : h;
            assert_false(taken[h.row]);
            taken[h.row] = true;
            assert_true(i == 0 || h.score < before.score ||
                        (h.score == before.score && h.row > before.row));
        }
        for (uint32_t row = 0; row < n_items; row++) {
            float score = 0;
            for (size_t j = 0; j < dim; j++) score += queries[q * dim + j] * items[row * dim + j];
            /* Left out: no better than the last hit, and of equal ones the higher rows. */
            if (!taken[row])
                assert_true(score < worst || (score == worst && row > hits[q * k + k - 1].row));
        }
    }
    mem_free(hits);
    mem_free(again);
    mem_free(taken);
    mem_free(queries);
    mem_free(items);
}

static void finds_the_best_rows(void **state) {
    (void)state;
    check(1, 1, 1, 1);
    check(3, 40, 5, 40);
    check(70, 1000, 9, 10);
    check(2, 40000, 4, 25); /* several segments */
}

static void unusable_arguments(void **state) {
    (void)state;
    const device *d = NULL;
    device_hit hit;
    float x[2] = {1, 2};
    assert_fails(device_find(&d, "tpu", &err), SEMID_ERR_USAGE, "found \"tpu\"");
    assert_ok(device_find(&d, "cpu", &err));
    assert_fails(d->topk_inner(x, 1, x, 2, 1, 3, &hit, &err), SEMID_ERR_ARGUMENT, "k = 3 of 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_best_rows),
        cmocka_unit_test(unusable_arguments),
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
