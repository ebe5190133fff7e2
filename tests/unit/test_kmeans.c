#include "semid/kmeans.h"

#include "base/rng.h"
#include "base/threads.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 600, DIM = 10, BLOBS = 12 };

static semid_error err;
static float blobs[N * DIM];

/* Tight groups, row i in group i % BLOBS. */
static void make_blobs(void) {
    rng r;
    rng_init(&r, 3, 0);
    float centres[BLOBS * DIM];
    for (size_t i = 0; i < BLOBS * DIM; i++) centres[i] = 10 * (float)rng_normal(&r);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < DIM; j++)
            blobs[i * DIM + j] = centres[i % BLOBS * DIM + j] + 0.1F * (float)rng_normal(&r);
}

static semid_kmeans_params params_for(size_t n_codewords) {
    semid_kmeans_params params = semid_kmeans_params_default();
    params.n_codewords = n_codewords;
    return params;
}

static void finds_groups_that_are_there(void **state) {
    (void)state;
    float codewords[BLOBS * DIM];
    int32_t codes[N];
    semid_kmeans_report report;
    semid_kmeans_params params = params_for(BLOBS);
    assert_ok(semid_kmeans_fit(NULL, blobs, N, DIM, &params, codewords, codes, &report, &err));
    for (size_t i = BLOBS; i < N; i++) assert_int_equal(codes[i], codes[i % BLOBS]);
    for (size_t i = 0; i < BLOBS; i++)
        for (size_t j = 0; j < i; j++) assert_int_not_equal(codes[i], codes[j]);
    assert_true(report.mean_error > 0 && report.mean_error < 0.01 * DIM * 1.2);
    assert_int_equal(report.n_codewords, BLOBS);
}

/* The codes are the nearest codewords, the codewords the means of their rows. */
static void ends_in_a_fixed_point(void **state) {
    (void)state;
    enum { K = 40 };
    float codewords[K * DIM];
    int32_t codes[N];
    semid_kmeans_params params = params_for(K);
    params.tol = 0;
    params.max_iters = 1000;
    assert_ok(semid_kmeans_fit(NULL, blobs, N, DIM, &params, codewords, codes, NULL, &err));
    double sums[K * DIM] = {0}, counts[K] = {0};
    for (size_t i = 0; i < N; i++) {
        counts[codes[i]]++;
        for (size_t j = 0; j < DIM; j++)
            sums[(size_t)codes[i] * DIM + j] += (double)blobs[i * DIM + j];
    }
    for (size_t k = 0; k < K; k++) {
        assert_true(counts[k] > 0);
        for (size_t j = 0; j < DIM; j++)
            assert_true(fabs(sums[k * DIM + j] / counts[k] - (double)codewords[k * DIM + j]) <
                        1e-4);
    }
}

static void same_bytes_at_any_thread_count(void **state) {
    (void)state;
    enum { K = 30 };
    for (int init = SEMID_KMEANS_PLUSPLUS; init <= SEMID_KMEANS_RANDOM; init++) {
        float one[K * DIM], three[K * DIM];
        int32_t codes_one[N], codes_three[N];
        semid_kmeans_params params = params_for(K);
        params.init = (semid_kmeans_init)init;
        threads_set(1);
        assert_ok(semid_kmeans_fit(NULL, blobs, N, DIM, &params, one, codes_one, NULL, &err));
        threads_set(3);
        assert_ok(semid_kmeans_fit(NULL, blobs, N, DIM, &params, three, codes_three, NULL, &err));
        threads_set(0);
        assert_memory_equal(one, three, sizeof one);
        assert_memory_equal(codes_one, codes_three, sizeof codes_one);
    }
}

static void empty_clusters_are_filled(void **state) {
    (void)state;
    float initial[BLOBS * DIM], codewords[BLOBS * DIM];
    int32_t codes[N];
    for (size_t k = 0; k < BLOBS; k++) memcpy(initial + k * DIM, blobs, DIM * sizeof *blobs);
    semid_kmeans_params params = params_for(BLOBS);
    params.initial = initial;
    assert_ok(semid_kmeans_fit(NULL, blobs, N, DIM, &params, codewords, codes, NULL, &err));
    size_t counts[BLOBS] = {0};
    for (size_t i = 0; i < N; i++) counts[codes[i]]++;
    for (size_t k = 0; k < BLOBS; k++) assert_true(counts[k] > 0);
}

