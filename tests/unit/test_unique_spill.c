/* Making room at a level, against doing it step by step in double precision. */
#include "assign/unique_spill.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "codebook/codebook.h"
#include "codebook/encode.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static semid_error err;

typedef struct shape {
    size_t n_rows, dim, n_levels, n_codewords;
    bool is_priced, is_lopsided;
} shape;

/* Many small prefixes; few codewords, so that one round is not enough; one prefix that all threads
 * share and whose rows are too many to keep; rows with gaps that leave the first level already. */
static const shape shapes[] = {{3000, 7, 3, 16, false, false},   {3000, 7, 3, 16, true, false},
                               {64, 2, 3, 4, false, false},      {250, 3, 2, 16, true, false},
                               {9900, 150, 2, 100, true, false}, {3000, 120, 3, 50, false, true}};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

typedef struct fixture {
    shape s;
    float *x, *prices;
    int32_t *codes, *expected;
    float *errors, *expected_errors;
    shortlists lists; /* or NULLs */
    semid_codebook *cb;
    size_t first_gone; /* rows from here on cannot be read */
} fixture;

static semid_status read_rows(void *user, size_t row, size_t n, float *out, semid_error *error) {
    const fixture *f = user;
    if (row >= f->first_gone) return error_set(error, SEMID_ERR_IO, "row %zu is gone", row);
    memcpy(out, f->x + row * f->s.dim, n * f->s.dim * sizeof *out);
    return SEMID_OK;
}

/* Most rows lie near a few codewords. */
static fixture *new_fixture(const shape *s) {
    fixture *f;
    rng r;
    size_t n_codewords = s->n_levels * s->n_codewords, n_codes = s->n_rows * s->n_levels;
    float *codewords;
    rng_init(&r, 3, s->n_rows);
    assert_ok(mem_calloc(&f, 1, sizeof *f, &err));
    *f = (fixture){.s = *s, .first_gone = SIZE_MAX};
    assert_ok(mem_alloc(&codewords, n_codewords, s->dim * sizeof *codewords, &err));
    assert_ok(mem_alloc(&f->x, s->n_rows, s->dim * sizeof *f->x, &err));
    assert_ok(mem_alloc(&f->prices, n_codewords, sizeof *f->prices, &err));
    assert_ok(mem_alloc(&f->codes, n_codes, sizeof *f->codes, &err));
    assert_ok(mem_alloc(&f->expected, n_codes, sizeof *f->expected, &err));
    assert_ok(mem_alloc(&f->errors, n_codes, sizeof *f->errors, &err));
    assert_ok(mem_alloc(&f->expected_errors, n_codes, sizeof *f->expected_errors, &err));
    for (size_t i = 0; i < n_codewords * s->dim; i++)
        codewords[i] = (float)rng_normal(&r) / (float)(1 + i / s->dim / s->n_codewords);
    for (size_t i = 0; i < n_codewords; i++)
        f->prices[i] = s->is_priced ? (float)rng_below(&r, 100) * 1e-3F : 0;
    for (size_t i = 0; i < s->n_rows * s->dim; i++) {
        size_t row = i / s->dim, k = row * row % (s->n_codewords / 3 + 1);
        if (s->is_lopsided && row % 10 > 0) k = 0;
        f->x[i] = codewords[k * s->dim + i % s->dim] + (float)rng_normal(&r) * 0.7F;
        if (s->n_levels == 3) f->x[i] += codewords[(s->n_codewords + k / 8) * s->dim + i % s->dim];
    }
    assert_ok(semid_codebook_new(NULL, &f->cb, s->n_levels, s->n_codewords, s->dim, false,
                                 codewords, &err));
    mem_free(codewords);
    if (!codebook_makes_lists(f->cb)) return f;
    assert_ok(mem_alloc(&f->lists.of_row, s->n_rows, sizeof *f->lists.of_row, &err));
    if (!s->is_priced) assert_ok(mem_alloc(&f->lists.gaps, s->n_rows, sizeof *f->lists.gaps, &err));
    return f;
}

static void free_fixture(fixture *f) {
    semid_codebook_free(f->cb);
    mem_free(f->x);
    mem_free(f->prices);
    mem_free(f->codes);
    mem_free(f->expected);
    mem_free(f->errors);
    mem_free(f->expected_errors);
    mem_free(f->lists.of_row);
    mem_free(f->lists.gaps);
    mem_free(f);
}

static double distance(const fixture *f, const int32_t *codes, size_t row, size_t level,
                       int32_t code) {
    double sum = f->s.is_priced ? (double)f->prices[level * f->s.n_codewords + (size_t)code] : 0;
    for (size_t j = 0; j < f->s.dim; j++) {
        double v = (double)f->x[row * f->s.dim + j];
        for (size_t l = 0; l <= level; l++) {
            int32_t k = l < level ? codes[row * f->s.n_levels + l] : code;
            v -= (double)semid_codebook_level(f->cb, l)[(size_t)k * f->s.dim + j];
        }
        sum += v * v;
    }
    return sum;
}

