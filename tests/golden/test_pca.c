/* Principal components against scikit-learn's (golden/pca/make.py), and what cannot be done. */
#include "input/pca.h"

#include "base/memory.h"
#include "base/threads.h"
#include "formats/npy.h"
#include "input/lapack.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 301, DIM = 12, D = 5 };
static semid_error err;

static void load(const char *name, size_t n, float *out) {
    char path[64];
    array a;
    snprintf(path, sizeof path, "pca/%s.npy", name);
    assert_ok(npy_load(&a, golden_path(path), &err));
    assert_int_equal(array_elements(&a), n);
    assert_ok(array_to_f32(&a, 0, n, out, &err));
    array_release(&a);
}

static void compare(const char *name, const float *found, size_t n) {
    float expected[N * DIM];
    load(name, n, expected);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(found[i] - expected[i]) <= 2e-5F * fmaxf(1, fabsf(expected[i]))))
            fail_msg("%s [%zu]: expected %.8g, found %.8g", name, i, (double)expected[i],
                     (double)found[i]);
}

static semid_status fit(semid_model **m, const float *x, size_t n, size_t n_out, bool whiten,
                        double *kept) {
    row_source rows = row_source_of(x, n, DIM);
    return pca_fit(m, &rows, n_out, whiten, kept, &err);
}

static void check(bool whiten, const char *z_name, const char *back_name) {
    static float x[N * DIM], z[N * D], back[N * DIM];
    semid_model *m;
    double kept;
    float expected_kept;
    load("x", N * DIM, x);
    load("kept", 1, &expected_kept);
    assert_ok(fit(&m, x, N, D, whiten, &kept));
    assert_true(fabs(kept - (double)expected_kept) < 1e-6);
    assert_int_equal(semid_model_dim(m), DIM);
    assert_int_equal(semid_model_latent(m), D);
    assert_int_equal(semid_model_hidden_count(m), 0);
    assert_ok(semid_model_project(NULL, m, x, N, z, &err));
    compare(z_name, z, N * D);
    assert_ok(semid_model_reconstruct(NULL, m, z, N, back, &err));
    compare(back_name, back, N * DIM);
    semid_model_free(m);
}

static void components_are_those_of_sklearn(void **state) {
    (void)state;
    check(false, "plain_z", "plain_back");
    check(true, "white_z", "white_back");
}

static void threads_change_nothing(void **state) {
    (void)state;
    static float x[N * DIM], z[2][N * D];
    load("x", N * DIM, x);
    for (int t = 0; t < 2; t++) {
        semid_model *m;
        double kept;
        threads_set(t + 1);
        assert_ok(fit(&m, x, N, D, true, &kept));
        assert_ok(semid_model_project(NULL, m, x, N, z[t], &err));
        semid_model_free(m);
    }
    threads_set(0);
    assert_memory_equal(z[0], z[1], sizeof z[0]);
}

/* All dimensions: a rotation, which loses nothing. */
static void all_components_bring_everything_back(void **state) {
    (void)state;
    static float x[N * DIM], z[N * DIM], back[N * DIM];
    semid_model *m;
    double kept;
    load("x", N * DIM, x);
    assert_ok(fit(&m, x, N, DIM, false, &kept));
    assert_true(fabs(kept - 1) < 1e-12);
    assert_ok(semid_model_project(NULL, m, x, N, z, &err));
    assert_ok(semid_model_reconstruct(NULL, m, z, N, back, &err));
    compare("x", back, N * DIM);
    semid_model_free(m);
}

static void too_many_are_refused(void **state) {
    (void)state;
    static float x[N * DIM];
    semid_model *m;
    double kept;
    load("x", N * DIM, x);
    assert_fails(fit(&m, x, N, DIM + 1, false, &kept), SEMID_ERR_SHAPE,
                 "expected at most the vectors' dimension 12, found 13");
    assert_fails(fit(&m, x, 4, 4, true, &kept), SEMID_ERR_DATA,
                 "vary along 4 directions, found 3 in 4 training rows");
    assert_fails(fit(&m, x, 1, 1, true, &kept), SEMID_ERR_DATA, "found 0 in 1");
    memset(x, 0, sizeof x);
    assert_fails(fit(&m, x, N, 1, true, &kept), SEMID_ERR_DATA, "found 0 in 301");
    assert_ok(fit(&m, x, N, 1, false, &kept));
    semid_model_free(m);
}

static void matrices_lie_row_by_row(void **state) {
    (void)state;
    double a[4] = {0}, values[2];
    const double x[6] = {1, 0, 1, 1, 0, 1};
    assert_ok(lapack_add_products(a, 2, x, 3, &err));
    assert_true(a[0] == 2 && a[1] == 0 && a[2] == 1 && a[3] == 2);
    assert_ok(lapack_symmetric_eigen(a, 2, values, &err));
    assert_true(fabs(values[0] - 1) < 1e-12 && fabs(values[1] - 3) < 1e-12);
    assert_true(fabs(a[0] + a[1]) < 1e-12 && fabs(a[2] - a[3]) < 1e-12);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    static float x[N * DIM];
    load("x", N * DIM, x);
    for (long n = 1; n < 1000; n++) {
        semid_model *m;
        double kept;
        mem_fail_after(n);
        semid_status status = fit(&m, x, N, D, false, &kept);
        mem_fail_after(0);
        if (status == SEMID_OK) {
            semid_model_free(m);
            return;
        }
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
    fail();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_are_those_of_sklearn),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(all_components_bring_everything_back),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(matrices_lie_row_by_row),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("pca", tests, NULL, NULL);
}
