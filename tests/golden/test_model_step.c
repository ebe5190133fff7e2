/* Three training steps of networks and codewords against PyTorch (make_model_step.py). */
#include "base/memory.h"
#include "formats/array.h"
#include "learn/model_step.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 48, DIM = 20, LATENT = 6, K = 8, L = 3, STEPS = 3 };

static array load(const char *name) {
    semid_error err;
    array a;
    char path[64];
    snprintf(path, sizeof path, "model_step/%s.npy", name);
    assert_ok(npy_load(&a, golden_path(path), &err));
    assert_int_equal(a.type, DTYPE_F32);
    return a;
}

static semid_model *load_model(const char *name) {
    semid_error err;
    semid_model *m;
    char path[64];
    snprintf(path, sizeof path, "model_step/%s.safetensors", name);
    assert_ok(semid_model_load(NULL, &m, golden_path(path), NULL, &err));
    return m;
}

static void begin(model_trainer *t, semid_model **model, const float *codewords) {
    semid_error err;
    uint64_t counts[K];
    semid_model *start = load_model("start");
    assert_ok(model_new(model, &start->encoder.shape, true, &err));
    memcpy((*model)->params, start->params, start->n_params * sizeof(float));
    model_refresh(*model);
    semid_model_free(start);
    t->beta = 0.25;
    t->rules = (ema_rules){.decay = 0.9, .epsilon = 1e-5, .chunk_rows = N};
    t->adamw = (adamw_rules){
        .lr = 1e-2, .weight_decay = 0.05, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    assert_ok(model_trainer_init(t, *model, L, K, N, &err));
    assert_ok(ema_batch_init(&t->batch, N, N, K, LATENT, false, &err));
    for (size_t k = 0; k < K; k++) counts[k] = 1;
    for (size_t l = 0; l < L; l++) {
        assert_ok(
            ema_level_init(&t->levels[l], K, LATENT, codewords + l * K * LATENT, false, &err));
        ema_level_start(&t->levels[l], counts, K, N);
    }
}

static void compare(const float *found, const float *expected, size_t n, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - (double)expected[i]) < 2e-5))
            fail_msg("%s, number %zu: expected %.8g, found %.8g", what, i, (double)expected[i],
                     (double)found[i]);
}

static void check(const char *name, bool rotate, bool by_gradient) {
    semid_error err;
    semid_model *model;
    model_trainer t = {.rotate = rotate, .codes_by_gradient = by_gradient};
    array x = load("x"), codewords = load("codebooks"), expected = load(name);
    begin(&t, &model, codewords.data);
    for (size_t step = 0; step < STEPS; step++) {
        model_sums sums = {0};
        for (size_t i = 0; i < N; i++)
            model_scale_row(model, (const float *)x.data + i * DIM, t.x + i * gemm_pad(DIM));
        assert_ok(model_gradients(&t, N, true, &sums, &err));
        model_update(&t);
    }
    semid_model *after = load_model(name);
    assert_int_equal(after->n_params, model->n_params);
    compare(model->params, after->params, model->n_params, "networks");
    for (size_t l = 0; l < L; l++)
        compare(t.levels[l].codewords, (const float *)expected.data + l * K * LATENT, K * LATENT,
                "codewords");
    semid_model_free(after);
    semid_model_free(model);
    model_trainer_release(&t);
    array_release(&x);
    array_release(&codewords);
    array_release(&expected);
}

static void straight_through_and_averages(void **state) {
    (void)state;
    check("ste_ema", false, false);
}

static void straight_through_and_gradient(void **state) {
    (void)state;
    check("ste_grad", false, true);
}

static void rotated_and_averages(void **state) {
    (void)state;
    check("rotation_ema", true, false);
}

static void rotated_and_gradient(void **state) {
    (void)state;
    check("rotation_grad", true, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(straight_through_and_averages),
                                       cmocka_unit_test(straight_through_and_gradient),
                                       cmocka_unit_test(rotated_and_averages),
                                       cmocka_unit_test(rotated_and_gradient)};
    return cmocka_run_group_tests_name("model step golden", tests, NULL, NULL);
}
