/* Prices of codewords on data that prefers one of them. */
#include "semid/assign.h"

#include "base/rng.h"
#include "semid/kmeans.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 4000, DIM = 3, K = 16 };

static semid_error err;
static float x[N * DIM];

/* Nine rows of ten lie in one cloud. */
static void make_rows(void) {
    rng r;
    rng_init(&r, 8, 0);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < DIM; j++)
            x[i * DIM + j] = (float)(rng_normal(&r) * (i % 10 ? 0.3 : 2) + (i % 10 ? 1 : 0));
}

static double perplexity(const int32_t *codes) {
    double counts[K] = {0}, entropy = 0;
    for (size_t i = 0; i < N; i++) counts[codes[i]]++;
    for (size_t k = 0; k < K; k++)
        entropy -= counts[k] > 0 ? counts[k] / N * log(counts[k] / N) : 0;
    return exp(entropy);
}

static double mean_error(const float *codewords, const int32_t *codes) {
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < DIM; j++)
            sum += pow((double)x[i * DIM + j] - (double)codewords[(size_t)codes[i] * DIM + j], 2);
    return sum / N;
}

static semid_status read_rows(void *user, size_t row, size_t n, float *out, semid_error *error) {
    (void)user;
    (void)error;
    memcpy(out, x + row * DIM, n * DIM * sizeof *out);
    return SEMID_OK;
}

/* Random rows as codewords get unequal shares of the rows; prices even that out. */
static void even_use_of_any_codewords(void **state) {
    (void)state;
    float codewords[K * DIM];
    int32_t greedy[N], codes[N];
    semid_codebook *cb = NULL;
    semid_rows rows = {.n_rows = N, .read = read_rows};
    size_t n_moved;
    for (size_t k = 0; k < K; k++) memcpy(codewords + k * DIM, x + k * 10 * DIM, DIM * sizeof *x);
    assert_ok(semid_codebook_new(NULL, &cb, 1, K, DIM, true, codewords, &err));
    assert_ok(semid_encode(NULL, cb, x, N, greedy, &err));
    memcpy(codes, greedy, sizeof codes);
    assert_ok(semid_assign_balanced(NULL, cb, &rows, codes, &n_moved, &err));
    assert_true(perplexity(greedy) < 0.8 * K);
    assert_true(perplexity(codes) >= 0.95 * K);
    assert_true(n_moved > 0);
    assert_true(mean_error(codewords, codes) >= mean_error(codewords, greedy));
    semid_codebook_free(cb);
}

/* The error of even use. */
static double even_error(const float *codewords) {
    int32_t codes[N] = {0};
    semid_codebook *cb = NULL;
    semid_rows rows = {.n_rows = N, .read = read_rows};
    assert_ok(semid_codebook_new(NULL, &cb, 1, K, DIM, true, codewords, &err));
    assert_ok(semid_assign_balanced(NULL, cb, &rows, codes, NULL, &err));
    assert_true(perplexity(codes) >= 0.95 * K);
    semid_codebook_free(cb);
    return mean_error(codewords, codes);
}

static void codewords_learned_for_even_use_lose_less_by_it(void **state) {
    (void)state;
    float plain[K * DIM], even[K * DIM];
    semid_kmeans_params params = semid_kmeans_params_default();
    params.n_codewords = K;
    assert_ok(semid_kmeans_fit(NULL, x, N, DIM, &params, plain, NULL, NULL, &err));
    params.balance = true;
    assert_ok(semid_kmeans_fit(NULL, x, N, DIM, &params, even, NULL, NULL, &err));
    printf("error of even use: %.4f, learned for it: %.4f\n", even_error(plain), even_error(even));
    assert_true(even_error(even) < 0.99 * even_error(plain));
}

static void what_cannot_be(void **state) {
    (void)state;
    float codewords[K * DIM] = {0};
    semid_codebook *cb = NULL;
    semid_rows rows = {.n_rows = 0, .read = read_rows};
    assert_ok(semid_codebook_new(NULL, &cb, 1, K, DIM, true, codewords, &err));
    assert_fails(semid_assign_balanced(NULL, cb, &rows, NULL, NULL, &err), SEMID_ERR_DATA,
                 "expected at least one");
    semid_codebook_free(cb);
}

int main(void) {
    make_rows();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(even_use_of_any_codewords),
        cmocka_unit_test(codewords_learned_for_even_use_lose_less_by_it),
        cmocka_unit_test(what_cannot_be),
    };
    return cmocka_run_group_tests_name("balance_assign", tests, NULL, NULL);
}
