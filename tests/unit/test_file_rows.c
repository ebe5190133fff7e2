/* The usable rows of an embedding file: found in one scan, read as if the others were not there. */
#include "base/memory.h"
#include "formats/embeddings_write.h"
#include "formats/npy.h"
#include "input/file_rows.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

static semid_error err;

enum { N = 5000, DIM = 3 };

static float x[N * DIM];

static embeddings *file_of(const float *rows, size_t n) {
    embeddings_writer *w;
    embeddings *e;
    assert_ok(embeddings_writer_open(&w, test_path("x.npy"), n, DIM, NULL, &err));
    assert_ok(embeddings_writer_append(w, rows, n, &err));
    assert_ok(embeddings_writer_commit(w, &err));
    embeddings_writer_free(w);
    assert_ok(embeddings_open(&e, test_path("x.npy"), &err));
    return e;
}

static semid_status scan(file_rows *rows, const float *values, size_t n, bool skip_bad) {
    file_rows_close(rows);
    *rows = file_rows_of(file_of(values, n));
    return file_rows_scan(rows, skip_bad, &err);
}

static void good_rows_are_used_in_place(void **state) {
    (void)state;
    file_rows v = {0};
    float out[2 * DIM];
    for (size_t i = 0; i < N * DIM; i++) x[i] = i / DIM % 2 ? 3.0f : 1.0f;
    assert_ok(scan(&v, x, N, false));
    assert_int_equal(v.n_rows, N);
    assert_int_equal(v.n_bad, 0);
    assert_null(v.numbers);
    assert_false(v.unit_norm);
    assert_true(fabs(v.variance - 1) < 1e-9);
    assert_memory_equal(file_rows_view(&v), x, sizeof x);
    assert_ok(file_rows_read(&v, 7, 2, out, &err));
    assert_memory_equal(out, x + 7 * DIM, sizeof out);
    file_rows_close(&v);
    file_rows_close(&v);
}

static void bad_rows_are_refused_or_left_out(void **state) {
    (void)state;
    file_rows v = {0};
    static float good[N * DIM], out[N * DIM];
    size_t n_good = 0;
    for (size_t i = 0; i < N * DIM; i++) x[i] = (float)i;
    x[0] = NAN;
    x[1000 * DIM + 2] = INFINITY;
    x[(N - 1) * DIM] = -INFINITY;
    for (size_t i = 1; i < N - 1; i++)
        if (i != 1000) memcpy(good + DIM * n_good++, x + i * DIM, DIM * sizeof *x);
    assert_fails(
        scan(&v, x, N, false), SEMID_ERR_DATA,
        "x.npy: expected finite numbers, found NaN or Inf in 3 of 5000 rows, first in row 0 "
        "(--skip-bad-rows");
    file_rows_close(&v);
    assert_ok(scan(&v, x, N, true));
    assert_int_equal(v.n_rows, N - 3);
    assert_int_equal(v.n_bad, 3);
    assert_int_equal(v.numbers[0], 1);
    assert_int_equal(v.numbers[999], 1001);
    assert_null(file_rows_view(&v));
    assert_ok(file_rows_read(&v, 0, v.n_rows, out, &err));
    assert_memory_equal(out, good, n_good * DIM * sizeof *out);
    assert_ok(file_rows_read(&v, 998, 2, out, &err)); /* on both sides of row 1000 */
    assert_memory_equal(out, good + 998 * DIM, 2 * DIM * sizeof *out);
    file_rows_close(&v);
}

static void only_bad_rows_are_no_rows(void **state) {
    (void)state;
    file_rows v = {0};
    const float bad[DIM] = {NAN, 1, 2};
    assert_int_equal(scan(&v, bad, 1, true), SEMID_ERR_DATA);
    assert_non_null(strstr(err.message, "x.npy"));
    file_rows_close(&v);
}

