#include "device/device.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

static semid_error err;

enum { MAX_HITS = 60, RISE_EVERY = 7 };

typedef struct hits {
    size_t n;
    float floor;
    uint32_t rows[MAX_HITS];
    float scores[MAX_HITS];
} hits;

/* Small integers: sums are exact, and ties common. */
static float *random_integers(size_t n, uint64_t seed) {
    float *x = NULL;
    rng r;
    rng_init(&r, seed, 0);
    assert_ok(mem_alloc(&x, n, sizeof *x, &err));
    for (size_t i = 0; i < n; i++) x[i] = (float)rng_below(&r, 5) - 2;
    return x;
}

/* Keeps the hit; the floor rises with every few of them, and the search ends when there is no more
 * room. */
static float keep(void *user, size_t query, uint32_t row, float score) {
    hits *h = (hits *)user + query;
    h->rows[h->n] = row;
    h->scores[h->n++] = score;
    if (h->n % RISE_EVERY == 0) h->floor++;
    if (h->n == MAX_HITS) h->floor = INFINITY;
    return h->floor;
}

static void search_slowly(const device_scan *scan, hits *out) {
    for (size_t q = 0; q < scan->n_queries; q++)
        for (uint32_t row = 0; row < scan->n_items; row++) {
            float score = 0;
            for (size_t j = 0; j < scan->dim; j++)
                score += scan->queries[q * scan->dim + j] * scan->items[row * scan->dim + j];
            if (score > out[q].floor) keep(out, q, row, score);
        }
}

static hits *hits_new(const float *floors, size_t n) {
    hits *h = NULL;
    assert_ok(mem_calloc(&h, n, sizeof *h, &err));
    for (size_t q = 0; q < n; q++) h[q].floor = floors[q];
    return h;
}

static void check(size_t n_queries, size_t n_items, size_t dim) {
    const device *d = NULL;
    float *queries = random_integers(n_queries * dim, 1);
    float *items = random_integers(n_items * dim, 2);
    float *floors = random_integers(n_queries, 3);
    floors[0] = -INFINITY;
    hits *expected = hits_new(floors, n_queries);
    device_scan scan = {.queries = queries,
                        .floors = floors,
                        .items = items,
                        .n_queries = n_queries,
                        .n_items = n_items,
                        .dim = dim,
                        .visit = keep};
    assert_ok(device_find(&d, "auto", &err));
    search_slowly(&scan, expected);
    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        hits *found = hits_new(floors, n_queries);
        scan.user = found;
        threads_set(n_threads);
        assert_ok(d->scan_inner(&scan, &err));
        threads_set(0);
        assert_memory_equal(found, expected, n_queries * sizeof *found);
        mem_free(found);
    }
    mem_free(expected);
    mem_free(queries);
    mem_free(items);
    mem_free(floors);
}

static void visits_the_rows_above_the_floor_in_order(void **state) {
    (void)state;
    check(1, 1, 1);
    check(3, 40, 5);
    check(70, 1000, 9);
    check(200, 6000, 4); /* queries that are done leave between rounds */
}

static void devices_have_names(void **state) {
    (void)state;
    const device *d = NULL;
    assert_fails(device_find(&d, "tpu", &err), SEMID_ERR_ARGUMENT,
                 "expected auto or cpu, found \"tpu\"");
    assert_ok(device_find(&d, "cpu", &err));
    assert_string_equal(d->name, "cpu");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visits_the_rows_above_the_floor_in_order),
        cmocka_unit_test(devices_have_names),
    };
    return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
