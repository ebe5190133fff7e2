/* model.safetensors, from a path and from memory, and files that must be refused. */
#include "base/memory.h"
#include "codebook/model.h"
#include "formats/safetensors.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { DIM = 5, LATENT = 3, L = 2, K = 4, N = 7 };

static semid_error err;
static float x[N * DIM];
static semid_codebook *cb;
static semid_model *model;

static void fill(float *out, size_t n, size_t step) {
    for (size_t i = 0; i < n; i++) out[i] = (float)(i * step % 23) / 8 - 1;
}

static int set_up(void **state) {
    (void)state;
    float codewords[L * K * LATENT], mean[DIM], encode[LATENT * DIM], decode[DIM * LATENT];
    fill(x, N * DIM, 5);
    fill(codewords, L * K * LATENT, 7);
    fill(mean, DIM, 3);
    fill(encode, LATENT * DIM, 11);
    fill(decode, DIM * LATENT, 13);
    assert_ok(semid_codebook_new(NULL, &cb, L, K, LATENT, false, codewords, &err));
    assert_ok(model_new_linear(&model, DIM, LATENT, mean, encode, decode, &err));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    semid_codebook_free(cb);
    semid_model_free(model);
    return 0;
}

static void check_same(semid_model *other) {
    float z[2][N * LATENT], y[2][N * DIM];
    const semid_model *both[] = {model, other};
    assert_int_equal(semid_model_dim(other), DIM);
    assert_int_equal(semid_model_latent(other), LATENT);
    assert_int_equal(semid_model_hidden_count(other), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(semid_model_project(NULL, both[i], x, N, z[i], &err));
        assert_ok(semid_model_reconstruct(NULL, both[i], z[i], N, y[i], &err));
    }
    assert_memory_equal(z[0], z[1], sizeof z[0]);
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    semid_model_free(other);
}

static void saved_and_loaded_is_the_same(void **state) {
    (void)state;
    semid_model *loaded;
    assert_ok(semid_model_save(model, test_path("model.safetensors"), cb, &err));
    assert_ok(semid_model_load(NULL, &loaded, test_path("model.safetensors"), cb, &err));
    check_same(loaded);
    assert_ok(semid_model_beside(NULL, &loaded, test_path("codebooks.npz"), cb, &err));
    check_same(loaded);
    assert_ok(semid_model_beside(NULL, &loaded, "nowhere/codebooks.npz", cb, &err));
    assert_null(loaded);
}

/* The bytes are those of the file, and are read at any alignment. */
static void memory_is_like_a_file(void **state) {
    (void)state;
    semid_model *loaded = NULL;
    file_map map;
    void *bytes;
    uint8_t *moved;
    size_t n_bytes;
    assert_ok(semid_model_save_memory(model, cb, &bytes, &n_bytes, &err));
    assert_ok(semid_model_save(model, test_path("model.safetensors"), cb, &err));
    assert_ok(file_map_open(&map, test_path("model.safetensors"), &err));
    assert_int_equal(map.n_bytes, n_bytes);
    assert_memory_equal(map.data, bytes, n_bytes);
    file_map_close(&map);

    assert_ok(mem_alloc(&moved, n_bytes + 3, 1, &err));
    for (size_t shift = 0; shift < 4; shift++) {
        memcpy(moved + shift, bytes, n_bytes);
        assert_ok(semid_model_load_memory(NULL, &loaded, moved + shift, n_bytes, cb, &err));
        memset(moved, 0, n_bytes + 3); /* not needed afterwards */
        check_same(loaded);
    }
    mem_free(moved);

    loaded = NULL;
    for (size_t n = 0; n < n_bytes; n += 5)
        assert_fails(semid_model_load_memory(NULL, &loaded, bytes, n, cb, &err), SEMID_ERR_FORMAT,
                     "model.safetensors");
    assert_null(loaded);
    semid_free(bytes);
}

