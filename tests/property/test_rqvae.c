/* Networks around a quantizer: no data makes the codebooks collapse, a row's latent depends on the
 * row alone, a failure anywhere leaves nothing behind but a checkpoint that training goes on from.
 */
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "semid/rqvae.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 768, DIM = 12, K = 24, L = 2, EPOCHS = 30 };

/* ---- data ---- */

enum { GAUSSIAN, ONE_CROWD, HEAVY_TAILS, FEW_ROWS, LARGE_AND_SHIFTED, N_KINDS };

static double draw(rng *random, int kind, size_t i, size_t j) {
    double g = rng_normal(random);
    switch (kind) {
    case ONE_CROWD:
        return i % 10 ? 0.01 * g : 3 * g;
    case HEAVY_TAILS:
        return g / (1e-3 + fabs(rng_normal(random)));
    case FEW_ROWS:
        return sin((double)(i % (2 * K) * (j + 1)));
    case LARGE_AND_SHIFTED:
        return 1e6 + 1e4 * g;
    default:
        return g;
    }
}

static float *make_rows(int kind) {
    rng random;
    rng_init(&random, 9, (uint64_t)kind);
    float *x = malloc(N * DIM * sizeof *x);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < DIM; j++) x[i * DIM + j] = (float)draw(&random, kind, i, j);
    return x;
}

static semid_rqvae_params small(void) {
    semid_rqvae_params p = semid_rqvae_params_default();
    p.lr = 1e-2; /* for so few steps */
    p.quantizer.n_levels = L;
    p.n_hidden = 1;
    p.hidden[0] = 20;
    p.latent = 6;
    p.quantizer.n_codewords = K;
    p.quantizer.n_epochs = EPOCHS;
    p.quantizer.batch_rows = 128;
    return p;
}

typedef struct result {
    semid_codebook *codebook;
    semid_model *model;
    semid_rqvae_epoch epochs[EPOCHS];
} result;

static semid_status fit(result *r, const semid_rqvae_params *p, const float *x, semid_error *err) {
    *r = (result){0};
    return semid_rqvae_fit(NULL, &r->codebook, &r->model, x, N, DIM, p, r->epochs, err);
}

static void release(result *r) {
    semid_codebook_free(r->codebook);
    semid_model_free(r->model);
}

static void encode(const result *r, const float *x, size_t n, float *z, int32_t *codes) {
    semid_error err;
    assert_ok(semid_model_project(NULL, r->model, x, n, z, &err));
    assert_ok(semid_encode(NULL, r->codebook, z, n, codes, &err));
}

/* ---- what holds ---- */

static size_t used(const int32_t *codes, size_t level) {
    bool seen[K] = {0};
    size_t n = 0;
    for (size_t i = 0; i < N; i++) seen[codes[i * L + level]] = true;
    for (size_t k = 0; k < K; k++) n += seen[k];
    return n;
}

static void codewords_stay_in_use(void **state) {
    (void)state;
    semid_error err;
    static float z[N * 6];
    static int32_t codes[N * L];
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int way = 0; way < 4; way++) {
            result r;
            float *x = make_rows(kind);
            semid_rqvae_params p = small();
            p.gradient = way & 1 ? SEMID_GRADIENT_ROTATION : SEMID_GRADIENT_STE;
            p.update = way & 2 ? SEMID_UPDATE_GRAD : SEMID_UPDATE_EMA;
            assert_ok(fit(&r, &p, x, &err));
            encode(&r, x, N, z, codes);
            for (size_t l = 0; l < L; l++)
                if (used(codes, l) < K * 95 / 100)
                    fail_msg("data %d, way %d, level %zu: %zu of %d codewords used", kind, way, l,
                             used(codes, l), K);
            if (!(r.epochs[EPOCHS - 1].recon < 0.95))
                fail_msg("data %d, way %d: mean squared error %g of 1", kind, way,
                         r.epochs[EPOCHS - 1].recon);
            release(&r);
            free(x);
        }
}

static void equal_rows_are_no_trouble(void **state) {
    (void)state;
    semid_error err;
    result r;
    float *x = make_rows(GAUSSIAN);
    for (size_t i = 1; i < N; i++) memcpy(x + i * DIM, x, DIM * sizeof *x);
    semid_rqvae_params p = small();
    assert_ok(fit(&r, &p, x, &err));
    release(&r);
    free(x);
}

static void a_latent_depends_on_its_row_alone(void **state) {
    (void)state;
    semid_error err;
    static float z[N * 6], one[6], back[N * DIM], one_back[DIM];
    static int32_t codes[N * L];
    result r, again = {0};
    float *x = make_rows(GAUSSIAN);
    semid_rqvae_params p = small();
    assert_ok(fit(&r, &p, x, &err));
    encode(&r, x, N, z, codes);
    assert_ok(semid_model_reconstruct(NULL, r.model, z, N, back, &err));
    assert_ok(semid_model_save(r.model, test_path("model.safetensors"), r.codebook, &err));
    assert_ok(semid_codebook_save(r.codebook, test_path("codebooks.npz"), &err));
    assert_ok(semid_codebook_load(NULL, &again.codebook, test_path("codebooks.npz"), &err));
    assert_ok(
        semid_model_beside(NULL, &again.model, test_path("codebooks.npz"), again.codebook, &err));
    assert_int_equal(semid_model_dim(again.model), DIM);
    assert_int_equal(semid_model_latent(again.model), 6);
    assert_int_equal(semid_model_hidden_count(again.model), 1);
    assert_int_equal(semid_model_hidden(again.model, 0), 20);
    for (size_t i = 0; i < N; i++) {
        assert_ok(semid_model_project(NULL, again.model, x + i * DIM, 1, one, &err));
        assert_memory_equal(one, z + i * 6, sizeof one);
        assert_ok(semid_model_reconstruct(NULL, again.model, one, 1, one_back, &err));
        assert_memory_equal(one_back, back + i * DIM, sizeof one_back);
    }
    x[5 * DIM + 3] = NAN;
    assert_fails(semid_model_project(NULL, again.model, x, N, z, &err), SEMID_ERR_DATA,
                 "first in row 5");
    release(&r);
    release(&again);
    free(x);
}

