#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "eval/rank.h"
#include "support/support.h"

static semid_error err;

enum { N = 5000, DIM = 37, N_QUERIES = 150, N_USERS = 20 };

static float x[N * DIM], profiles[N_QUERIES * DIM];
static uint32_t targets[N_QUERIES], users[N_QUERIES];
static uint64_t offsets[N_USERS + 1];
static uint32_t history_rows[N_USERS * 7];
static histories h = {.n_users = N_USERS, .offsets = offsets, .sorted = history_rows};

/* Few different values, so that many scores are equal. */
static void fill(float *values, size_t n, uint64_t seed) {
    rng r;
    rng_init(&r, seed, 0);
    for (size_t i = 0; i < n; i++) values[i] = (float)rng_below(&r, 3) - 1;
}

static int set_up(void **state) {
    (void)state;
    rng r;
    rng_init(&r, 9, 0);
    fill(x, N * DIM, 1);
    fill(profiles, N_QUERIES * DIM, 2);
    for (size_t i = 0; i < N_QUERIES; i++) {
        targets[i] = (uint32_t)rng_below(&r, N);
        users[i] = (uint32_t)rng_below(&r, N_USERS);
    }
    for (size_t u = 0; u < N_USERS; u++) {
        uint32_t first = (uint32_t)rng_below(&r, N - 100);
        offsets[u + 1] = 7 * (u + 1);
        /* ascending, one row twice */
        for (uint32_t i = 0; i < 7; i++) history_rows[7 * u + i] = first + 9 * (i < 3 ? i : i - 1);
    }
    for (size_t i = 0; i < 30; i++) targets[i] = history_rows[7 * users[i] + 4];
    return 0;
}

static double score_of(const float *profile, size_t row) {
    double sum = 0;
    for (size_t j = 0; j < DIM; j++) sum += (double)profile[j] * (double)x[row * DIM + j];
    return sum; /* small whole numbers: exact */
}

static uint32_t rank_slowly(size_t query, bool masked, bool high) {
    const float *profile = profiles + query * DIM;
    double wanted = score_of(profile, targets[query]);
    uint32_t rank = 0;
    for (uint32_t row = 0; row < N; row++) {
        if (masked && row != targets[query] && histories_has(&h, users[query], row)) continue;
        double score = score_of(profile, row);
        bool before = high ? row > targets[query] : row < targets[query];
        rank += score > wanted || (score == wanted && before);
    }
    return rank;
}

static void check_catalogue(bool masked, bool high, uint32_t limit) {
    ranker r;
    uint32_t ranks[N_QUERIES];
    rank_queries q = {.n = N_QUERIES,
                      .profiles = profiles,
                      .targets = targets,
                      .users = users,
                      .masked = masked ? &h : NULL};
    ranker_init(&r, &device_cpu, x, N, DIM, high);
    assert_ok(rank_in_catalogue(&r, &q, limit, ranks, &err));
    for (size_t i = 0; i < N_QUERIES; i++) {
        uint32_t slow = rank_slowly(i, masked, high);
        assert_int_equal(ranks[i], slow < limit ? slow : RANK_NONE);
    }
}

static void the_catalogue_is_ranked_as_by_a_full_search(void **state) {
    (void)state;
    const uint32_t limits[] = {1, 10, 100, 2000, N};
    for (size_t l = 0; l < 5; l++)
        for (int masked = 0; masked < 2; masked++)
            for (int high = 0; high < 2; high++) check_catalogue(masked, high, limits[l]);
}

static void some_rows_are_ranked_as_by_a_full_search(void **state) {
    (void)state;
    ranker r;
    uint32_t rows[N / 3];
    float scores[N / 3];
    ranker_init(&r, &device_cpu, x, N, DIM, false);
    for (size_t i = 0; i < N_QUERIES; i++) {
        uint32_t slow = 0, n = 0;
        for (uint32_t row = targets[i] % 3; row < N && n < N / 3; row += 3) rows[n++] = row;
        double wanted = score_of(profiles + i * DIM, targets[i]);
        for (size_t j = 0; j < n; j++) {
            double score = score_of(profiles + i * DIM, rows[j]);
            slow += score > wanted || (score == wanted && rows[j] < targets[i]);
        }
        assert_int_equal(rank_among(&r, profiles + i * DIM, targets[i], rows, n, scores), slow);
    }
}

/* Scores that differ by less than float32 can tell. */
static void near_ties_are_told_apart(void **state) {
    (void)state;
    enum { D = 300, M = 40 };
    static float rows[M * D], profile[D];
    static uint32_t user[1], target[1];
    rng r;
    rng_init(&r, 4, 0);
    for (size_t j = 0; j < D; j++) profile[j] = rows[j] = (float)rng_normal(&r);
    for (size_t i = 1; i < M; i++)
        for (size_t j = 0; j < D; j++) rows[i * D + j] = rows[j];
    /* In exact arithmetic each row is better than the one before by profile[0] * 2^-24. */
    profile[0] = 1;
    for (size_t i = 0; i < M; i++) rows[i * D] = 0x1p-24f * (float)i;
    ranker q;
    ranker_init(&q, &device_cpu, rows, M, D, false);
    for (uint32_t i = 0; i < M; i++) {
        uint32_t rank;
        target[0] = i;
        rank_queries one = {.n = 1, .profiles = profile, .targets = target, .users = user};
        assert_ok(rank_in_catalogue(&q, &one, M, &rank, &err));
        assert_int_equal(rank, M - 1 - i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalogue_is_ranked_as_by_a_full_search),
        cmocka_unit_test(some_rows_are_ranked_as_by_a_full_search),
        cmocka_unit_test(near_ties_are_told_apart),
    };
    return cmocka_run_group_tests_name("rank", tests, set_up, NULL);
}
