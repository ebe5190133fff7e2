#include "kmeans/shrinkage.h"

#include "support/support.h"

#include <math.h>

static semid_error err;

/* Squared distances of the rows to codewords of zero. */
static const double errors[2] = {34, 24};

enum { N = 6, K = 2, DIM = 2 };

/* Two clusters about (4,0) and (-2,0); the mean of all rows is zero. */
static const float rows[N * DIM] = {3, 0, 5, 0, -1, 1, -3, -1, -1, 1, -3, -1};
static const int32_t codes[N] = {0, 0, 1, 1, 1, 1};

static void a_coordinate_shrinks_by_its_own_variances(void **state) {
    (void)state;
    /* Coordinate 0: mean squares (9+25+1+9+1+9)/6 = 9; coordinate 1: 4/6. */
    const double variances[DIM + 1] = {9, 4.0 / 6, 0};
    float codewords[K * DIM] = {0};
    shrinkage s;
    clusters c;
    assert_ok(clusters_init(&c, K, DIM, N, &err));
    assert_ok(shrinkage_init(&s, NULL, variances, K, DIM, &err));
    clusters_clear(&c);
    clusters_add(&c, codes, rows, N);
    shrinkage_update(&s, &c, errors, codewords);
    /* Coordinate 0: means 4 and -2, between = 2*16 + 4*4 = 48, within = (54 - 48)/(6 - 2) = 1.5,
     * prior = (48 - 1.5)/6 = 7.75, lambda = 1.5/7.75. Coordinate 1: within = 1, prior = 0.
     * Scatter inside 34 - 2*16 = 2 and 24 - 4*4 = 8, pooled 10/(6 - 2) = 2.5: noise
     * (2/2.5 + 2)/(1 + 2) and (8/2.5 + 2)/(3 + 2). The first lies at 16, expected at
     * 7.75 + 0.9333 * 2.5/2 = 8.9167; the second at 4, nearer than expected. */
    double lambda = 1.5 / 7.75, weight = 2.8 / 3 / (16 / (7.75 + 2.8 / 3 * 2.5 / 2));
    assert_true(fabs((double)codewords[0] - 8 / (2 + weight * lambda)) < 1e-5);
    assert_true(fabs((double)codewords[2] - -8 / (4 + 1.04 * lambda)) < 1e-5);
    /* Coordinate 1: both means are zero: nothing lies between, and zero they stay. */
    assert_true(codewords[1] == 0 && codewords[3] == 0);
    shrinkage_release(&s);
    clusters_release(&c);
}

static void an_empty_cluster_keeps_its_codeword(void **state) {
    (void)state;
    const int32_t all_zero[N] = {0};
    const double variances[DIM + 1] = {9, 1, 0};
    float codewords[K * DIM] = {0, 0, 7, 8};
    shrinkage s;
    clusters c;
    assert_ok(clusters_init(&c, K, DIM, N, &err));
    assert_ok(shrinkage_init(&s, NULL, variances, K, DIM, &err));
    clusters_clear(&c);
    clusters_add(&c, all_zero, rows, N);
    shrinkage_update(&s, &c, errors, codewords);
    assert_true(codewords[2] == 7 && codewords[3] == 8);
    shrinkage_release(&s);
    clusters_release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_coordinate_shrinks_by_its_own_variances),
        cmocka_unit_test(an_empty_cluster_keeps_its_codeword),
    };
    return cmocka_run_group_tests_name("shrinkage", tests, NULL, NULL);
}
