#include "semid/codebook.h"

#include "base/memory.h"
#include "formats/npz.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { L = 3, K = 5, DIM = 4 };

static semid_error err;
static float codewords[L * K * DIM];

static void make_values(void) {
    for (size_t i = 0; i < L * K * DIM; i++) codewords[i] = (float)(i * i % 37) / 8 - 2;
}

static void check_round_trip(size_t n_levels, bool vq) {
    const char *path = test_path("cb.npz");
    semid_codebook *cb = NULL, *loaded = NULL;
    assert_ok(semid_codebook_new(NULL, &cb, n_levels, K, DIM, vq, codewords, &err));
    assert_ok(semid_codebook_save(cb, path, &err));
    assert_ok(semid_codebook_load(NULL, &loaded, path, &err));
    assert_int_equal(semid_codebook_levels(loaded), n_levels);
    assert_int_equal(semid_codebook_codewords(loaded), K);
    assert_int_equal(semid_codebook_dim(loaded), DIM);
    assert_int_equal(semid_codebook_is_vq(loaded), vq);
    for (size_t l = 0; l < n_levels; l++)
        assert_memory_equal(semid_codebook_level(loaded, l), codewords + l * K * DIM,
                            K * DIM * sizeof *codewords);
    semid_codebook_free(cb);
    semid_codebook_free(loaded);
}

static void saved_and_loaded_is_the_same(void **state) {
    (void)state;
    check_round_trip(L, false);
    check_round_trip(1, false);
    check_round_trip(1, true);
}

/* The bytes are those of the file, and are read at any alignment. */
static void memory_is_like_a_file(void **state) {
    (void)state;
    semid_codebook *cb = NULL, *loaded = NULL;
    file_map map;
    void *bytes;
    uint8_t *moved;
    size_t n_bytes;
    assert_ok(semid_codebook_new(NULL, &cb, L, K, DIM, false, codewords, &err));
    assert_ok(semid_codebook_save(cb, test_path("cb.npz"), &err));
    assert_ok(semid_codebook_save_memory(cb, &bytes, &n_bytes, &err));
    assert_ok(file_map_open(&map, test_path("cb.npz"), &err));
    assert_int_equal(map.n_bytes, n_bytes);
    assert_memory_equal(map.data, bytes, n_bytes);
    file_map_close(&map);

    assert_ok(mem_alloc(&moved, n_bytes + 3, 1, &err));
    for (size_t shift = 0; shift < 4; shift++) {
        memcpy(moved + shift, bytes, n_bytes);
        assert_ok(semid_codebook_load_memory(NULL, &loaded, moved + shift, n_bytes, &err));
        memset(moved, 0, n_bytes + 3); /* not needed afterwards */
        assert_int_equal(semid_codebook_levels(loaded), L);
        assert_memory_equal(semid_codebook_level(loaded, 0), codewords, sizeof codewords);
        semid_codebook_free(loaded);
    }
    mem_free(moved);

    loaded = NULL;
    for (size_t n = 0; n < n_bytes; n += 11)
        assert_fails(semid_codebook_load_memory(NULL, &loaded, bytes, n, &err), SEMID_ERR_FORMAT,
                     "codebooks.npz");
    assert_null(loaded);
    semid_free(bytes);
    semid_codebook_free(cb);
}

static void float64_is_read(void **state) {
    (void)state;
    double values[K * DIM];
    for (size_t i = 0; i < K * DIM; i++) values[i] = (double)codewords[i];
    npz_member member = {"codebooks", DTYPE_F64, 2, {K, DIM}, values};
    semid_codebook *cb = NULL;
    assert_ok(npz_save(test_path("f64.npz"), &member, 1, &err));
    assert_ok(semid_codebook_load(NULL, &cb, test_path("f64.npz"), &err));
    assert_true(semid_codebook_is_vq(cb));
    assert_memory_equal(semid_codebook_level(cb, 0), codewords, K * DIM * sizeof *codewords);
    semid_codebook_free(cb);
}

static void check_refused(npz_member member, semid_status expected, const char *part) {
    semid_codebook *cb = NULL;
    assert_ok(npz_save(test_path("bad.npz"), &member, 1, &err));
    assert_fails(semid_codebook_load(NULL, &cb, test_path("bad.npz"), &err), expected, part);
    assert_non_null(strstr(err.message, "bad.npz"));
    assert_null(cb);
}

