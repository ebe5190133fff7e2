/* The usable rows of an embedding file: found in one scan, read as if the others were not there. */
#include "input/vectors.h"
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

static void good_rows_are_used_in_place(void **state) {
    (void)state;
    vectors v = {0};
    float out[2 * DIM];
    for (size_t i = 0; i < N * DIM; i++) x[i] = i / DIM % 2 ? 3.0f : 1.0f;
    assert_ok(vectors_scan(&v, file_of(x, N), false, &err));
    assert_int_equal(v.n_rows, N);
    assert_int_equal(v.n_bad, 0);
    assert_null(v.usable);
    assert_false(v.unit_norm);
    assert_true(fabs(v.variance - 1) < 1e-9);
    assert_memory_equal(vectors_view(&v), x, sizeof x);
    assert_ok(vectors_read(&v, 7, 2, out, &err));
    assert_memory_equal(out, x + 7 * DIM, sizeof out);
    vectors_close(&v);
    vectors_close(&v);
}

static void bad_rows_are_refused_or_left_out(void **state) {
    (void)state;
    vectors v = {0};
    static float good[N * DIM], out[N * DIM];
    size_t n_good = 0;
    for (size_t i = 0; i < N * DIM; i++) x[i] = (float)i;
    x[0] = NAN;
    x[1000 * DIM + 2] = INFINITY;
    x[(N - 1) * DIM] = -INFINITY;
    for (size_t i = 1; i < N - 1; i++)
        if (i != 1000) memcpy(good + DIM * n_good++, x + i * DIM, DIM * sizeof *x);
    assert_fails(vectors_scan(&v, file_of(x, N), false, &err), SEMID_ERR_DATA,
                 "x.npy: expected finite numbers, found NaN or Inf in row 0 (3 such rows in all)");
    vectors_close(&v);
    assert_ok(vectors_scan(&v, file_of(x, N), true, &err));
    assert_int_equal(v.n_rows, N - 3);
    assert_int_equal(v.n_bad, 3);
    assert_int_equal(v.usable[0], 1);
    assert_int_equal(v.usable[999], 1001);
    assert_null(vectors_view(&v));
    assert_ok(vectors_read(&v, 0, v.n_rows, out, &err));
    assert_memory_equal(out, good, n_good * DIM * sizeof *out);
    assert_ok(vectors_read(&v, 998, 2, out, &err)); /* on both sides of row 1000 */
    assert_memory_equal(out, good + 998 * DIM, 2 * DIM * sizeof *out);
    vectors_close(&v);
}

static void only_bad_rows_are_no_rows(void **state) {
    (void)state;
    vectors v = {0};
    const float bad[DIM] = {NAN, 1, 2};
    assert_int_equal(vectors_scan(&v, file_of(bad, 1), true, &err), SEMID_ERR_DATA);
    assert_non_null(strstr(err.message, "x.npy"));
    vectors_close(&v);
}

static void unit_rows_are_noticed(void **state) {
    (void)state;
    vectors v = {0};
    for (size_t i = 0; i < N * DIM; i++) x[i] = i % DIM == 1 ? 1 : 0;
    x[DIM * 4000 + 1] = 1.0009f;
    assert_ok(vectors_scan(&v, file_of(x, N), false, &err));
    assert_true(v.unit_norm);
    vectors_close(&v);
    x[DIM * 4000 + 1] = 1.0011f;
    assert_ok(vectors_scan(&v, file_of(x, N), false, &err));
    assert_false(v.unit_norm);
    vectors_close(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_rows_are_used_in_place),
        cmocka_unit_test(bad_rows_are_refused_or_left_out),
        cmocka_unit_test(only_bad_rows_are_no_rows),
        cmocka_unit_test(unit_rows_are_noticed),
    };
    return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
