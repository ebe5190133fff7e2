/* Residual levels of k-means on rows that lie in tight groups. */
#include "semid/rqkmeans.h"

#include "base/memory.h"
#include "base/rng.h"
#include "support/support.h"

#include <string.h>

enum { N = 600, DIM = 10, BLOBS = 12 };

static semid_error err;
static float blobs[N * DIM];

/* Row i lies in group i % BLOBS. */
static void make_blobs(void) {
    rng r;
    rng_init(&r, 3, 0);
    float centres[BLOBS * DIM];
    for (size_t i = 0; i < BLOBS * DIM; i++) centres[i] = 10 * (float)rng_normal(&r);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < DIM; j++)
            blobs[i * DIM + j] = centres[i % BLOBS * DIM + j] + 0.1F * (float)rng_normal(&r);
}

static semid_rqkmeans_params params_for(size_t n_levels, size_t n_codewords) {
    semid_rqkmeans_params params = semid_rqkmeans_params_default();
    params.n_levels = n_levels;
    params.kmeans.n_codewords = n_codewords;
    return params;
}

static void too_few_distinct_rows(void **state) {
    (void)state;
    float x[N * DIM];
    for (size_t i = 0; i < N; i++) memcpy(x + i * DIM, blobs + i % 7 * DIM, DIM * sizeof *x);
    semid_rqkmeans_params params = params_for(3, 20);
    semid_codebook *cb = NULL;
    double errors[3];
    int32_t codes[3];
    params.kmeans.allow_fewer = true;
    assert_ok(semid_rqkmeans_fit(NULL, &cb, x, N, DIM, &params, errors, &err));
    assert_int_equal(semid_codebook_codewords(cb), 7);
    assert_true(errors[0] == 0 && errors[2] == 0);
    assert_ok(semid_encode(NULL, cb, blobs, 1, codes, &err));
    assert_int_equal(codes[1], 0); /* spare codewords are not chosen */
    semid_codebook_free(cb);
}

/* From a codebook that is already good, training ends no worse, and other shapes are refused. */
static void starts_from_a_codebook(void **state) {
    (void)state;
    float x[N * DIM];
    double first[2], second[2];
    semid_codebook *cb = NULL, *again = NULL;
    semid_rqkmeans_params params = params_for(2, 16);
    memcpy(x, blobs, sizeof x);
    assert_ok(semid_rqkmeans_fit(NULL, &cb, x, N, DIM, &params, first, &err));
    params.init = cb;
    memcpy(x, blobs, sizeof x);
    assert_ok(semid_rqkmeans_fit(NULL, &again, x, N, DIM, &params, second, &err));
    assert_true(second[0] <= first[0]);
    params.kmeans.n_codewords = 17;
    semid_codebook_free(again);
    again = NULL;
    assert_fails(semid_rqkmeans_fit(NULL, &again, x, N, DIM, &params, second, &err),
                 SEMID_ERR_SHAPE, "[2, 17, 10], found [2, 16, 10]");
    semid_codebook_free(cb);
}

/* x is left holding the residuals after the last level. */
static void rows_become_residuals(void **state) {
    (void)state;
    float x[N * DIM], expected[N * DIM];
    double errors[2], sum = 0;
    int32_t codes[N * 2];
    semid_codebook *cb = NULL;
    semid_rqkmeans_params params = params_for(2, 8);
    memcpy(x, blobs, sizeof x);
    assert_ok(semid_rqkmeans_fit(NULL, &cb, x, N, DIM, &params, errors, &err));
    assert_ok(semid_encode(NULL, cb, blobs, N, codes, &err));
    for (size_t i = 0; i < N * DIM; i++) {
        const int32_t *c = codes + i / DIM * 2;
        expected[i] = blobs[i] - semid_codebook_level(cb, 0)[(size_t)c[0] * DIM + i % DIM];
        expected[i] -= semid_codebook_level(cb, 1)[(size_t)c[1] * DIM + i % DIM];
        sum += (double)x[i] * (double)x[i];
    }
    assert_memory_equal(x, expected, sizeof x);
    assert_true(errors[1] <= errors[0] && sum / N > errors[1] * 0.9999 &&
                sum / N < errors[1] * 1.0001);
    semid_codebook_free(cb);
}

static void unusable_parameters(void **state) {
    (void)state;
    float x[N * DIM];
    semid_codebook *cb = NULL;
    semid_rqkmeans_params params = params_for(0, 4);
    memcpy(x, blobs, sizeof x);
    assert_fails(semid_rqkmeans_fit(NULL, &cb, x, N, DIM, &params, NULL, &err), SEMID_ERR_ARGUMENT,
                 "at least 1 level");
    params = params_for(1, 4);
    params.reserved[0] = 1;
    assert_fails(semid_rqkmeans_fit(NULL, &cb, x, N, DIM, &params, NULL, &err), SEMID_ERR_ARGUMENT,
                 "reserved");
    params = params_for(1, 4);
    params.kmeans.reserved[0] = 1;
    assert_fails(semid_rqkmeans_fit(NULL, &cb, x, N, DIM, &params, NULL, &err), SEMID_ERR_ARGUMENT,
                 "reserved");
    assert_memory_equal(x, blobs, sizeof x);
}

static void a_cancelled_context_ends_training(void **state) {
    (void)state;
    float x[N * DIM];
    semid_codebook *cb = NULL;
    semid_context *context = NULL;
    semid_rqkmeans_params params = params_for(2, 4);
    memcpy(x, blobs, sizeof x);
    assert_ok(semid_context_new(&context, NULL, &err));
    semid_context_cancel(context);
    assert_fails(semid_rqkmeans_fit(context, &cb, x, N, DIM, &params, NULL, &err),
                 SEMID_ERR_INTERRUPTED, "interrupted");
    semid_context_resume(context);
    assert_ok(semid_rqkmeans_fit(context, &cb, x, N, DIM, &params, NULL, &err));
    semid_codebook_free(cb);
    semid_context_free(context);
}

static void failing_allocations_leak_nothing(void **state) {
    (void)state;
    for (long i = 1;; i++) {
        float x[100 * DIM];
        semid_codebook *cb = NULL;
        semid_rqkmeans_params params = params_for(2, 1); /* 100 rows > 64: the sample too */
        memcpy(x, blobs, sizeof x);
        mem_fail_after(i);
        semid_status status = semid_rqkmeans_fit(NULL, &cb, x, 100, DIM, &params, NULL, &err);
        mem_fail_after(0);
        semid_codebook_free(cb);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_few_distinct_rows),
        cmocka_unit_test(starts_from_a_codebook),
        cmocka_unit_test(rows_become_residuals),
        cmocka_unit_test(unusable_parameters),
        cmocka_unit_test(a_cancelled_context_ends_training),
        cmocka_unit_test(failing_allocations_leak_nothing),
    };
    make_blobs();
    return cmocka_run_group_tests_name("rqkmeans", tests, NULL, NULL);
}
