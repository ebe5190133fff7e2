/* Rows in the order of their codes, against comparing every pair of neighbours. */
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "codebook/code_order.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

typedef struct shape {
    size_t n_rows, n_levels, n_codewords;
} shape;

/* Some take several chunks, some more bits than a record has. */
static const shape shapes[] = {{3000, 3, 6},   {100000, 2, 256}, {2000, 70, 3}, {500, 9, 1 << 20},
                               {40000, 3, 80}, {300, 4, 1},      {1, 2, 5},     {2000, 3, 1000}};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

/* Rows share prefixes of every length with others. */
static int32_t *make_codes(const shape *s) {
    int32_t *codes;
    rng r;
    rng_init(&r, 8, s->n_rows);
    assert_ok(mem_alloc(&codes, s->n_rows * s->n_levels, sizeof *codes, &err));
    for (size_t i = 0; i < s->n_rows; i++) {
        int32_t *row = codes + i * s->n_levels;
        size_t n_same = i > 0 ? (size_t)rng_below(&r, s->n_levels + 1) : 0;
        if (i > 0) memcpy(row, codes + rng_below(&r, i) * s->n_levels, s->n_levels * sizeof *codes);
        for (size_t l = n_same; l < s->n_levels; l++)
            row[l] = (int32_t)rng_below(&r, s->n_codewords);
    }
    return codes;
}

/* Below 0, 0, above 0 by the first n levels. */
static int compare(const code_order *o, uint32_t a, uint32_t b, size_t n) {
    const int32_t *x = o->codes + a * o->n_levels, *y = o->codes + b * o->n_levels;
    for (size_t l = 0; l < n; l++)
        if (x[l] != y[l]) return x[l] < y[l] ? -1 : 1;
    return 0;
}

static void check_order(const code_order *o) {
    bool *seen;
    assert_ok(mem_calloc(&seen, o->n_rows, sizeof *seen, &err));
    for (size_t i = 0; i < o->n_rows; i++) {
        assert_false(seen[o->rows[i]]);
        seen[o->rows[i]] = true;
        if (i == 0) continue;
        int c = compare(o, o->rows[i - 1], o->rows[i], o->n_levels);
        assert_true(c < 0 || (c == 0 && o->rows[i - 1] < o->rows[i]));
    }
    mem_free(seen);
}

static void check_runs(const code_order *o, size_t n_levels) {
    for (size_t begin = 0, end; begin < o->n_rows; begin = end) {
        end = code_order_run(o, begin, o->n_rows, n_levels);
        assert_in_range(end, begin + 1, o->n_rows);
        for (size_t i = begin; i < end; i++)
            assert_int_equal(compare(o, o->rows[begin], o->rows[i], n_levels), 0);
        if (end < o->n_rows)
            assert_int_not_equal(compare(o, o->rows[begin], o->rows[end], n_levels), 0);
    }
    assert_int_equal(code_order_run(o, 0, 1, n_levels), 1);
}

static void rows_ascend_and_runs_share_a_prefix(void **state) {
    (void)state;
    for (size_t i = 0; i < N_SHAPES; i++) {
        const shape *s = &shapes[i];
        int32_t *codes = make_codes(s);
        code_order o;
        threads_set(1 + (int)(i % 3));
        assert_ok(code_order_init(&o, codes, s->n_rows, s->n_levels, s->n_codewords, &err));
        code_order_sort(&o);
        threads_set(0);
        check_order(&o);
        for (size_t n = 0; n <= s->n_levels; n++) check_runs(&o, n);
        code_order_release(&o);
        mem_free(codes);
    }
}

static void it_follows_codes_that_change(void **state) {
    (void)state;
    static const shape s = {3000, 3, 6};
    int32_t *codes = make_codes(&s);
    code_order o;
    assert_ok(code_order_init(&o, codes, s.n_rows, s.n_levels, s.n_codewords, &err));
    code_order_sort(&o);
    memset(codes, 0, s.n_rows * s.n_levels * sizeof *codes);
    codes[5 * s.n_levels + 2] = 5;
    code_order_sort(&o);
    assert_int_equal(o.rows[s.n_rows - 1], 5);
    assert_int_equal(o.rows[5], 6);
    assert_int_equal(code_order_run(&o, 0, s.n_rows, s.n_levels), s.n_rows - 1);
    code_order_release(&o);
    mem_free(codes);
}

static void what_does_not_fit(void **state) {
    (void)state;
    code_order o;
    assert_fails(code_order_init(&o, NULL, (size_t)1 << 32, 2, 4, &err), SEMID_ERR_UNSUPPORTED,
                 "rows: expected fewer than 2^32, found 4294967296");
    assert_fails(code_order_init(&o, NULL, 5, 1 << 16, 4, &err), SEMID_ERR_UNSUPPORTED,
                 "levels: expected fewer than 2^16, found 65536");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_ascend_and_runs_share_a_prefix),
        cmocka_unit_test(it_follows_codes_that_change),
        cmocka_unit_test(what_does_not_fit),
    };
    return cmocka_run_group_tests_name("code_order", tests, NULL, NULL);
}
