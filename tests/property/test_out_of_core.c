/* Training on rows that are read as they are needed gives the bits of training in memory. */
#include "base/rng.h"
#include "base/threads.h"
#include "semid/ema.h"
#include "semid/rqkmeans.h"
#include "semid/rqvae.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

/* More than one block of rows, and more than one window of batches. */
enum { N = 50000, DIM = 100, L = 2, K = 20, FLOATS = L * K * DIM };

static semid_error err;
static float *x;

static semid_status read_x(void *user, size_t row, size_t n, float *out, semid_error *e) {
    (void)user;
    (void)e;
    memcpy(out, x + row * DIM, n * DIM * sizeof *x);
    return SEMID_OK;
}

static const semid_rows rows = {.n_rows = N, .read = read_x};

static int fill(void **state) {
    (void)state;
    rng r;
    rng_init(&r, 3, 0);
    x = malloc(sizeof *x * N * DIM);
    for (size_t i = 0; i < N; i++) {
        float centre = (float)(rng_below(&r, 30));
        for (size_t j = 0; j < DIM; j++)
            x[i * DIM + j] =
                (float)((double)((i + j * j) % 7) + rng_uniform(&r)) + (j < 8 ? centre : 0);
    }
    return 0;
}

static int drop(void **state) {
    (void)state;
    free(x);
    return 0;
}

static void keep_codewords(semid_codebook *cb, float *out) {
    for (size_t l = 0; l < semid_codebook_levels(cb); l++)
        memcpy(out + l * K * DIM, semid_codebook_level(cb, l), K * DIM * sizeof *out);
    semid_codebook_free(cb);
}

static void kmeans_is_the_same(void **state) {
    (void)state;
    static int32_t codes[N], read_codes[N];
    float inside[K * DIM], outside[K * DIM];
    semid_kmeans_report report, read_report;
    semid_kmeans_params p = semid_kmeans_params_default();
    p.n_codewords = K;
    p.max_iters = 4;
    for (int variant = 0; variant < 4; variant++) {
        p.shrink = variant & 1;
        p.balance = variant & 2;
        p.init = variant == 3 ? SEMID_KMEANS_RANDOM : SEMID_KMEANS_PLUSPLUS;
        assert_ok(semid_kmeans_fit(NULL, x, N, DIM, &p, inside, codes, &report, &err));
        for (int threads = 1; threads <= 2; threads++) {
            threads_set(threads);
            assert_ok(semid_kmeans_fit_rows(NULL, &rows, DIM, &p, outside, read_codes, &read_report,
                                            &err));
            assert_memory_equal(inside, outside, sizeof inside);
            assert_memory_equal(codes, read_codes, sizeof codes);
            assert_int_equal(report.n_iters, read_report.n_iters);
            assert_true(report.mean_error == read_report.mean_error);
        }
        threads_set(0);
    }
}

static void fit_rqkmeans(const semid_rqkmeans_params *p, bool read, float *out, double *errors) {
    semid_codebook *cb;
    if (read) {
        assert_ok(semid_rqkmeans_fit_rows(NULL, &cb, &rows, DIM, p, errors, &err));
    } else {
        float *copy = malloc(sizeof *copy * N * DIM);
        memcpy(copy, x, sizeof *copy * N * DIM);
        assert_ok(semid_rqkmeans_fit(NULL, &cb, copy, N, DIM, p, errors, &err));
        free(copy);
    }
    keep_codewords(cb, out);
}

static void rqkmeans_with(const semid_rqkmeans_params *p) {
    float inside[FLOATS], outside[FLOATS];
    double errors[L], read_errors[L];
    fit_rqkmeans(p, false, inside, errors);
    for (int threads = 1; threads <= 2; threads++) {
        threads_set(threads);
        fit_rqkmeans(p, true, outside, read_errors);
        assert_memory_equal(inside, outside, sizeof inside);
        assert_memory_equal(errors, read_errors, sizeof errors);
    }
    threads_set(0);
}

static void rqkmeans_is_the_same(void **state) {
    (void)state;
    semid_rqkmeans_params p = semid_rqkmeans_params_default();
    p.n_levels = L;
    p.kmeans.n_codewords = K;
    p.kmeans.max_iters = 4;
    rqkmeans_with(&p);
    p.kmeans.shrink = p.kmeans.balance = true;
    rqkmeans_with(&p);
    p.kmeans.init = SEMID_KMEANS_RANDOM;
    rqkmeans_with(&p);
}

