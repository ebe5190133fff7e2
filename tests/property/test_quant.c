/* What must hold for any data: seeds and shapes are drawn, hostile data is made on purpose. */
#include "assign/balance_assign.h"
#include "assign/unique.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "codebook/codebook.h"
#include "codebook/encode.h"
#include "semid/quality.h"
#include "semid/rqkmeans.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N = 700, MAX_DIM = 300, L = 3, K = 24 };

static semid_error err;
static uint64_t seed;
static float data[N * MAX_DIM], work[N * MAX_DIM];

typedef enum kind { NORMAL, DUPLICATES, ONE_BLOB, HUGE_NORMS, TINY, N_KINDS } kind;

static void make_data(rng *r, kind what, size_t dim) {
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < dim; j++) {
            float v = (float)rng_normal(r);
            if (what == DUPLICATES && i >= 2 * K) v = data[i % (2 * K) * dim + j];
            if (what == ONE_BLOB && i >= K) v = 5 + v * 1e-3F;
            if (what == HUGE_NORMS) v *= powf(10, (float)(i % 16));
            if (what == TINY) v *= 1e-20F;
            data[i * dim + j] = v;
        }
}

static semid_codebook *train(size_t dim, double *errors) {
    semid_codebook *cb = NULL;
    semid_rqkmeans_params params = {.n_levels = L, .kmeans = semid_kmeans_params_default()};
    params.kmeans.n_codewords = K;
    params.kmeans.seed = seed;
    memcpy(work, data, N * dim * sizeof *data);
    assert_ok(semid_rqkmeans_fit(NULL, &cb, work, N, dim, &params, errors, &err));
    return cb;
}

static void check_errors_fall(const semid_codebook *cb, const double *errors, size_t dim) {
    static int32_t codes[N * L];
    static float each[N * L];
    double before = 0, sums[L] = {0};
    for (size_t i = 0; i < N * dim; i++) before += (double)data[i] * (double)data[i] / N;
    encode_greedy(cb, data, N, codes, each, NULL);
    for (size_t i = 0; i < N * L; i++) sums[i % L] += (double)each[i] / N;
    for (size_t l = 0; l < L; l++) {
        assert_true(errors[l] <= before * (1 + 1e-6));
        assert_true(fabs(errors[l] - sums[l]) <= 1e-5 * before);
        before = errors[l];
    }
}

static double mean_error(const semid_codebook *cb, const int32_t *codes, size_t dim) {
    double sum = 0;
    assert_ok(semid_decode(NULL, cb, codes, N, work, &err));
    for (size_t i = 0; i < N * dim; i++) sum += pow((double)data[i] - (double)work[i], 2) / N;
    return sum;
}

/* Rows in another order, one by one, at another thread count: each keeps its code. */
static void check_codes_belong_to_rows(const semid_codebook *cb, rng *r, size_t dim) {
    static int32_t codes[N * L], shuffled[N * L];
    static uint32_t order[N];
    int32_t alone[L];
    for (uint32_t i = 0; i < N; i++) order[i] = i;
    rng_shuffle_u32(r, order, N);
    for (size_t i = 0; i < N; i++)
        memcpy(work + i * dim, data + order[i] * dim, dim * sizeof *data);
    threads_set(1);
    assert_ok(semid_encode(NULL, cb, data, N, codes, &err));
    threads_set(3);
    assert_ok(semid_encode(NULL, cb, work, N, shuffled, &err));
    for (size_t i = 0; i < N; i++)
        assert_memory_equal(shuffled + i * L, codes + order[i] * L, L * sizeof *codes);
    for (size_t i = 0; i < N; i += 50) {
        assert_ok(semid_encode(NULL, cb, data + i * dim, 1, alone, &err));
        assert_memory_equal(alone, codes + i * L, sizeof alone);
    }
    threads_set(0);
}

/* Width 1 is greedy; codes do not depend on threads; on average wider beams lose nothing. */
static void check_beams(const semid_codebook *cb, size_t dim) {
    static int32_t greedy[N * L], beams[N * L], again[N * L];
    assert_ok(semid_encode(NULL, cb, data, N, greedy, &err));
    assert_ok(semid_encode_beam(NULL, cb, data, N, 1, beams, &err));
    assert_memory_equal(beams, greedy, sizeof greedy);
    double before = mean_error(cb, greedy, dim);
    threads_set(1);
    assert_ok(semid_encode_beam(NULL, cb, data, N, 7, beams, &err));
    threads_set(3);
    assert_ok(semid_encode_beam(NULL, cb, data, N, 7, again, &err));
    threads_set(0);
    assert_memory_equal(beams, again, sizeof beams);
    assert_true(mean_error(cb, beams, dim) <= before * (1 + 1e-3));
}

typedef struct reader {
    size_t dim;
} reader;

static semid_status read_data(void *user, size_t row, size_t n, float *out, semid_error *error) {
    size_t dim = ((const reader *)user)->dim;
    (void)error;
    memcpy(out, data + row * dim, n * dim * sizeof *out);
    return SEMID_OK;
}

/* Squared errors above the last level are those of the codes, wherever rows went. */
static void check_unique_errors(const semid_codebook *cb, size_t n, const int32_t *codes,
                                const float *errors) {
    static float expected[N * L];
    size_t n_levels = semid_codebook_levels(cb);
    codebook_errors(cb, data, n, codes, expected);
    for (size_t i = 0; i < n * n_levels; i++)
        if (i % n_levels + 1 < n_levels)
            assert_true(fabsf(errors[i] - expected[i]) <= 1e-4F * expected[i] + 1e-37F);
}