static void too_few_distinct_rows(void **state) {
    (void)state;
    float x[N * DIM], codewords[20 * DIM];
    for (size_t i = 0; i < N; i++) memcpy(x + i * DIM, blobs + i % 7 * DIM, DIM * sizeof *x);
    semid_kmeans_params params = params_for(20);
    semid_kmeans_report report;
    assert_fails(semid_kmeans_fit(NULL, x, N, DIM, &params, codewords, NULL, NULL, &err),
                 SEMID_ERR_DATA, "K = 20 distinct rows, found 7");
    params.allow_fewer = true;
    assert_ok(semid_kmeans_fit(NULL, x, N, DIM, &params, codewords, NULL, &report, &err));
    assert_int_equal(report.n_codewords, 7);
    assert_true(report.mean_error == 0);
}

static void unusable_parameters_and_data(void **state) {
    (void)state;
    float x[4 * DIM], codewords[N * DIM];
    semid_kmeans_params params = params_for(0);
    assert_fails(semid_kmeans_fit(NULL, blobs, N, DIM, &params, codewords, NULL, NULL, &err),
                 SEMID_ERR_ARGUMENT, "K");
    params = params_for(2);
    params.tol = NAN;
    assert_fails(semid_kmeans_fit(NULL, blobs, N, DIM, &params, codewords, NULL, NULL, &err),
                 SEMID_ERR_ARGUMENT, "tol");
    params = params_for(2);
    assert_fails(semid_kmeans_fit(NULL, blobs, 0, DIM, &params, codewords, NULL, NULL, &err),
                 SEMID_ERR_DATA, "[0, 10]");
    memcpy(x, blobs, sizeof x);
    x[2 * DIM] = NAN;
    assert_fails(semid_kmeans_fit(NULL, x, 4, DIM, &params, codewords, NULL, NULL, &err),
                 SEMID_ERR_DATA, "first in row 2");
}

static semid_status read_blobs(void *user, size_t row, size_t n, float *out, semid_error *error) {
    (void)user;
    (void)error;
    memcpy(out, blobs + row * DIM, n * DIM * sizeof *out);
    return SEMID_OK;
}

static void rows_that_are_read_cluster_as_those_in_memory(void **state) {
    (void)state;
    enum { K = 30 };
    float inside[K * DIM], outside[K * DIM];
    int32_t codes[N], read_codes[N];
    semid_rows rows = {.n_rows = N, .read = read_blobs};
    semid_kmeans_params params = params_for(K);
    assert_ok(semid_kmeans_fit(NULL, blobs, N, DIM, &params, inside, codes, NULL, &err));
    assert_ok(semid_kmeans_fit_rows(NULL, &rows, DIM, &params, outside, read_codes, NULL, &err));
    assert_memory_equal(inside, outside, sizeof inside);
    assert_memory_equal(codes, read_codes, sizeof codes);
    rows.n_rows = 0;
    assert_fails(semid_kmeans_fit_rows(NULL, &rows, DIM, &params, outside, NULL, NULL, &err),
                 SEMID_ERR_DATA, "[0, 10]");
}

static void reserved_words_and_cancelled_contexts(void **state) {
    (void)state;
    float codewords[2 * DIM];
    semid_context *context = NULL;
    semid_rows rows = {.n_rows = N, .read = read_blobs};
    semid_kmeans_params params = params_for(2);
    params.reserved[7] = 1;
    assert_fails(semid_kmeans_fit(NULL, blobs, N, DIM, &params, codewords, NULL, NULL, &err),
                 SEMID_ERR_ARGUMENT, "reserved");
    params.reserved[7] = 0;
    assert_ok(semid_context_new(&context, NULL, &err));
    assert_ok(semid_kmeans_fit(context, blobs, N, DIM, &params, codewords, NULL, NULL, &err));
    semid_context_cancel(context);
    assert_fails(semid_kmeans_fit(context, blobs, N, DIM, &params, codewords, NULL, NULL, &err),
                 SEMID_ERR_INTERRUPTED, "interrupted");
    assert_fails(semid_kmeans_fit_rows(context, &rows, DIM, &params, codewords, NULL, NULL, &err),
                 SEMID_ERR_INTERRUPTED, "interrupted");
    semid_context_free(context);
    assert_ok(semid_kmeans_fit(NULL, blobs, N, DIM, &params, codewords, NULL, NULL, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_groups_that_are_there),
        cmocka_unit_test(ends_in_a_fixed_point),
        cmocka_unit_test(same_bytes_at_any_thread_count),
        cmocka_unit_test(empty_clusters_are_filled),
        cmocka_unit_test(too_few_distinct_rows),
        cmocka_unit_test(unusable_parameters_and_data),
        cmocka_unit_test(rows_that_are_read_cluster_as_those_in_memory),
        cmocka_unit_test(reserved_words_and_cancelled_contexts),
    };
    make_blobs();
    return cmocka_run_group_tests_name("kmeans", tests, NULL, NULL);
}