static void fit_ema(size_t n_levels, bool read, float *out) {
    semid_codebook *cb;
    semid_ema_params p = semid_ema_params_default();
    p.n_levels = n_levels;
    p.n_codewords = K;
    p.vq = n_levels == 1;
    p.n_epochs = 2;
    p.batch_rows = 3000;
    if (read)
        assert_ok(semid_ema_fit_rows(NULL, &cb, &rows, DIM, &p, NULL, &err));
    else
        assert_ok(semid_ema_fit(NULL, &cb, x, N, DIM, &p, NULL, &err));
    keep_codewords(cb, out);
}

static void moving_averages_are_the_same(void **state) {
    (void)state;
    for (size_t n_levels = 1; n_levels <= L; n_levels++) {
        float inside[FLOATS] = {0}, outside[FLOATS] = {0};
        fit_ema(n_levels, false, inside);
        fit_ema(n_levels, true, outside);
        assert_memory_equal(inside, outside, sizeof inside);
    }
}

/* ---- networks ---- */

enum { EPOCHS = 10, LATENT = 8, N_PROJECTED = 200 };

typedef struct networks {
    float codewords[L * K * LATENT], latents[N_PROJECTED * LATENT];
    semid_rqvae_epoch epochs[EPOCHS];
} networks;

static void fit_networks(const semid_rqvae_params *p, bool read, networks *out) {
    semid_codebook *cb;
    semid_model *model;
    if (read)
        assert_ok(semid_rqvae_fit_rows(NULL, &cb, &model, &rows, DIM, p, out->epochs, &err));
    else
        assert_ok(semid_rqvae_fit(NULL, &cb, &model, x, N, DIM, p, out->epochs, &err));
    assert_ok(semid_model_project(NULL, model, x, N_PROJECTED, out->latents, &err));
    for (size_t l = 0; l < L; l++)
        memcpy(out->codewords + l * K * LATENT, semid_codebook_level(cb, l),
               K * LATENT * sizeof *out->codewords);
    semid_codebook_free(cb);
    semid_model_free(model);
}

/* The first epoch trains without a quantizer. A checkpoint of rows that were read is one of the
 * same rows in memory. */
static void networks_are_the_same(void **state) {
    (void)state;
    static networks inside, outside, resumed;
    semid_rqvae_params p = semid_rqvae_params_default();
    p.quantizer.n_levels = L;
    p.quantizer.n_codewords = K;
    p.quantizer.n_epochs = EPOCHS;
    p.quantizer.batch_rows = 3000;
    p.n_hidden = 1;
    p.hidden[0] = 16;
    p.latent = LATENT;
    fit_networks(&p, false, &inside);

    p.checkpoint = test_path("checkpoint.safetensors");
    p.checkpoint_s = 0;
    for (int threads = 1; threads <= 2; threads++) {
        threads_set(threads);
        fit_networks(&p, true, &outside);
        assert_memory_equal(&inside, &outside, sizeof inside);
    }
    threads_set(0);

    p.resume = true;
    fit_networks(&p, false, &resumed);
    assert_memory_equal(&inside, &resumed, sizeof inside);
}

static semid_status gone(void *user, size_t row, size_t n, float *out, semid_error *e) {
    (void)user;
    (void)n;
    (void)out;
    return error_set(e, SEMID_ERR_IO, "row %zu is gone", row);
}

static void a_failure_to_read_ends_training(void **state) {
    (void)state;
    semid_codebook *cb;
    const semid_rows lost = {.n_rows = N, .read = gone};
    semid_rqkmeans_params p = semid_rqkmeans_params_default();
    semid_ema_params q = semid_ema_params_default();
    float codewords[256 * DIM];
    assert_fails(semid_kmeans_fit_rows(NULL, &lost, DIM, &p.kmeans, codewords, NULL, NULL, &err),
                 SEMID_ERR_IO, "is gone");
    assert_fails(semid_rqkmeans_fit_rows(NULL, &cb, &lost, DIM, &p, NULL, &err), SEMID_ERR_IO,
                 "is gone");
    assert_fails(semid_ema_fit_rows(NULL, &cb, &lost, DIM, &q, NULL, &err), SEMID_ERR_IO,
                 "is gone");
    semid_model *model;
    semid_rqvae_params r = semid_rqvae_params_default();
    assert_fails(semid_rqvae_fit_rows(NULL, &cb, &model, &lost, DIM, &r, NULL, &err), SEMID_ERR_IO,
                 "is gone");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kmeans_is_the_same),
        cmocka_unit_test(rqkmeans_is_the_same),
        cmocka_unit_test(moving_averages_are_the_same),
        cmocka_unit_test(networks_are_the_same),
        cmocka_unit_test(a_failure_to_read_ends_training),
    };
    return cmocka_run_group_tests_name("out of core", tests, fill, drop);
}