static void assert_same(const result *a, const result *b) {
    for (size_t l = 0; l < L; l++)
        assert_memory_equal(semid_codebook_level(a->codebook, l),
                            semid_codebook_level(b->codebook, l), K * 6 * sizeof(float));
    assert_memory_equal(a->epochs, b->epochs, sizeof a->epochs);
}

/* Sizes of several chunks each. */
static void threads_do_not_matter_but_seeds_do(void **state) {
    (void)state;
    semid_error err;
    static float z[3][N * 6];
    static int32_t codes[N * L];
    float *x = make_rows(HEAVY_TAILS);
    for (int way = 0; way < 2; way++) {
        result r[3];
        semid_rqvae_params p = small();
        p.hidden[0] = 100;
        p.quantizer.batch_rows = 300;
        p.quantizer.n_epochs = 10;
        p.update = way ? SEMID_UPDATE_GRAD : SEMID_UPDATE_EMA;
        for (int i = 0; i < 3; i++) {
            threads_set(i == 1 ? 3 : 1);
            p.quantizer.seed = i == 2 ? 7 : 42;
            assert_ok(fit(&r[i], &p, x, &err));
            encode(&r[i], x, N, z[i], codes);
        }
        threads_set(0);
        assert_same(&r[0], &r[1]);
        assert_memory_equal(z[0], z[1], sizeof z[0]);
        assert_memory_not_equal(z[0], z[2], sizeof z[0]);
        for (int i = 0; i < 3; i++) release(&r[i]);
    }
    free(x);
}

static void interrupted_training_goes_on(void **state) {
    (void)state;
    semid_error err;
    float *x = make_rows(ONE_CROWD);
    for (int way = 0; way < 2; way++) {
        result whole, parts;
        semid_rqvae_params p = small();
        p.update = way ? SEMID_UPDATE_GRAD : SEMID_UPDATE_EMA;
        p.quantizer.entropy_reg = 0.01;
        assert_ok(fit(&whole, &p, x, &err));
        p.checkpoint = test_path("checkpoint.safetensors");
        p.checkpoint_s = 0;
        p.resume = true;
        remove(p.checkpoint);
        semid_status status = SEMID_ERR_NO_MEMORY;
        int n_tries = 0;
        for (long n = 100; status != SEMID_OK; n += 10, n_tries++) {
            mem_fail_after(n);
            status = fit(&parts, &p, x, &err);
            mem_fail_after(0);
            if (status != SEMID_OK) assert_int_equal(status, SEMID_ERR_NO_MEMORY);
            assert_true(n_tries < 200);
        }
        assert_true(n_tries > 1);
        assert_same(&whole, &parts);
        release(&whole);
        release(&parts);
    }
    free(x);
}

static void failures_leave_nothing(void **state) {
    (void)state;
    semid_error err;
    float *x = make_rows(GAUSSIAN);
    semid_rqvae_params p = small();
    p.quantizer.n_epochs = 1;
    semid_status status = SEMID_ERR_NO_MEMORY;
    for (long n = 1; status != SEMID_OK; n++) {
        result r;
        mem_fail_after(n);
        status = fit(&r, &p, x, &err);
        mem_fail_after(0);
        if (status != SEMID_OK) assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        release(&r);
        assert_true(n < 2000);
    }
    free(x);
}

static void wrong_parameters_are_named(void **state) {
    (void)state;
    semid_error err;
    result r, other;
    float *x = make_rows(GAUSSIAN);
    semid_rqvae_params p = small();
    assert_ok(fit(&r, &p, x, &err));
    semid_rqvae_params bad = p;
    bad.n_hidden = 0;
    assert_fails(fit(&other, &bad, x, &err), SEMID_ERR_ARGUMENT, "expected 1 to 15, found 0");
    bad = p;
    bad.hidden[0] = 40000;
    assert_fails(fit(&other, &bad, x, &err), SEMID_ERR_ARGUMENT, "found 40000");
    bad = p;
    bad.lr = 0;
    assert_fails(fit(&other, &bad, x, &err), SEMID_ERR_ARGUMENT, "lr > 0");
    bad = p;
    bad.quantizer.vq = true;
    assert_fails(fit(&other, &bad, x, &err), SEMID_ERR_ARGUMENT, "1 if vq");
    bad = p;
    bad.quantizer.n_codewords = N + 1;
    assert_fails(fit(&other, &bad, x, &err), SEMID_ERR_DATA, "as many rows as codewords");
    bad = p;
    bad.start = r.model;
    assert_fails(fit(&other, &bad, x, &err), SEMID_ERR_ARGUMENT, "a model and its codebook");
    bad.start_codebook = r.codebook;
    bad.quantizer.n_codewords = K - 1;
    assert_fails(fit(&other, &bad, x, &err), SEMID_ERR_SHAPE, "found 12 and [2, 24, 6]");
    release(&r);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(codewords_stay_in_use),
                                       cmocka_unit_test(equal_rows_are_no_trouble),
                                       cmocka_unit_test(a_latent_depends_on_its_row_alone),
                                       cmocka_unit_test(threads_do_not_matter_but_seeds_do),
                                       cmocka_unit_test(interrupted_training_goes_on),
                                       cmocka_unit_test(failures_leave_nothing),
                                       cmocka_unit_test(wrong_parameters_are_named)};
    return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}