/* No other codeword of the level before the last is nearer than the gap says. */
static void check_gaps(const fixture *f) {
    size_t level = f->s.n_levels - 2, n_known = 0;
    for (size_t i = 0; f->lists.gaps && i < f->s.n_rows; i++) {
        double gap = (double)f->lists.gaps[i], second = INFINITY;
        int32_t code = f->codes[i * f->s.n_levels + level];
        for (size_t k = 0; k < f->s.n_codewords; k++)
            if ((int32_t)k != code)
                second = fmin(second, distance(f, f->codes, i, level, (int32_t)k));
        assert_true(gap <= second - distance(f, f->codes, i, level, code));
        n_known += gap > 0;
    }
    if (f->lists.gaps) assert_in_range(n_known, f->s.n_rows / 2, f->s.n_rows);
}

static semid_status spill(fixture *f, int n_threads) {
    semid_status status;
    semid_rows rows = {.n_rows = f->s.n_rows, .read = read_rows, .user = f};
    unique_state u = {.cb = f->cb,
                      .rows = &rows,
                      .n_levels = f->s.n_levels,
                      .n_codewords = f->s.n_codewords,
                      .dim = f->s.dim,
                      .prices = f->s.is_priced ? f->prices : NULL,
                      .codes = f->codes,
                      .lists = f->lists.of_row,
                      .gaps = f->lists.gaps,
                      .errors = f->errors};
    threads_set(n_threads);
    encode_greedy(f->cb, f->x, f->s.n_rows, f->codes, f->errors,
                  f->lists.of_row ? &f->lists : NULL);
    TRY_GOTO(code_order_init(&u.order, u.codes, rows.n_rows, u.n_levels, u.n_codewords, &err));
    TRY_GOTO(mem_calloc(&u.moved, rows.n_rows, sizeof *u.moved, &err));
    code_order_sort(&u.order);
    for (size_t l = 0; l + 1 < u.n_levels; l++) {
        if (l + 2 == u.n_levels) check_gaps(f);
        TRY_GOTO(unique_spill(&u, l, &err));
    }
    for (size_t i = 1; i < rows.n_rows; i++) assert_in_range(u.order.shared[i], 0, u.n_levels);
done:
    threads_set(0);
    code_order_release(&u.order);
    mem_free(u.moved);
    return status;
}

/* ---- step by step ---- */

typedef struct mover {
    double regret;
    size_t row;
    int32_t from, to;
} mover;

static int by_regret(const void *a, const void *b) {
    const mover *x = a, *y = b;
    return (x->regret > y->regret) - (x->regret < y->regret);
}

static void encode_below(fixture *f, size_t row, size_t level) {
    for (size_t l = level + 1; l < f->s.n_levels; l++) {
        double best = INFINITY;
        int32_t code = 0;
        for (size_t k = 0; k < f->s.n_codewords; k++) {
            double d = distance(f, f->expected, row, l, (int32_t)k);
            if (f->s.is_priced) d -= (double)f->prices[l * f->s.n_codewords + k];
            if (d < best) code = (int32_t)k;
            best = fmin(best, d);
        }
        f->expected[row * f->s.n_levels + l] = code;
    }
}

/* One round; false when there was nothing to do. */
static bool spill_round(fixture *f, size_t level, const size_t *rows, size_t n, double *distances) {
    size_t K = f->s.n_codewords, L = f->s.n_levels, n_movers = 0, n_chosen = 0;
    size_t room = unique_capacity(K, L - 1 - level), counts[256] = {0}, excess[256] = {0};
    mover *movers;
    assert_ok(mem_alloc(&movers, n, sizeof *movers, &err));
    for (size_t i = 0; i < n; i++) counts[f->expected[rows[i] * L + level]]++;
    for (size_t k = 0; k < K; k++) excess[k] = counts[k] > room ? counts[k] - room : 0;
    for (size_t i = 0; i < n; i++) {
        mover m = {INFINITY, rows[i], f->expected[rows[i] * L + level], 0};
        if (excess[m.from] == 0) continue;
        for (size_t k = 0; k < K; k++) {
            double regret = distances[i * K + k] - distances[i * K + (size_t)m.from];
            if (counts[k] >= room || regret >= m.regret) continue;
            m.regret = regret;
            m.to = (int32_t)k;
        }
        movers[n_movers++] = m;
    }
    qsort(movers, n_movers, sizeof *movers, by_regret);
    for (size_t i = 0; i < n_movers; i++) {
        mover m = movers[i];
        if (excess[m.from] == 0) continue;
        excess[m.from]--; /* it is selected, applied or not */
        n_chosen++;
        if (counts[m.to] >= room) continue;
        counts[m.to]++;
        f->expected[m.row * L + level] = m.to;
        encode_below(f, m.row, level);
    }
    mem_free(movers);
    return n_chosen > 0;
}