/* Blocks of rows that nobody has checked: the good ones, and afterwards the others are left out. */
static void blocks_leave_bad_rows_out(void **state) {
    (void)state;
    enum { BLOCK = 700 };
    static float good[N * DIM], found[N * DIM], buffer[BLOCK * DIM];
    size_t n_good = 0, n_found = 0;
    for (size_t i = 0; i < N * DIM; i++) x[i] = (float)i;
    for (size_t i = 0; i < N; i++) {
        bool bad = i == 0 || (i >= 1400 && i < 2100) || i == N - 1; /* a whole block */
        if (bad)
            x[i * DIM + 1] = NAN;
        else
            memcpy(good + DIM * n_good++, x + i * DIM, DIM * sizeof *x);
    }

    file_rows rows = file_rows_of(file_of(x, N));
    for (size_t row = 0; row < N; row += BLOCK) {
        const float *block;
        size_t n_read = N - row < BLOCK ? N - row : BLOCK, n;
        assert_ok(file_rows_block(&rows, row, n_read, buffer, &block, &n, &err));
        memcpy(found + n_found * DIM, block, n * DIM * sizeof *found);
        n_found += n;
    }
    assert_int_equal(n_found, n_good);
    assert_memory_equal(found, good, n_good * DIM * sizeof *good);
    assert_int_equal(rows.n_bad, 702);
    assert_fails(file_rows_check_bad(&rows, false, &err), SEMID_ERR_DATA, "702 of 5000 rows");
    assert_ok(file_rows_check_bad(&rows, true, &err));
    assert_ok(file_rows_drop_bad(&rows, &err));
    assert_int_equal(rows.n_rows, n_good);
    assert_ok(file_rows_read(&rows, 0, n_good, found, &err));
    assert_memory_equal(found, good, n_good * DIM * sizeof *good);
    file_rows_close(&rows);
}

/* A subset by numbers, read in blocks, in runs and one by one. */
static void subsets_and_callbacks(void **state) {
    (void)state;
    enum { STEP = 7, N_SUBSET = N / STEP };
    float out[3 * DIM];
    uint64_t *numbers;
    for (size_t i = 0; i < N * DIM; i++) x[i] = (float)i;
    file_rows rows = {0};
    assert_ok(scan(&rows, x, N, false));
    assert_ok(mem_alloc(&numbers, N_SUBSET, sizeof *numbers, &err));
    for (size_t i = 0; i < N_SUBSET; i++) numbers[i] = i * STEP;
    file_rows subset = file_rows_subset(&rows, numbers, N_SUBSET);
    semid_rows all = file_rows_callback(&rows), some = file_rows_callback(&subset);
    assert_int_equal(all.n_rows, N);
    assert_int_equal(some.n_rows, N_SUBSET);
    assert_null(file_rows_view(&subset));
    assert_ok(all.read(all.user, 4990, 3, out, &err));
    assert_memory_equal(out, x + 4990 * DIM, sizeof out);
    assert_ok(some.read(some.user, 10, 3, out, &err));
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(out + i * DIM, x + (10 + i) * STEP * DIM, DIM * sizeof *out);
    assert_ok(file_rows_read(&subset, 700, 1, out, &err));
    assert_memory_equal(out, x + 700 * STEP * DIM, DIM * sizeof *out);
    file_rows_release_pages(&subset, 700, 1);
    file_rows_close(&subset);
    file_rows_close(&rows);
}

/* X.rows.npy lists the rows that have codes, and does not stay where all have. */
static void kept_rows_are_listed(void **state) {
    (void)state;
    array kept = {0};
    int64_t numbers[N];
    for (size_t i = 0; i < N * DIM; i++) x[i] = (float)i;
    x[5 * DIM] = NAN;
    file_rows rows = {0};
    assert_ok(scan(&rows, x, N, true));
    assert_ok(file_rows_save_kept(&rows, test_path("codes.npy"), &err));
    assert_ok(npy_load(&kept, test_path("codes.rows.npy"), &err));
    assert_int_equal(array_elements(&kept), N - 1);
    assert_ok(array_to_i64(&kept, 0, N - 1, numbers, &err));
    for (int64_t i = 0; i < N - 1; i++) assert_int_equal(numbers[i], i + (i >= 5));
    array_release(&kept);

    x[5 * DIM] = 1;
    assert_ok(scan(&rows, x, N, true));
    assert_ok(file_rows_save_kept(&rows, test_path("codes.npy"), &err));
    assert_false(path_exists(test_path("codes.rows.npy")));
    file_rows_close(&rows);
}

static void unit_rows_are_noticed(void **state) {
    (void)state;
    file_rows v = {0};
    for (size_t i = 0; i < N * DIM; i++) x[i] = i % DIM == 1 ? 1 : 0;
    x[DIM * 4000 + 1] = 1.0009f;
    assert_ok(scan(&v, x, N, false));
    assert_true(v.unit_norm);
    file_rows_close(&v);
    x[DIM * 4000 + 1] = 1.0011f;
    assert_ok(scan(&v, x, N, false));
    assert_false(v.unit_norm);
    file_rows_close(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_rows_are_used_in_place),
        cmocka_unit_test(bad_rows_are_refused_or_left_out),
        cmocka_unit_test(only_bad_rows_are_no_rows),
        cmocka_unit_test(blocks_leave_bad_rows_out),
        cmocka_unit_test(subsets_and_callbacks),
        cmocka_unit_test(kept_rows_are_listed),
        cmocka_unit_test(unit_rows_are_noticed),
    };
    return cmocka_run_group_tests_name("file_rows", tests, NULL, NULL);
}