static void unusable_files_are_refused(void **state) {
    (void)state;
    float with_nan[K * DIM];
    int32_t integers[K * DIM] = {0};
    memcpy(with_nan, codewords, sizeof with_nan);
    with_nan[2 * DIM + 1] = NAN;
    check_refused((npz_member){"codebooks", DTYPE_F32, 2, {K, DIM}, with_nan}, SEMID_ERR_DATA,
                  "level 0, codeword 2");
    check_refused((npz_member){"codebooks", DTYPE_I32, 2, {K, DIM}, integers}, SEMID_ERR_FORMAT,
                  "int32");
    check_refused((npz_member){"codebooks", DTYPE_F32, 1, {K * DIM}, codewords}, SEMID_ERR_SHAPE,
                  "[20]");
    check_refused((npz_member){"codebooks", DTYPE_F32, 2, {0, DIM}, codewords}, SEMID_ERR_SHAPE,
                  "[1, 0, 4]");
    check_refused((npz_member){"other", DTYPE_F32, 2, {K, DIM}, codewords}, SEMID_ERR_FORMAT,
                  "codebooks");
}

/* A sum of codewords that lie far apart is encoded to these codewords, and decoded to itself. */
static void sums_of_codewords_come_back(void **state) {
    (void)state;
    enum { D = 2 };
    float wide[L * K * D];
    for (size_t l = 0; l < L; l++)
        for (size_t k = 0; k < K; k++) {
            wide[(l * K + k) * D] = (float)k * powf(0.1F, (float)l);
            wide[(l * K + k) * D + 1] = (float)l;
        }
    semid_codebook *cb = NULL;
    assert_ok(semid_codebook_new(NULL, &cb, L, K, D, false, wide, &err));
    int32_t codes[K * K * K * L], found[K * K * K * L];
    float x[K * K * K * D];
    for (int32_t i = 0; i < K * K * K; i++) {
        codes[i * L] = i / (K * K);
        codes[i * L + 1] = i / K % K;
        codes[i * L + 2] = i % K;
    }
    assert_ok(semid_decode(NULL, cb, codes, K * K * K, x, &err));
    assert_ok(semid_encode(NULL, cb, x, K * K * K, found, &err));
    assert_memory_equal(found, codes, sizeof codes);
    semid_codebook_free(cb);
}

static void unusable_rows_and_codes_are_refused(void **state) {
    (void)state;
    semid_codebook *cb = NULL;
    float x[2 * DIM] = {0};
    int32_t codes[2 * L] = {0};
    assert_ok(semid_codebook_new(NULL, &cb, L, K, DIM, false, codewords, &err));
    x[DIM + 1] = INFINITY;
    assert_fails(semid_encode(NULL, cb, x, 2, codes, &err), SEMID_ERR_DATA, "row 1");
    codes[L + 2] = K;
    assert_fails(semid_decode(NULL, cb, codes, 2, x, &err), SEMID_ERR_DATA, "row 1, level 2");
    codes[L + 2] = -1;
    assert_fails(semid_decode(NULL, cb, codes, 2, x, &err), SEMID_ERR_DATA, "found -1");
    semid_codebook_free(cb);
}

static void failing_allocations_leak_nothing(void **state) {
    (void)state;
    for (long i = 1;; i++) {
        semid_codebook *cb = NULL;
        mem_fail_after(i);
        semid_status status = semid_codebook_new(NULL, &cb, L, K, DIM, false, codewords, &err);
        mem_fail_after(0);
        semid_codebook_free(cb);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        assert_null(cb);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_and_loaded_is_the_same),
        cmocka_unit_test(memory_is_like_a_file),
        cmocka_unit_test(float64_is_read),
        cmocka_unit_test(unusable_files_are_refused),
        cmocka_unit_test(sums_of_codewords_come_back),
        cmocka_unit_test(unusable_rows_and_codes_are_refused),
        cmocka_unit_test(failing_allocations_leak_nothing),
    };
    make_values();
    return cmocka_run_group_tests_name("codebook", tests, NULL, NULL);
}
