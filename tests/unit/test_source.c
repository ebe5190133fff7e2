/* Rows in memory and rows that are read come to the same. */
#include "codebook/source.h"
#include "support/support.h"

#include <string.h>

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
    const source memory = source_of(x, N, DIM);
    source s;
    float out[N * DIM], other[N * DIM];
    const float *block;
    size_t n = 0, n_blocks = 0;
    uint64_t picked[N];
    fill();
    assert_ok(source_open(&s, &rows, DIM, &err));
    s.block_rows = 128;
    for (size_t row = 0; row < N; row += n, n_blocks++) {
        assert_ok(source_block(&s, row, &block, &n, &err));
        assert_memory_equal(block, x + row * DIM, n * DIM * sizeof *x);
    }
    assert_int_equal(n_blocks, 3);
    assert_ok(source_block(&memory, 10, &block, &n, &err));
    assert_true(block == x + 10 * DIM && n == N - 10);
    for (size_t i = 0; i < N; i++) picked[i] = i * 7 % N;
    assert_ok(source_gather(&s, picked, N, out, &err));
    assert_ok(source_gather(&memory, picked, N, other, &err));
    assert_memory_equal(out, other, sizeof out);
    assert_true(out[DIM] == x[7 * DIM]);
    source_release(&s);
}

static void levels_are_subtracted(void **state) {
    (void)state;
    float codewords[2 * K * DIM], out[DIM];
    int32_t codes[2 * N];
    source s;
    fill();
    for (size_t i = 0; i < 2 * K * DIM; i++) codewords[i] = 1000 * (float)i;
    for (size_t i = 0; i < 2 * N; i++) codes[i] = (int32_t)(i * 3 % K);
    assert_ok(source_open(&s, &rows, DIM, &err));
    s.n_codewords = K;
    s.codewords = codewords;
    s.codes = codes;
    s.n_levels = 2;
    assert_ok(source_read(&s, 9, 1, out, &err));
    size_t first = (size_t)codes[9] * DIM, second = (size_t)(K + codes[N + 9]) * DIM;
    for (size_t j = 0; j < DIM; j++)
        assert_true(out[j] == x[9 * DIM + j] - codewords[first + j] - codewords[second + j]);
    source_release(&s);
}

static void a_failure_to_read_is_passed_on(void **state) {
    (void)state;
    float out[N * DIM];
    source s;
    assert_ok(source_open(&s, &rows, DIM, &err));
    bad_row = 200;
    assert_fails(source_read(&s, 0, N, out, &err), SEMID_ERR_IO, "row 200 is gone");
    bad_row = N;
    source_release(&s);
    assert_fails(source_open(&s, &(semid_rows){.read = read_x}, DIM, &err), SEMID_ERR_DATA,
                 "found shape [0, 3]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_and_named_rows_are_those_of_memory),
        cmocka_unit_test(levels_are_subtracted),
        cmocka_unit_test(a_failure_to_read_is_passed_on),
    };
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