static void spill_prefix(fixture *f, size_t level, const size_t *rows, size_t n) {
    size_t K = f->s.n_codewords;
    double *distances;
    if (n <= unique_capacity(K, f->s.n_levels - 1 - level)) return;
    assert_ok(mem_alloc(&distances, n * K, sizeof *distances, &err));
    for (size_t i = 0; i < n * K; i++)
        distances[i] = distance(f, f->expected, rows[i / K], level, (int32_t)(i % K));
    while (spill_round(f, level, rows, n, distances)) continue;
    mem_free(distances);
}

static void spill_level(fixture *f, size_t level) {
    size_t n_rows = f->s.n_rows, L = f->s.n_levels, *rows;
    bool *done;
    assert_ok(mem_alloc(&rows, n_rows, sizeof *rows, &err));
    assert_ok(mem_calloc(&done, n_rows, sizeof *done, &err));
    for (size_t i = 0; i < n_rows; i++) {
        size_t n = 0;
        for (size_t j = i; j < n_rows && !done[i]; j++)
            if (memcmp(f->expected + j * L, f->expected + i * L, level * sizeof(int32_t)) == 0)
                rows[n++] = j;
        for (size_t j = 0; j < n; j++) done[rows[j]] = true;
        if (n > 0) spill_prefix(f, level, rows, n);
    }
    mem_free(rows);
    mem_free(done);
}

static void check_errors(const fixture *f) {
    codebook_errors(f->cb, f->x, f->s.n_rows, f->codes, f->expected_errors);
    for (size_t i = 0; i < f->s.n_rows * f->s.n_levels; i++)
        assert_true(fabsf(f->errors[i] - f->expected_errors[i]) <= 1e-4F * f->expected_errors[i]);
}

static void check_lists(const fixture *f) {
    static float left[256];
    size_t last = f->s.n_levels - 1;
    for (size_t i = 0; f->lists.of_row && i < f->s.n_rows; i++) {
        shortlist expected;
        int32_t code;
        memcpy(left, f->x + i * f->s.dim, f->s.dim * sizeof *left);
        for (size_t l = 0; l < last; l++)
            for (size_t j = 0; j < f->s.dim; j++) {
                size_t k = (size_t)f->codes[i * f->s.n_levels + l];
                left[j] -= semid_codebook_level(f->cb, l)[k * f->s.dim + j];
            }
        nearest_find_residual(codebook_searches(f->cb) + last, 1, left, 1, &code, NULL,
                              &(shortlists){.of_row = &expected});
        assert_memory_equal(&f->lists.of_row[i], &expected, sizeof expected);
    }
}

static void rows_go_where_they_should(void **state) {
    (void)state;
    for (size_t i = 0; i < N_SHAPES; i++) {
        fixture *f = new_fixture(&shapes[i]);
        size_t L = f->s.n_levels, n_moved = 0;
        encode_greedy(f->cb, f->x, f->s.n_rows, f->expected, NULL, NULL);
        for (size_t l = 0; l + 1 < L; l++) spill_level(f, l);
        for (int n_threads = 1; n_threads <= 3; n_threads++) {
            assert_ok(spill(f, n_threads));
            assert_memory_equal(f->codes, f->expected, f->s.n_rows * L * sizeof *f->codes);
            check_errors(f);
            check_lists(f);
        }
        encode_greedy(f->cb, f->x, f->s.n_rows, f->codes, NULL, NULL);
        for (size_t r = 0; r < f->s.n_rows; r++)
            n_moved +=
                memcmp(f->codes + r * L, f->expected + r * L, (L - 1) * sizeof(int32_t)) != 0;
        assert_in_range(n_moved, f->s.n_rows / 20, f->s.n_rows);
        free_fixture(f);
    }
}

/* The same failure at any number of threads. */
static void rows_that_cannot_be_read(void **state) {
    (void)state;
    for (size_t i = 0; i < N_SHAPES; i++) {
        fixture *f = new_fixture(&shapes[i]);
        char first[SEMID_ERROR_MESSAGE_BYTES];
        f->first_gone = f->s.n_rows / 2;
        assert_fails(spill(f, 1), SEMID_ERR_IO, "is gone");
        strcpy(first, err.message);
        for (int n_threads = 2; n_threads <= 4; n_threads++) {
            assert_fails(spill(f, n_threads), SEMID_ERR_IO, "is gone");
            assert_string_equal(err.message, first);
        }
        free_fixture(f);
    }
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    fixture *f = new_fixture(&shapes[0]);
    semid_status status = SEMID_ERR_NO_MEMORY;
    long n = 0;
    while (status == SEMID_ERR_NO_MEMORY) {
        mem_fail_after(++n);
        status = spill(f, 2);
    }
    mem_fail_after(0);
    assert_int_equal(status, SEMID_OK);
    assert_in_range(n, 30, 1000);
    free_fixture(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_go_where_they_should),
        cmocka_unit_test(rows_that_cannot_be_read),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("unique_spill", tests, NULL, NULL);
}