static void make_unique(const semid_codebook *cb, size_t n, size_t dim, int32_t *codes) {
    static float errors[N * L];
    reader r = {dim};
    semid_rows rows = {.n_rows = n, .read = read_data, .user = &r};
    encode_greedy(cb, data, n, codes, errors, NULL);
    assert_ok(unique_assign(cb, &rows, NULL, codes, NULL, errors, NULL, &err));
    check_unique_errors(cb, n, codes, errors);
}

/* Every row has the codeword with the least squared distance plus price, but for rounding. */
static void check_prices(const semid_codebook *cb, const int32_t *codes, const float *prices,
                         size_t dim) {
    static double left[MAX_DIM];
    for (size_t i = 0; i < N; i += 7) {
        for (size_t j = 0; j < dim; j++) left[j] = (double)data[i * dim + j];
        for (size_t l = 0; l < L; l++) {
            const float *c = semid_codebook_level(cb, l);
            double best = INFINITY, taken = 0, scale = 0;
            for (size_t k = 0; k < K; k++) {
                double cost = (double)prices[l * K + k];
                for (size_t j = 0; j < dim; j++) cost += pow(left[j] - (double)c[k * dim + j], 2);
                best = fmin(best, cost);
                scale = fmax(scale, fabs(cost));
                if ((int32_t)k == codes[i * L + l]) taken = cost;
            }
            assert_true(taken <= best + 1e-5 * scale);
            for (size_t j = 0; j < dim; j++)
                left[j] -= (double)c[(size_t)codes[i * L + l] * dim + j];
        }
    }
}

static double first_perplexity(int32_t *codes) {
    semid_codes c = {.n_rows = N, .n_levels = L, .data = codes};
    semid_quality q;
    assert_ok(semid_quality_measure(NULL, &q, &c, K, NULL, 0, &err));
    double perplexity = q.levels[0].perplexity;
    semid_quality_release(&q);
    return perplexity;
}

/* Codes follow from the prices, do not depend on threads, and are no less even than greedy ones. */
static void check_balanced(const semid_codebook *cb, size_t dim, bool can_be_even) {
    static int32_t greedy[N * L], codes[N * L], again[N * L];
    reader r = {dim};
    semid_rows rows = {.n_rows = N, .read = read_data, .user = &r};
    float *prices = NULL;
    size_t n_moved, n_differ = 0;
    assert_ok(semid_encode(NULL, cb, data, N, greedy, &err));
    memcpy(codes, greedy, sizeof codes);
    memcpy(again, greedy, sizeof again);
    threads_set(1);
    assert_ok(balance_assign(cb, &rows, codes, &prices, &n_moved, &err));
    threads_set(3);
    assert_ok(semid_assign_balanced(NULL, cb, &rows, again, NULL, &err));
    threads_set(0);
    assert_memory_equal(codes, again, sizeof codes);
    for (size_t i = 0; i < N; i++)
        n_differ += memcmp(codes + i * L, greedy + i * L, L * sizeof *codes) != 0;
    assert_int_equal(n_moved, n_differ);
    check_prices(cb, codes, prices, dim);
    assert_true(first_perplexity(codes) >= first_perplexity(greedy) - 1e-9);
    if (can_be_even) assert_true(first_perplexity(codes) >= 0.96 * K);
    mem_free(prices);
}

/* All codes differ, whatever the data, up to as many rows as there are codes; the same at any
 * thread count; nothing moves where nothing has to. */
static void check_unique(const semid_codebook *cb, size_t dim) {
    static int32_t codes[N * L], again[N * L];
    semid_codebook *two = NULL;
    assert_ok(semid_codebook_new(NULL, &two, 2, K, dim, false, semid_codebook_level(cb, 0), &err));
    for (int full = 0; full < 2; full++) {
        const semid_codebook *book = full ? two : cb;
        semid_codes c = {.n_rows = full ? K * K : N, .n_levels = full ? 2 : L, .data = codes};
        semid_quality q;
        threads_set(1);
        make_unique(book, c.n_rows, dim, codes);
        threads_set(3);
        make_unique(book, c.n_rows, dim, again);
        threads_set(0);
        assert_memory_equal(codes, again, c.n_rows * c.n_levels * sizeof *codes);
        assert_ok(semid_quality_measure(NULL, &q, &c, K, NULL, 0, &err));
        assert_int_equal(q.n_unique, c.n_rows);
        semid_quality_release(&q);
    }
    semid_codebook_free(two);
}

static void check_same_codebook(const semid_codebook *a, size_t dim, int n_threads) {
    double errors[L];
    threads_set(n_threads);
    semid_codebook *b = train(dim, errors);
    threads_set(0);
    assert_memory_equal(semid_codebook_level(a, 0), semid_codebook_level(b, 0),
                        L * K * dim * sizeof(float));
    semid_codebook_free(b);
}

static void residual_quantization_holds_its_promises(void **state) {
    (void)state;
    rng r;
    rng_init(&r, seed, 0);
    for (int what = 0; what < N_KINDS; what++) {
        size_t dim = 2 + (size_t)rng_below(&r, MAX_DIM - 1);
        double errors[L];
        make_data(&r, (kind)what, dim);
        semid_codebook *cb = train(dim, errors);
        check_errors_fall(cb, errors, dim);
        check_codes_belong_to_rows(cb, &r, dim);
        check_beams(cb, dim);
        check_unique(cb, dim);
        check_balanced(cb, dim, what == NORMAL);
        check_same_codebook(cb, dim, 1);
        check_same_codebook(cb, dim, 3);
        semid_codebook_free(cb);
    }
}

int main(void) {
    const char *given = getenv("SEMID_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu (SEMID_TEST_SEED repeats it)\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(residual_quantization_holds_its_promises),
    };
    return cmocka_run_group_tests_name("quant", tests, NULL, NULL);
}
