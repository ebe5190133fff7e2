/* `semid encode`: what it writes, and what bad input gets. */
#include "pipeline/encode.h"

#include "base/memory.h"
#include "base/threads.h"
#include "formats/npy.h"
#include "semid/codebook.h"
#include "semid/codes.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { L = 2, K = 4, DIM = 3, ROWS = 50 };

static semid_error err;
static float codewords[L * K * DIM], vectors[ROWS * DIM];

static void make_values(void) {
    for (size_t i = 0; i < L * K * DIM; i++) codewords[i] = (float)(i * 7 % 11) - 5;
    for (size_t i = 0; i < ROWS * DIM; i++) vectors[i] = (float)(i * 13 % 23) / 2 - 5;
}

static const char *save_vectors(const char *name, size_t n_dims, const size_t *shape,
                                const float *x) {
    const char *path = test_path(name);
    assert_ok(npy_save(path, DTYPE_F32, n_dims, shape, x, &err));
    return path;
}

static const char *save_codebook(void) {
    const char *path = test_path("codebooks.npz");
    semid_codebook *cb = NULL;
    assert_ok(semid_codebook_new(NULL, &cb, L, K, DIM, false, codewords, &err));
    assert_ok(semid_codebook_save(cb, path, &err));
    semid_codebook_free(cb);
    return path;
}

static encode_params params_for(const char *in) {
    return (encode_params){
        .load = save_codebook(), .in = in, .out = test_path("codes.npy"), .batch_size = 7};
}

static semid_status run(const encode_params *params, json_t **report) {
    step_context ctx = {.seed = 1, .device = "cpu"};
    return step_encode(params, &ctx, report, &err);
}

static void expect_failure(const encode_params *params, semid_status expected, const char *part) {
    json_t *report = NULL;
    assert_fails(run(params, &report), expected, part);
    assert_null(report);
    assert_false(path_exists(params->out));
}

static void codes_are_those_of_the_library(void **state) {
    (void)state;
    encode_params params = params_for(save_vectors("x.npy", 2, (size_t[]){ROWS, DIM}, vectors));
    json_t *report = NULL;
    semid_codes found = {0};
    semid_codebook *cb = NULL;
    int32_t expected[ROWS * L];
    assert_ok(run(&params, &report));
    assert_ok(semid_codes_load(&found, params.out, &err));
    assert_ok(semid_codebook_load(NULL, &cb, params.load, &err));
    assert_ok(semid_encode(NULL, cb, vectors, ROWS, expected, &err));
    assert_int_equal(found.n_rows, ROWS);
    assert_int_equal(found.n_levels, L);
    assert_memory_equal(found.data, expected, sizeof expected);
    assert_int_equal(json_integer_value(json_object_get(report, "rows")), ROWS);
    float decoded[ROWS * DIM];
    double mse = 0;
    assert_ok(semid_decode(NULL, cb, expected, ROWS, decoded, &err));
    for (size_t i = 0; i < ROWS * DIM; i++)
        mse += pow((double)vectors[i] - (double)decoded[i], 2) / (ROWS * DIM);
    double reported = json_real_value(json_array_get(json_object_get(report, "mse"), L - 1));
    assert_true(fabs(reported - mse) < 1e-6 * mse);
    semid_codebook_free(cb);
    semid_codes_release(&found);
    json_decref(report);
    remove(params.out);
}

static void missing_and_wrong_files(void **state) {
    (void)state;
    encode_params params = params_for(test_path("none.npy"));
    expect_failure(&params, SEMID_ERR_IO, "none.npy");
    params.in = test_dir();
    expect_failure(&params, SEMID_ERR_IO, "folder");
    params.in = save_vectors("x.npy", 2, (size_t[]){ROWS, DIM}, vectors);
    params.load = test_path("none.npz");
    expect_failure(&params, SEMID_ERR_IO, "none.npz");
    params.load = save_codebook();
    params.out = test_path("codes.txt");
    expect_failure(&params, SEMID_ERR_ARGUMENT, ".npy");
}

