/* Three training steps of networks and codewords against PyTorch (make_rqvae_step.py). */
#include "base/memory.h"
#include "formats/npy.h"
#include "learn/rqvae_step.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 48, DIM = 20, LATENT = 6, K = 8, L = 3, STEPS = 3 };

static array load(const char *name) {
    semid_error err;
    array a;
    char path[64];
    snprintf(path, sizeof path, "rqvae_step/%s.npy", name);
    assert_ok(npy_load(&a, golden_path(path), &err));
    assert_int_equal(a.type, DTYPE_F32);
    return a;
}

static semid_model *load_model(const char *name) {
    semid_error err;
    semid_model *m;
    char path[64];
    snprintf(path, sizeof path, "rqvae_step/%s.safetensors", name);
    assert_ok(semid_model_load(NULL, &m, golden_path(path), NULL, &err));
    return m;
}

static void begin(rqvae_trainer *t, semid_model **model, const semid_rqvae_params *p,
                  const float *codewords) {
    semid_error err;
    semid_model *start = load_model("start");
    assert_ok(model_new(model, &start->encoder.shape, true, &err));
    memcpy((*model)->params, start->params, start->n_params * sizeof(float));
    model_refresh(*model);
    semid_model_free(start);
    assert_ok(rqvae_trainer_init(t, *model, p, N, &err));
    for (size_t l = 0; l < L; l++) {
        level_state *level = &t->codebooks.levels[l];
        assert_ok(level_init(level, K, LATENT, codewords + l * K * LATENT, false, &err));
        for (size_t k = 0; k < K; k++) level_set_usage(level, k, N * (1.0 / K));
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
    rqvae_trainer t;
    semid_rqvae_params p = semid_rqvae_params_default();
    p.quantizer.n_levels = L;
    p.quantizer.n_codewords = K;
    p.quantizer.batch_rows = N;
    p.quantizer.decay = 0.9;
    p.quantizer.dead_share = 0;
    p.gradient = rotate ? SEMID_GRADIENT_ROTATION : SEMID_GRADIENT_STE;
    p.update = by_gradient ? SEMID_UPDATE_GRAD : SEMID_UPDATE_EMA;
    p.lr = 1e-2;
    p.weight_decay = 0.05;
    array x = load("x"), codewords = load("codebooks"), expected = load(name);
    begin(&t, &model, &p, codewords.data);
    for (size_t step = 0; step < STEPS; step++) {
        rqvae_sums sums = {0};
        for (size_t i = 0; i < N; i++)
            model_scale_row(model, (const float *)x.data + i * DIM, t.x + i * gemm_pad(DIM));
        assert_ok(rqvae_gradients(&t, N, true, &sums, &err));
        rqvae_update(&t);
    }
    semid_model *after = load_model(name);
    assert_int_equal(after->n_params, model->n_params);
    compare(model->params, after->params, model->n_params, "networks");
    for (size_t l = 0; l < L; l++)
        compare(t.codebooks.levels[l].codewords, (const float *)expected.data + l * K * LATENT,
                K * LATENT, "codewords");
    semid_model_free(after);
    semid_model_free(model);
    rqvae_trainer_release(&t);
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
    return cmocka_run_group_tests_name("rqvae step golden", tests, NULL, NULL);
}