static void models_of_other_codebooks_are_refused(void **state) {
    (void)state;
    float codewords[L * K * DIM] = {1};
    semid_codebook *others[2];
    semid_model *loaded = NULL;
    void *bytes;
    size_t n_bytes;
    assert_ok(semid_codebook_new(NULL, &others[0], L, K, LATENT, false, codewords, &err));
    assert_ok(semid_codebook_new(NULL, &others[1], L, K, DIM, false, codewords, &err));
    assert_ok(semid_model_save_memory(model, cb, &bytes, &n_bytes, &err));
    assert_fails(semid_model_load_memory(NULL, &loaded, bytes, n_bytes, others[0], &err),
                 SEMID_ERR_DATA, "found that of others");
    assert_fails(semid_model_load_memory(NULL, &loaded, bytes, n_bytes, others[1], &err),
                 SEMID_ERR_SHAPE, "expected latents of dimension 5");
    assert_null(loaded);
    assert_ok(semid_model_load_memory(NULL, &loaded, bytes, n_bytes, NULL, &err));
    check_same(loaded);
    semid_free(bytes);
    semid_codebook_free(others[0]);
    semid_codebook_free(others[1]);
}

static void failed_allocations_leave_nothing(void **state) {
    (void)state;
    semid_model *loaded = NULL;
    void *bytes = NULL;
    size_t n_bytes;
    for (long nth = 1;; nth++) {
        mem_fail_after(nth);
        semid_status status = semid_model_save_memory(model, cb, &bytes, &n_bytes, &err);
        if (status == SEMID_OK)
            status = semid_model_load_memory(NULL, &loaded, bytes, n_bytes, cb, &err);
        mem_fail_after(0);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        semid_free(bytes);
        bytes = NULL;
    }
    check_same(loaded);
    semid_free(bytes);
}

static void other_files_are_refused(void **state) {
    (void)state;
    float numbers[LATENT * DIM] = {0};
    semid_model *loaded = NULL;
    safetensors_tensor tensors[] = {
        {.name = "encoder.0.weight", .type = DTYPE_F32, .n_dims = 2, .shape = {LATENT, DIM}},
        {.name = "encoder.0.bias", .type = DTYPE_F32, .n_dims = 1, .shape = {LATENT}},
        {.name = "decoder.0.weight", .type = DTYPE_F32, .n_dims = 2, .shape = {DIM, LATENT}},
        {.name = "decoder.0.bias", .type = DTYPE_F32, .n_dims = 1, .shape = {DIM}},
        {.name = "mean", .type = DTYPE_F32, .n_dims = 1, .shape = {DIM}},
        {.name = "scale", .type = DTYPE_F32, .n_dims = 1, .shape = {1}},
        {.name = "extra", .type = DTYPE_F32, .n_dims = 1, .shape = {1}}};
    const char *path = test_path("bad.safetensors");
    for (size_t i = 0; i < 7; i++) tensors[i].data = numbers;

    assert_ok(safetensors_save(path, tensors, 5, &err));
    assert_fails(semid_model_load(NULL, &loaded, path, NULL, &err), SEMID_ERR_FORMAT, "scale");
    assert_ok(safetensors_save(path, tensors, 6, &err));
    assert_fails(semid_model_load(NULL, &loaded, path, NULL, &err), SEMID_ERR_DATA,
                 "expected a positive number, found 0");
    numbers[0] = 1;
    assert_ok(safetensors_save(path, tensors, 7, &err));
    assert_fails(semid_model_load(NULL, &loaded, path, NULL, &err), SEMID_ERR_FORMAT,
                 "expected the 6 tensors of a model, found 7");
    tensors[2].shape[0] = LATENT;
    assert_ok(safetensors_save(path, tensors, 6, &err));
    assert_fails(semid_model_load(NULL, &loaded, path, NULL, &err), SEMID_ERR_SHAPE,
                 "decoder.0.weight: expected shape [5, 3], found [3, 3]");
    tensors[2].shape[0] = DIM;
    numbers[1] = NAN;
    assert_ok(safetensors_save(path, tensors, 6, &err));
    assert_fails(semid_model_load(NULL, &loaded, path, NULL, &err), SEMID_ERR_DATA, "NaN or Inf");
    assert_null(loaded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_and_loaded_is_the_same),
        cmocka_unit_test(memory_is_like_a_file),
        cmocka_unit_test(models_of_other_codebooks_are_refused),
        cmocka_unit_test(failed_allocations_leave_nothing),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests_name("model_file", tests, set_up, tear_down);
}