static void wrong_shapes(void **state) {
    (void)state;
    encode_params params = params_for(save_vectors("d.npy", 2, (size_t[]){25, 6}, vectors));
    expect_failure(&params, SEMID_ERR_SHAPE, "dimension 3 as in the codebook, found shape [25, 6]");
    params.in = save_vectors("r.npy", 1, (size_t[]){ROWS}, vectors);
    expect_failure(&params, SEMID_ERR_SHAPE, "r.npy");
    params.in = save_vectors("z.npy", 2, (size_t[]){0, DIM}, vectors);
    expect_failure(&params, SEMID_ERR_DATA, "z.npy");
}

static void truncated_input(void **state) {
    (void)state;
    char bytes[64 + 100];
    encode_params params = params_for(save_vectors("x.npy", 2, (size_t[]){ROWS, DIM}, vectors));
    FILE *f = fopen(params.in, "rb");
    assert_int_equal(fread(bytes, 1, sizeof bytes, f), sizeof bytes);
    fclose(f);
    params.in = test_path("cut.npy");
    test_write_file(params.in, bytes, sizeof bytes);
    expect_failure(&params, SEMID_ERR_FORMAT, "cut.npy");
    params.load = params.in;
    expect_failure(&params, SEMID_ERR_FORMAT, "cut.npy");
}

static void rows_that_are_not_finite(void **state) {
    (void)state;
    float x[ROWS * DIM];
    memcpy(x, vectors, sizeof x);
    x[9 * DIM] = NAN;
    x[30 * DIM + 2] = INFINITY;
    encode_params params = params_for(save_vectors("nan.npy", 2, (size_t[]){ROWS, DIM}, x));
    expect_failure(&params, SEMID_ERR_DATA, "NaN or Inf in 2 of 50 rows, first in row 9");
    params.skip_bad_rows = true;
    json_t *report = NULL;
    semid_codes codes = {0};
    array kept = {0};
    int64_t rows[ROWS];
    assert_ok(run(&params, &report));
    assert_int_equal(json_integer_value(json_object_get(report, "bad_rows")), 2);
    assert_ok(semid_codes_load(&codes, params.out, &err));
    assert_int_equal(codes.n_rows, ROWS - 2);
    assert_ok(npy_load(&kept, test_path("codes.rows.npy"), &err));
    assert_int_equal(array_elements(&kept), ROWS - 2);
    assert_ok(array_to_i64(&kept, 0, ROWS - 2, rows, &err));
    for (int64_t i = 0; i < ROWS - 2; i++) assert_int_equal(rows[i], i + (i >= 9) + (i >= 29));
    array_release(&kept);
    semid_codes_release(&codes);
    json_decref(report);
    remove(params.out);
}

static void an_old_output_survives_a_failure(void **state) {
    (void)state;
    encode_params params = params_for(save_vectors("d.npy", 2, (size_t[]){25, 6}, vectors));
    json_t *report = NULL;
    char *text = NULL;
    size_t n_bytes;
    test_write_file(params.out, "old", 3);
    assert_fails(run(&params, &report), SEMID_ERR_SHAPE, "dimension");
    assert_ok(file_read_all(params.out, 100, &text, &n_bytes, &err));
    assert_string_equal(text, "old");
    mem_free(text);
    remove(params.out);
}

static void failing_allocations_leak_nothing(void **state) {
    (void)state;
    encode_params params = params_for(save_vectors("x.npy", 2, (size_t[]){ROWS, DIM}, vectors));
    for (long i = 1;; i++) {
        json_t *report = NULL;
        mem_fail_after(i);
        semid_status status = run(&params, &report);
        mem_fail_after(0);
        json_decref(report);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        assert_false(path_exists(params.out));
    }
    remove(params.out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_the_library),
        cmocka_unit_test(missing_and_wrong_files),
        cmocka_unit_test(wrong_shapes),
        cmocka_unit_test(truncated_input),
        cmocka_unit_test(rows_that_are_not_finite),
        cmocka_unit_test(an_old_output_survives_a_failure),
        cmocka_unit_test(failing_allocations_leak_nothing),
    };
    make_values();
    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
