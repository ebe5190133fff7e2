/* Screening changes no code: on drawn shapes and hostile data it gives what plain float32 gives. */
#include "base/memory.h"
#include "base/rng.h"
#include "codebook/nearest.h"
#include "kernels/kernels.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N = 300, MAX_K = 600, MAX_DIM = 800, ROUNDS = 3 };

static semid_error err;
static uint64_t seed;
static float rows[N * MAX_DIM], codewords[MAX_K * MAX_DIM];

typedef enum kind {
    NORMAL,
    CLUSTERED,     /* rows close to codewords */
    CODEWORD_ROWS, /* rows that are codewords */
    DUPLICATES,    /* each codeword many times over */
    NEAR_TIES,     /* codewords that differ in their last bits */
    EQUAL_DISTANCES,
    SHIFTED, /* far from the origin */
    MIXED_SCALES,
    HUGE_NORMS,
    OVERFLOWING,
    TINY,
    DENORMAL,
    ZEROS,
    ONE_SPIKE, /* one coordinate takes the whole range of the bytes */
    N_KINDS
} kind;

static float value_of(rng *r, kind what, size_t row, size_t j) {
    float v = (float)rng_normal(r);
    switch (what) {
    case EQUAL_DISTANCES:
        return (float)rng_below(r, 2);
    case SHIFTED:
        return v * 0.01F + 100;
    case MIXED_SCALES:
        return v * powf(10, (float)(row % 13) - 6);
    case HUGE_NORMS:
        return v * powf(10, (float)(row % 18));
    case OVERFLOWING:
        return v * (row % 7 == 0 ? 1e25F : 1);
    case TINY:
        return v * 1e-20F;
    case DENORMAL:
        return v * 1e-42F;
    case ZEROS:
        return row % 3 == 0 ? v : 0;
    case ONE_SPIKE:
        return j == row % 3 ? 1000 : v;
    default:
        return v;
    }
}

static void make_data(rng *r, kind what, size_t n_codewords, size_t dim) {
    for (size_t k = 0; k < n_codewords; k++)
        for (size_t j = 0; j < dim; j++) codewords[k * dim + j] = value_of(r, what, k, j);
    for (size_t k = 5; k < n_codewords; k++)
        for (size_t j = 0; j < dim && (what == DUPLICATES || what == NEAR_TIES); j++) {
            float scale = what == NEAR_TIES ? 1 + 1e-7F * (float)rng_below(r, 3) : 1;
            codewords[k * dim + j] = codewords[k % 5 * dim + j] * scale;
        }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < dim; j++) {
            float v = value_of(r, what, i, j);
            float c = codewords[(i * 7 % n_codewords) * dim + j];
            if (what == CODEWORD_ROWS || what == DUPLICATES) v = c;
            if (what == CLUSTERED || what == NEAR_TIES) v = c + 0.1F * v;
            rows[i * dim + j] = v;
        }
}

static void check_codes(kind what, size_t n_codewords, size_t dim) {
    enum { L = 2 };
    nearest *screened[L] = {NULL}, *plain[L] = {NULL};
    static int32_t found[N * L], expected[N * L];
    for (size_t l = 0; l < L; l++) {
        assert_ok(nearest_new(&screened[l], n_codewords, dim, &err));
        assert_ok(nearest_new_plain(&plain[l], n_codewords, dim, &err));
        nearest_set(screened[l], codewords);
        nearest_set(plain[l], codewords);
    }
    nearest_find_residual((const nearest *const *)screened, L, rows, N, found, NULL, NULL);
    nearest_find_residual((const nearest *const *)plain, L, rows, N, expected, NULL, NULL);
    for (size_t i = 0; i < N * L; i++)
        if (found[i] != expected[i])
            fail_msg("kind %d, K %zu, dim %zu, row %zu, level %zu: expected %d, found %d", what,
                     n_codewords, dim, i / L, i % L, expected[i], found[i]);
    for (size_t l = 0; l < L; l++) {
        nearest_free(screened[l]);
        nearest_free(plain[l]);
    }
}

/* What is listed has its score, to the last bit; what is not has none below `rest`. */
static void check_list(const shortlist *list, int32_t code, const float *scores, size_t n) {
    bool listed[MAX_K] = {false}, has_code = shortlist_is_clear(list);
    for (size_t i = 0; i < SHORTLIST_CODES; i++) {
        if (!(list->scores[i] < INFINITY)) continue;
        assert_false(listed[list->codes[i]]);
        listed[list->codes[i]] = true;
        has_code |= list->codes[i] == code;
        assert_memory_equal(&list->scores[i], &scores[list->codes[i]], sizeof(float));
    }
    assert_true(has_code);
    for (size_t k = 0; k < n; k++) assert_false(!listed[k] && scores[k] < list->rest);
}

static size_t check_lists(size_t n_codewords, size_t dim) {
    static shortlist lists[N];
    int32_t codes[N], alone[N];
    float norms[MAX_K], scores[MAX_K];
    size_t n_clear = 0;
    nearest *s;
    assert_ok(nearest_new(&s, n_codewords, dim, &err));
    nearest_set(s, codewords);
    if (!nearest_makes_lists(s)) print_message("no shortlists: this machine does not screen\n");
    bool makes_lists = nearest_makes_lists(s);
    nearest_find(s, rows, N, alone, NULL);
    if (makes_lists)
        nearest_find_residual((const nearest *const *)&s, 1, rows, N, codes, NULL,
                              &(shortlists){.of_row = lists});
    nearest_free(s);
    if (!makes_lists) return 0;
    assert_memory_equal(codes, alone, sizeof codes);
    for (size_t k = 0; k < n_codewords; k++)
        norms[k] = kernels()->dot_f32(codewords + k * dim, codewords + k * dim, dim);
    for (size_t i = 0; i < N; i++) {
        kernels()->rescore_f32(rows + i * dim, codewords, norms, dim, NULL, n_codewords, scores);
        check_list(&lists[i], codes[i], scores, n_codewords);
        n_clear += shortlist_is_clear(&lists[i]);
    }
    return n_clear;
}

static void shortlists_miss_nothing(void **state) {
    (void)state;
    rng r;
    rng_init(&r, seed, 1);
    for (int what = 0; what < N_KINDS; what++) {
        size_t dim = 96 + (size_t)rng_below(&r, MAX_DIM - 96);
        size_t n_codewords = 48 + (size_t)rng_below(&r, MAX_K - 48);
        make_data(&r, (kind)what, n_codewords, dim);
        size_t n_clear = check_lists(n_codewords, dim);
        if (what == NORMAL || what == CLUSTERED) assert_true(n_clear < N / 10);
    }
}

static void screening_changes_no_code(void **state) {
    (void)state;
    rng r;
    rng_init(&r, seed, 0);
    for (int what = 0; what < N_KINDS; what++)
        for (int round = 0; round < ROUNDS; round++) {
            size_t dim = 96 + (size_t)rng_below(&r, MAX_DIM - 96);
            size_t n_codewords = 48 + (size_t)rng_below(&r, MAX_K - 48);
            make_data(&r, (kind)what, n_codewords, dim);
            check_codes((kind)what, n_codewords, dim);
        }
}

int main(void) {
    const char *given = getenv("SEMID_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu (SEMID_TEST_SEED repeats it)\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screening_changes_no_code),
        cmocka_unit_test(shortlists_miss_nothing),
    };
    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
