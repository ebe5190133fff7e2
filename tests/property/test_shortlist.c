/* Distinct codes by way of shortlists are those of all costs. */
#include "assign/unique.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "codebook/codebook.h"
#include "codebook/encode.h"
#include "semid/quality.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N = 4000, DIM = 128, L = 2, K = 128 };

static semid_error err;
static uint64_t seed;
static float data[N * DIM], codewords[L * K * DIM];

/* Rows in few clusters share a prefix: some hold few rows, some all they can, some more. Or they
 * are all alike in groups, half of them equal, so that shortlists do not reach. */
typedef enum kind { SPREAD, CROWDED, DUPLICATES, FAR, ALIKE, N_KINDS } kind;
enum { ALIKE_ROWS = 32, N_ALIKE = 16 };

static float value_of(rng *r, kind what) {
    return (float)rng_normal(r) + (what == FAR ? 30 : 0);
}

static void make_alike(rng *r) {
    for (size_t i = 0; i < N; i++) {
        const float *first = data + i / ALIKE_ROWS * ALIKE_ROWS * DIM;
        float noise = rng_below(r, 2) == 0 ? 0 : 0.01F * (float)(1 + i / ALIKE_ROWS % 16);
        for (size_t j = 0; i % ALIKE_ROWS > 0 && j < DIM; j++)
            data[i * DIM + j] = first[j] + noise * (float)rng_normal(r);
    }
}

static void make_data(rng *r, kind what) {
    for (size_t k = 0; k < L * K; k++)
        for (size_t j = 0; j < DIM; j++)
            codewords[k * DIM + j] = k < K ? value_of(r, what) : 0.5F * (float)rng_normal(r);
    for (size_t i = 0; i < N; i++) {
        size_t cluster = (size_t)rng_below(r, what == CROWDED ? K : K / 2);
        if (what == CROWDED) cluster = cluster * cluster / K;
        for (size_t j = 0; j < DIM; j++)
            data[i * DIM + j] = codewords[cluster * DIM + j] + 0.4F * (float)rng_normal(r);
        if (what == DUPLICATES && i % 3 > 0)
            memcpy(data + i * DIM, data + (i - 1) * DIM, DIM * sizeof *data);
    }
    if (what == ALIKE) make_alike(r);
}

static semid_status read_data(void *user, size_t row, size_t n, float *out, semid_error *error) {
    (void)user;
    (void)error;
    memcpy(out, data + row * DIM, n * DIM * sizeof *out);
    return SEMID_OK;
}

static double sum_of(const float *errors) {
    double sum = 0;
    for (size_t i = 0; i < N; i++) sum += (double)errors[i * L + L - 1];
    return sum;
}

/* Greedy codes in two batches, so that the second knows of large prefixes. */
static void encode(const semid_codebook *cb, int32_t *codes, float *errors,
                   const shortlists *lists) {
    prefix_counts counts;
    assert_ok(prefix_counts_init(&counts, N, L, UNIQUE_DENSE_ROWS, &err));
    for (size_t i = 0; i < N; i += N / 2) {
        shortlists asked = {.of_row = lists ? lists->of_row + i : NULL,
                            .prefixes = &counts,
                            .gaps = lists ? lists->gaps + i : NULL};
        encode_greedy(cb, data + i * DIM, N / 2, codes + i * L, errors + i * L,
                      lists ? &asked : NULL);
        prefix_counts_add(&counts, codes + i * L, N / 2);
    }
    prefix_counts_release(&counts);
}

/* Distinct codes; returns their squared errors added up, which those kept on the way agree with. */
static double make_unique(const semid_codebook *cb, const shortlists *lists, int n_threads,
                          int32_t *codes) {
    static float errors[N * L], expected[N * L];
    semid_rows rows = {.n_rows = N, .read = read_data};
    semid_codes c = {.n_rows = N, .n_levels = L, .data = codes};
    semid_quality q;
    threads_set(n_threads);
    encode(cb, codes, errors, lists);
    assert_ok(unique_assign(cb, &rows, NULL, codes, lists, errors, NULL, &err));
    threads_set(0);
    codebook_errors(cb, data, N, codes, expected);
    for (size_t i = 0; i < N * L; i++)
        assert_true(fabsf(errors[i] - expected[i]) <= 1e-4F * (1 + expected[i]));
    assert_ok(semid_quality_measure(NULL, &q, &c, K, NULL, 0, &err));
    assert_int_equal(q.n_unique, N);
    semid_quality_release(&q);
    return sum_of(expected);
}

static void lists_change_no_sum(void **state) {
    (void)state;
    static int32_t codes[N * L], again[N * L];
    static shortlist of_row[N];
    static float gaps[N];
    const shortlists lists = {.of_row = of_row, .gaps = gaps};
    rng r;
    rng_init(&r, seed, 0);
    for (int i = 0; i < N_KINDS - 1 + N_ALIKE; i++) {
        kind what = i < ALIKE ? (kind)i : ALIKE;
        semid_codebook *cb = NULL;
        make_data(&r, what);
        assert_ok(semid_codebook_new(NULL, &cb, L, K, DIM, false, codewords, &err));
        if (!codebook_makes_lists(cb)) {
            semid_codebook_free(cb);
            print_message("skipped: this machine does not screen, there are no shortlists\n");
            skip();
        }
        double all = make_unique(cb, NULL, 1, codes);
        double listed = make_unique(cb, &lists, 1, codes);
        if (fabs(listed - all) > 1e-6 * all)
            fail_msg("kind %d: expected an error of %.9g, found %.9g", (int)what, all, listed);
        make_unique(cb, &lists, 3, again);
        assert_memory_equal(codes, again, sizeof codes);
        semid_codebook_free(cb);
    }
}

int main(void) {
    const char *given = getenv("SEMID_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu (SEMID_TEST_SEED repeats it)\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_change_no_sum)};
    return cmocka_run_group_tests_name("shortlist", tests, NULL, NULL);
}
