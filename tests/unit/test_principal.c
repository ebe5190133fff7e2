#include "kmeans/principal.h"

#include "base/memory.h"
#include "base/rng.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 3000, DIM = 40, M = 4 };

static semid_error err;

/* Rows whose variance along coordinate j is the square of scale[j], about the mean 1. */
static float *make_rows(size_t n, const double *scale) {
    float *x;
    rng r;
    rng_init(&r, 3, 0);
    assert_ok(mem_alloc(&x, n * DIM, sizeof *x, &err));
    for (size_t i = 0; i < n * DIM; i++) x[i] = (float)(1 + scale[i % DIM] * rng_normal(&r));
    return x;
}

static void finds_the_axes_of_greatest_variance(void **state) {
    (void)state;
    double scale[DIM];
    for (size_t j = 0; j < DIM; j++) scale[j] = 0.1;
    scale[7] = 5, scale[30] = 3, scale[2] = 2, scale[11] = 1;
    const size_t order[M] = {7, 30, 2, 11};
    float *x = make_rows(N, scale);
    principal p;
    assert_ok(principal_fit(&p, &(row_source){.x = x, .n = N, .dim = DIM}, M, 1, &err));
    for (size_t m = 0; m < M; m++) {
        double expected = scale[order[m]] * scale[order[m]];
        assert_true(fabsf(p.directions[m * DIM + order[m]]) > 0.99F);
        assert_true(fabs(p.variances[m] / expected - 1) < 0.1);
    }
    assert_true(fabs(p.variances[M] / (36 * 0.01) - 1) < 0.1);
    principal_release(&p);
    mem_free(x);
}

static void directions_are_orthonormal_and_coordinates_round_trip(void **state) {
    (void)state;
    double scale[DIM];
    for (size_t j = 0; j < DIM; j++) scale[j] = 1 + (double)j;
    float *x = make_rows(200, scale), along[DIM], back[DIM];
    principal p;
    assert_ok(principal_fit(&p, &(row_source){.x = x, .n = 200, .dim = DIM}, DIM, 1, &err));
    for (size_t a = 0; a < DIM; a++)
        for (size_t b = 0; b <= a; b++) {
            double dot = 0;
            for (size_t j = 0; j < DIM; j++)
                dot += (double)p.directions[a * DIM + j] * (double)p.directions[b * DIM + j];
            assert_true(fabs(dot - (a == b)) < 1e-4);
        }
    principal_project(&p, x, 1, along);
    principal_lift(&p, along, 1, back);
    for (size_t j = 0; j < DIM; j++) assert_true(fabsf(back[j] - x[j]) < 1e-2F);
    principal_release(&p);
    mem_free(x);
}

static void equal_rows_have_no_directions(void **state) {
    (void)state;
    float x[10 * DIM];
    for (size_t i = 0; i < 10 * DIM; i++) x[i] = (float)(i % DIM);
    principal p;
    assert_ok(principal_fit(&p, &(row_source){.x = x, .n = 10, .dim = DIM}, M, 1, &err));
    for (size_t m = 0; m <= M; m++) assert_true(p.variances[m] == 0);
    for (size_t j = 0; j < M * DIM; j++) assert_true(isfinite(p.directions[j]));
    principal_release(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_axes_of_greatest_variance),
        cmocka_unit_test(directions_are_orthonormal_and_coordinates_round_trip),
        cmocka_unit_test(equal_rows_have_no_directions),
    };
    return cmocka_run_group_tests_name("principal", tests, NULL, NULL);
}
