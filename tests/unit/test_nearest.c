#include "codebook/nearest.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

static semid_error err;

static float *random_matrix(size_t n, size_t dim, uint64_t seed) {
    float *x = NULL;
    rng r;
    rng_init(&r, seed, 0);
    assert_ok(mem_alloc(&x, n * dim, sizeof *x, &err));
    for (size_t i = 0; i < n * dim; i++) x[i] = (float)rng_normal(&r);
    return x;
}

static double squared_distance(const float *a, const float *b, size_t dim) {
    double sum = 0;
    for (size_t j = 0; j < dim; j++) sum += ((double)a[j] - b[j]) * ((double)a[j] - b[j]);
    return sum;
}

/* The chosen codeword is as near as the nearest one, up to float32 rounding of the scores. */
static void check_shape(size_t n, size_t n_codewords, size_t dim) {
    float *x = random_matrix(n, dim, n + dim), *c = random_matrix(n_codewords, dim, n_codewords);
    int32_t codes[512];
    float distances[512];
    nearest *s = NULL;
    assert_ok(nearest_new(&s, n_codewords, dim, &err));
    nearest_set(s, c);
    nearest_find(s, x, n, codes, distances);
    for (size_t i = 0; i < n; i++) {
        double best = INFINITY;
        for (size_t k = 0; k < n_codewords; k++)
            best = fmin(best, squared_distance(x + i * dim, c + k * dim, dim));
        assert_in_range(codes[i], 0, n_codewords - 1);
        double chosen = squared_distance(x + i * dim, c + (size_t)codes[i] * dim, dim);
        assert_true(chosen <= best + 1e-5 * (1 + (double)dim));
        assert_true(fabs(distances[i] - chosen) <= 1e-5 * (1 + chosen));
    }
    nearest_free(s);
    mem_free(x);
    mem_free(c);
}

static void finds_the_nearest_at_every_shape(void **state) {
    (void)state;
    static const size_t dims[] = {1, 2, 7, 8, 31, 63, 255, 256, 257, 384, 391};
    static const size_t sizes[] = {1, 3, 15, 16, 17, 64, 100};
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++)
            check_shape(23 + 7 * i + 31 * j, sizes[j], dims[i]);
}

static void ties_take_the_lowest_index(void **state) {
    (void)state;
    enum { K = 50, DIM = 300 };
    float *c = random_matrix(K, DIM, 1);
    for (size_t k = 20; k < K; k++) memcpy(c + k * DIM, c + (k % 20) * DIM, DIM * sizeof *c);
    nearest *s = NULL;
    int32_t codes[K];
    float distances[K];
    assert_ok(nearest_new(&s, K, DIM, &err));
    nearest_set(s, c);
    nearest_find(s, c, K, codes, distances);
    for (int k = 0; k < K; k++) {
        assert_int_equal(codes[k], k % 20);
        assert_true(distances[k] == 0);
    }
    nearest_free(s);
    mem_free(c);
}

/* A row's code does not depend on its neighbours, its position or the number of threads. */
static void rows_are_independent(void **state) {
    (void)state;
    enum { N = 500, K = 70, DIM = 384 };
    float *x = random_matrix(N, DIM, 2), *c = random_matrix(K, DIM, 3);
    int32_t all[N], one;
    float distances[N], distance;
    nearest *s = NULL;
    assert_ok(nearest_new(&s, K, DIM, &err));
    nearest_set(s, c);
    threads_set(3);
    nearest_find(s, x, N, all, distances);
    threads_set(1);
    for (size_t i = 0; i < N; i++) {
        nearest_find(s, x + i * DIM, 1, &one, &distance);
        assert_int_equal(one, all[i]);
        assert_true(distance == distances[i]);
    }
    threads_set(0);
    nearest_free(s);
    mem_free(x);
    mem_free(c);
}

/* Biases count, those of +inf close codewords, and they can be changed alone. */
static void check_biases(size_t dim) {
    enum { N = 100, K = 70 };
    float *x = random_matrix(N, dim, 4), *c = random_matrix(K, dim, 5), bias[K], other[K];
    int32_t codes[N], again[N];
    nearest *s = NULL, *changed = NULL;
    for (size_t k = 0; k < K; k++) {
        bias[k] = k % 3 == 0 ? INFINITY : (float)(k * dim) * 0.005F;
        other[k] = k % 2 == 0 ? INFINITY : (float)dim;
    }
    assert_ok(nearest_new(&s, K, dim, &err));
    assert_ok(nearest_new(&changed, K, dim, &err));
    nearest_set_biased(s, c, bias);
    nearest_find(s, x, N, codes, NULL);
    nearest_set_biased(changed, c, other);
    nearest_set_bias(changed, bias);
    nearest_find(changed, x, N, again, NULL);
    assert_memory_equal(again, codes, sizeof codes);
    for (size_t i = 0; i < N; i++) {
        double best = INFINITY, chosen = 0;
        for (size_t k = 0; k < K; k++) {
            double cost = squared_distance(x + i * dim, c + k * dim, dim) + (double)bias[k];
            if ((int32_t)k == codes[i]) chosen = cost;
            best = fmin(best, cost);
        }
        assert_true(chosen <= best + 1e-5 * (1 + (double)dim));
    }
    nearest_free(s);
    nearest_free(changed);
    mem_free(x);
    mem_free(c);
}

static void biases_are_added(void **state) {
    (void)state;
    check_biases(20);
    check_biases(300);
}

/* Codewords whose norms overflow are as far as what fills up the last panel, which is none. */
static void codes_stay_in_range_where_norms_overflow(void **state) {
    (void)state;
    enum { K = 50, DIM = 96, N = 20 };
    for (size_t n_near = 0; n_near < 4; n_near++) {
        float *x = random_matrix(N, DIM, 1), *c = random_matrix(K, DIM, 2), errors[N];
        shortlist of_row[N];
        shortlists lists = {.of_row = of_row};
        int32_t codes[N];
        const nearest *levels[1];
        nearest *s = NULL;
        for (size_t i = n_near * DIM; i < K * DIM; i++) c[i] = 1e20F;
        assert_ok(nearest_new(&s, K, DIM, &err));
        nearest_set(s, c);
        levels[0] = s;
        bool listed = nearest_makes_lists(s);
        nearest_find_residual(levels, 1, x, N, codes, errors, listed ? &lists : NULL);
        for (size_t i = 0; i < N; i++) {
            assert_true(codes[i] >= 0 && codes[i] < (n_near > 0 ? (int32_t)n_near : K));
            for (size_t j = 0; listed && j < SHORTLIST_CODES; j++)
                assert_true(of_row[i].codes[j] < K);
        }
        nearest_free(s);
        mem_free(x);
        mem_free(c);
    }
}

static void failing_allocations_leak_nothing(void **state) {
    (void)state;
    for (long i = 1;; i++) {
        nearest *s = NULL;
        mem_fail_after(i);
        semid_status status = nearest_new(&s, 10, 20, &err);
        mem_fail_after(0);
        nearest_free(s);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_nearest_at_every_shape),
        cmocka_unit_test(ties_take_the_lowest_index),
        cmocka_unit_test(rows_are_independent),
        cmocka_unit_test(biases_are_added),
        cmocka_unit_test(codes_stay_in_range_where_norms_overflow),
        cmocka_unit_test(failing_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
