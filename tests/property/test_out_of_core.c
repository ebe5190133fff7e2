/* Training on rows that are read as they are needed gives the bits of training in memory. */
#include "base/rng.h"
#include "base/threads.h"
#include "semid/rqkmeans.h"
#include "semid/rqvae.h"
#include "semid/vqvae.h"
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

static void fit_rqkmeans(const semid_rqkmeans_params *p, bool read, float *out, double *errors) {
    semid_codebook *cb;
    if (read) {
        assert_ok(semid_rqkmeans_fit_rows(&cb, &rows, DIM, p, errors, &err));
    } else {
        float *copy = malloc(sizeof *copy * N * DIM);
        memcpy(copy, x, sizeof *copy * N * DIM);
        assert_ok(semid_rqkmeans_fit(&cb, copy, N, DIM, p, errors, &err));
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
    p.n_codewords = K;
    p.n_epochs = 2;
    p.batch_rows = 3000;
    if (n_levels > 1 && read)
        assert_ok(semid_rqvae_fit_rows(&cb, n_levels, &p, &rows, DIM, NULL, &err));
    else if (n_levels > 1)
        assert_ok(semid_rqvae_fit(&cb, n_levels, &p, x, N, DIM, NULL, &err));
    else if (read)
        assert_ok(semid_vqvae_fit_rows(&cb, &p, &rows, DIM, NULL, &err));
    else
        assert_ok(semid_vqvae_fit(&cb, &p, x, N, DIM, NULL, &err));
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
    assert_fails(semid_rqkmeans_fit_rows(&cb, &lost, DIM, &p, NULL, &err), SEMID_ERR_IO, "is gone");
    assert_fails(semid_vqvae_fit_rows(&cb, &q, &lost, DIM, NULL, &err), SEMID_ERR_IO, "is gone");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rqkmeans_is_the_same),
        cmocka_unit_test(moving_averages_are_the_same),
        cmocka_unit_test(a_failure_to_read_ends_training),
    };
    return cmocka_run_group_tests_name("out of core", tests, fill, drop);
}
