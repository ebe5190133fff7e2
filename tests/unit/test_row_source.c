/* Rows in memory and rows that are read give the same results. */
#include "base/threads.h"
#include "codebook/row_source.h"
#include "support/support.h"

#include <string.h>
#include <unistd.h>

enum { N = 300, DIM = 3, K = 4 };

static semid_error err;
static float x[N * DIM];
static size_t bad_row = N; /* cannot be read */

static semid_status read_x(void *user, size_t row, size_t n, float *out, semid_error *e) {
    (void)user;
    if (bad_row >= row && bad_row < row + n)
        return error_set(e, SEMID_ERR_IO, "row %zu is gone", bad_row);
    memcpy(out, x + row * DIM, n * DIM * sizeof *x);
    return SEMID_OK;
}

static const semid_rows rows = {.n_rows = N, .read = read_x};

static void fill(void) {
    for (size_t i = 0; i < N * DIM; i++) x[i] = (float)i;
}

static void blocks_and_named_rows_are_those_of_memory(void **state) {
    (void)state;
    const row_source memory = row_source_of(x, N, DIM);
    row_source s;
    float out[N * DIM], other[N * DIM];
    const float *block;
    size_t n = 0, n_blocks = 0;
    uint64_t picked[N];
    fill();
    assert_ok(row_source_open(&s, &rows, DIM, &err));
    s.block_rows = 128;
    for (size_t row = 0; row < N; row += n, n_blocks++) {
        assert_ok(row_source_block(&s, row, &block, &n, &err));
        assert_memory_equal(block, x + row * DIM, n * DIM * sizeof *x);
    }
    assert_int_equal(n_blocks, 3);
    assert_ok(row_source_block(&memory, 10, &block, &n, &err));
    assert_true(block == x + 10 * DIM && n == N - 10);
    for (size_t i = 0; i < N; i++) picked[i] = i * 7 % N;
    assert_ok(row_source_gather(&s, picked, N, out, &err));
    assert_ok(row_source_gather(&memory, picked, N, other, &err));
    assert_memory_equal(out, other, sizeof out);
    assert_true(out[DIM] == x[7 * DIM]);
    row_source_release(&s);
}

static void levels_are_subtracted(void **state) {
    (void)state;
    float codewords[2 * K * DIM], out[DIM];
    int32_t codes[2 * N];
    row_source s;
    fill();
    for (size_t i = 0; i < 2 * K * DIM; i++) codewords[i] = 1000 * (float)i;
    for (size_t i = 0; i < 2 * N; i++) codes[i] = (int32_t)(i * 3 % K);
    assert_ok(row_source_open(&s, &rows, DIM, &err));
    s.n_codewords = K;
    s.codewords = codewords;
    s.codes = codes;
    s.n_levels = 2;
    assert_ok(row_source_read(&s, 9, 1, out, &err));
    size_t first = (size_t)codes[9] * DIM, second = (size_t)(K + codes[N + 9]) * DIM;
    for (size_t j = 0; j < DIM; j++)
        assert_true(out[j] == x[9 * DIM + j] - codewords[first + j] - codewords[second + j]);
    row_source_release(&s);
}

static void a_failure_to_read_is_passed_on(void **state) {
    (void)state;
    float out[N * DIM];
    row_source s;
    assert_ok(row_source_open(&s, &rows, DIM, &err));
    bad_row = 200;
    assert_fails(row_source_read(&s, 0, N, out, &err), SEMID_ERR_IO, "row 200 is gone");
    bad_row = N;
    row_source_release(&s);
    assert_fails(row_source_open(&s, &(semid_rows){.read = read_x}, DIM, &err), SEMID_ERR_DATA,
                 "found shape [0, 3]");
    const semid_rows newer = {.n_rows = N, .read = read_x, .reserved = {[3] = 1}};
    assert_fails(row_source_open(&s, &newer, DIM, &err), SEMID_ERR_ARGUMENT, "reserved");
}

/* Fails for every row from bad_row on; the lower of them, the later. */
static semid_status read_late(void *user, size_t row, size_t n, float *out, semid_error *e) {
    (void)user, (void)out;
    if (row + n <= bad_row) return SEMID_OK;
    size_t bad = row > bad_row ? row : bad_row;
    usleep(bad - bad_row < 128 ? 20000 : 0);
    return error_set(e, SEMID_ERR_IO, "row %zu is gone", bad);
}

static void of_several_failures_the_lowest_is_reported(void **state) {
    (void)state;
    enum { MANY = 4096 };
    static float out[MANY * DIM];
    static uint64_t picked[MANY];
    const semid_rows late = {.n_rows = MANY, .read = read_late};
    row_source s;
    for (size_t i = 0; i < MANY; i++) picked[i] = MANY - 1 - i;
    assert_ok(row_source_open(&s, &late, DIM, &err));
    bad_row = 200;
    threads_set(8);
    for (int again = 0; again < 5; again++) {
        assert_fails(row_source_read(&s, 0, MANY, out, &err), SEMID_ERR_IO, "row 200 is gone");
        assert_fails(row_source_gather(&s, picked, MANY, out, &err), SEMID_ERR_IO,
                     "row 200 is gone");
    }
    threads_set(0);
    bad_row = N;
    row_source_release(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_and_named_rows_are_those_of_memory),
        cmocka_unit_test(levels_are_subtracted),
        cmocka_unit_test(a_failure_to_read_is_passed_on),
        cmocka_unit_test(of_several_failures_the_lowest_is_reported),
    };
    return cmocka_run_group_tests_name("row_source", tests, NULL, NULL);
}
