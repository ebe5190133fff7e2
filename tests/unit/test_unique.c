/* semid_assign_unique on catalogues small enough to see through. */
#include "semid/assign.h"

#include "support/support.h"

#include <string.h>

static semid_error err;

static semid_status read_line(void *user, size_t row, size_t n, float *out, semid_error *error) {
    (void)error;
    memcpy(out, (const float *)user + row, n * sizeof *out);
    return SEMID_OK;
}

static semid_status refuse(void *user, size_t row, size_t n, float *out, semid_error *error) {
    (void)user;
    (void)n;
    (void)out;
    return error_set(error, SEMID_ERR_IO, "row %zu is gone", row);
}

/* Points of a line: [n_levels, n_codewords] codewords. */
static semid_codebook *line(size_t n_levels, size_t n_codewords, const float *codewords) {
    semid_codebook *cb = NULL;
    assert_ok(semid_codebook_new(NULL, &cb, n_levels, n_codewords, 1, false, codewords, &err));
    return cb;
}

static void expect(const semid_codebook *cb, float *x, size_t n, const int32_t *expected,
                   size_t n_moved, size_t n_spilled) {
    int32_t codes[64];
    semid_unique_report report;
    semid_rows rows = {.n_rows = n, .read = read_line, .user = x};
    assert_ok(semid_encode(NULL, cb, x, n, codes, &err));
    assert_ok(semid_assign_unique(NULL, cb, &rows, codes, &report, &err));
    assert_memory_equal(codes, expected, n * semid_codebook_levels(cb) * sizeof *codes);
    assert_int_equal(report.n_moved, n_moved);
    assert_int_equal(report.n_spilled, n_spilled);
}

static void rows_are_pushed_along(void **state) {
    (void)state;
    semid_codebook *cb = line(1, 4, (float[]){0, 1, 2, 10});
    /* 0 and 1 are wanted twice: the third row pushes the second on, the first stays */
    expect(cb, (float[]){0, 0.9F, 0.1F}, 3, (int32_t[]){0, 2, 1}, 2, 0);
    expect(cb, (float[]){0.4F, 1.4F, 1.9F}, 3, (int32_t[]){0, 1, 2}, 0, 0);
    /* every codeword has a row */
    expect(cb, (float[]){2, 1.9F, 1.8F, 1.7F}, 4, (int32_t[]){3, 2, 1, 0}, 3, 0);
    semid_codebook_free(cb);
}

static void equal_rows_by_rising_error_in_row_order(void **state) {
    (void)state;
    semid_codebook *cb = line(2, 4, (float[]){0, 100, 200, 300, 0, -2, 5, 9});
    expect(cb, (float[]){100, 100, 100, 100}, 4, (int32_t[]){1, 0, 1, 1, 1, 2, 1, 3}, 3, 0);
    /* one too many: the last one leaves, for the nearest other prefix (ties: the lowest) */
    expect(cb, (float[]){100, 100, 100, 100, 100}, 5, (int32_t[]){1, 0, 1, 1, 1, 2, 1, 3, 0, 3}, 4,
           1);
    semid_codebook_free(cb);
}

static void who_loses_least_leaves(void **state) {
    (void)state;
    semid_codebook *cb = line(2, 2, (float[]){0, 10, -1, 1});
    expect(cb, (float[]){0, 4, 3}, 3, (int32_t[]){0, 0, 1, 0, 0, 1}, 1, 1);
    /* all codes are taken */
    expect(cb, (float[]){0, 4, 3, 12}, 4, (int32_t[]){0, 0, 1, 0, 0, 1, 1, 1}, 1, 1);
    semid_codebook_free(cb);
}

/* Levels above the last but one have room for more than K rows. */
static void spilling_from_level_to_level(void **state) {
    (void)state;
    semid_codebook *cb = line(3, 2, (float[]){0, 100, -10, 10, -1, 1});
    float x[8];
    int32_t codes[24];
    bool seen[8] = {false};
    semid_rows rows = {.n_rows = 8, .read = read_line, .user = x};
    for (size_t i = 0; i < 8; i++) x[i] = -11;
    assert_ok(semid_encode(NULL, cb, x, 8, codes, &err));
    assert_ok(semid_assign_unique(NULL, cb, &rows, codes, NULL, &err));
    for (size_t i = 0; i < 8; i++) {
        int32_t number = codes[i * 3] * 4 + codes[i * 3 + 1] * 2 + codes[i * 3 + 2];
        assert_false(seen[number]);
        seen[number] = true;
        if (i < 4) assert_int_equal(codes[i * 3], 0); /* the first rows stay where they were */
    }
    semid_codebook_free(cb);
}

static void what_cannot_be(void **state) {
    (void)state;
    semid_codebook *cb = line(2, 2, (float[]){0, 10, -1, 1});
    float x[5] = {0};
    int32_t codes[10] = {0};
    semid_rows rows = {.n_rows = 5, .read = read_line, .user = x};
    assert_fails(semid_assign_unique(NULL, cb, &rows, codes, NULL, &err), SEMID_ERR_DATA,
                 "at most K^L = 2^2 = 4 rows for distinct codes, found 5");
    rows.n_rows = 4;
    codes[3] = 2;
    assert_fails(semid_assign_unique(NULL, cb, &rows, codes, NULL, &err), SEMID_ERR_DATA,
                 "row 1, level 1: expected a code under K = 2, found 2");
    codes[3] = 0;
    rows.n_rows = 2;
    rows.read = refuse;
    assert_fails(semid_assign_unique(NULL, cb, &rows, codes, NULL, &err), SEMID_ERR_IO,
                 "row 0 is gone");
    rows.n_rows = 3;
    assert_fails(semid_assign_unique(NULL, cb, &rows, codes, NULL, &err), SEMID_ERR_IO, "is gone");
    semid_codebook_free(cb);
}

static void reserved_words_and_cancelled_contexts(void **state) {
    (void)state;
    semid_codebook *cb = line(2, 2, (float[]){0, 10, -1, 1});
    semid_context *context = NULL;
    float x[3] = {0};
    int32_t codes[6] = {0};
    semid_rows rows = {.n_rows = 3, .read = read_line, .user = x, .reserved = {1}};
    assert_fails(semid_assign_unique(NULL, cb, &rows, codes, NULL, &err), SEMID_ERR_ARGUMENT,
                 "reserved");
    assert_fails(semid_assign_balanced(NULL, cb, &rows, codes, NULL, &err), SEMID_ERR_ARGUMENT,
                 "reserved");
    rows.reserved[0] = 0;
    assert_ok(semid_context_new(&context, NULL, &err));
    semid_context_cancel(context);
    assert_fails(semid_assign_unique(context, cb, &rows, codes, NULL, &err), SEMID_ERR_INTERRUPTED,
                 "interrupted");
    assert_fails(semid_assign_balanced(context, cb, &rows, codes, NULL, &err),
                 SEMID_ERR_INTERRUPTED, "interrupted");
    semid_context_free(context);
    semid_codebook_free(cb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_pushed_along),
        cmocka_unit_test(equal_rows_by_rising_error_in_row_order),
        cmocka_unit_test(who_loses_least_leaves),
        cmocka_unit_test(spilling_from_level_to_level),
        cmocka_unit_test(what_cannot_be),
        cmocka_unit_test(reserved_words_and_cancelled_contexts),
    };
    return cmocka_run_group_tests_name("unique", tests, NULL, NULL);
}
