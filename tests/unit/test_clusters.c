/* Rows by codeword and in the order of their codes, against a search of all rows. */
#include "base/rng.h"
#include "base/threads.h"
#include "kmeans/clusters.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

enum { N = 4000, K = 37, DIM = 5 };

static int32_t codes[N];
static float x[N * DIM];

static int set_up(void **state) {
    (void)state;
    rng r;
    rng_init(&r, 3, 0);
    for (size_t i = 0; i < N; i++) codes[i] = (int32_t)rng_below(&r, K - 2) + 1; /* two unused */
    for (size_t i = 0; i < N * DIM; i++) x[i] = (float)rng_normal(&r);
    return 0;
}

static void rows_are_grouped_in_their_order(void **state) {
    (void)state;
    clusters c;
    assert_ok(clusters_init(&c, K, DIM, N, &err));
    clusters_sort(&c, codes, N);
    size_t at = 0;
    for (int32_t k = 0; k < K; k++) {
        assert_int_equal(c.starts[k], at);
        for (uint32_t i = 0; i < N; i++)
            if (codes[i] == k) assert_int_equal(c.order[at++], i);
    }
    assert_int_equal(c.starts[K], N);
    clusters_sort(&c, codes, 10); /* fewer rows than there is room for */
    assert_int_equal(c.starts[K], 10);
    clusters_release(&c);
    clusters_release(&c);
}

static void sums_do_not_depend_on_threads_and_blocks(void **state) {
    (void)state;
    static double expected[K * DIM];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < DIM; j++)
            expected[(size_t)codes[i] * DIM + j] += (double)x[i * DIM + j];
    for (int n = 1; n <= 4; n++) {
        clusters c;
        threads_set(n);
        assert_ok(clusters_init(&c, K, DIM, N, &err));
        for (size_t block = 700; block <= 2 * N; block *= 2) {
            clusters_clear(&c);
            for (size_t i = 0; i < N; i += block)
                clusters_add(&c, codes + i, x + i * DIM, N - i < block ? N - i : block);
            assert_memory_equal(c.sums, expected, sizeof expected);
            uint32_t n_rows = 0;
            for (size_t k = 0; k < K; k++) n_rows += c.counts[k];
            assert_true(n_rows == N && c.counts[0] == 0);
        }
        clusters_release(&c);
    }
    threads_set(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_grouped_in_their_order),
        cmocka_unit_test(sums_do_not_depend_on_threads_and_blocks),
    };
    return cmocka_run_group_tests_name("clusters", tests, set_up, NULL);
}
