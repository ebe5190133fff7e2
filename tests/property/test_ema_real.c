/* On real vectors (shared data): nearly every codeword is used and the error stays near that of
 * RQ-KMeans, from a cold start and from given codewords. */
#include "formats/npy.h"
#include "semid/ema.h"
#include "semid/quality.h"
#include "semid/rqkmeans.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const file = "data/oracle/amazon23-industrial/emb.npy";

enum { LEVELS = 3, RQ_K = 256, VQ_K = 460 }; /* 3686 rows: K <= N / 8 */

typedef struct data {
    array a;
    const float *x;
    size_t n, dim;
} data;

static data load(void) {
    semid_error err;
    data d;
    skip_without(shared_path(file));
    assert_ok(npy_load(&d.a, shared_path(file), &err));
    d.x = d.a.data;
    d.n = d.a.shape[0];
    d.dim = d.a.shape[1];
    return d;
}

static semid_codebook *kmeans(const data *d, size_t n_levels, size_t K, bool poor) {
    semid_error err;
    semid_codebook *cb;
    float *copy = malloc(d->n * d->dim * sizeof *copy);
    memcpy(copy, d->x, d->n * d->dim * sizeof *copy);
    semid_rqkmeans_params p = semid_rqkmeans_params_default();
    p.n_levels = n_levels;
    p.kmeans.n_codewords = K;
    p.kmeans.max_iters = poor ? 1 : 25;
    if (poor) p.kmeans.init = SEMID_KMEANS_RANDOM;
    assert_ok(semid_rqkmeans_fit(NULL, &cb, copy, d->n, d->dim, &p, NULL, &err));
    free(copy);
    return cb;
}

/* Mean squared error after the last level; every level must use 95 % of its codewords. */
static double check(const data *d, const semid_codebook *cb) {
    semid_error err;
    semid_quality q;
    size_t L = semid_codebook_levels(cb);
    semid_codes codes = {d->n, L, malloc(d->n * L * sizeof(int32_t))};
    float *back = malloc(d->n * d->dim * sizeof *back);
    double error = 0;
    assert_ok(semid_encode(NULL, cb, d->x, d->n, codes.data, &err));
    assert_ok(semid_decode(NULL, cb, codes.data, d->n, back, &err));
    for (size_t i = 0; i < d->n * d->dim; i++) error += pow((double)d->x[i] - (double)back[i], 2);
    assert_ok(semid_quality_measure(NULL, &q, &codes, semid_codebook_codewords(cb), NULL, 0, &err));
    for (size_t l = 0; l < L; l++) assert_true(q.levels[l].used_ratio >= 0.95);
    semid_quality_release(&q);
    free(codes.data);
    free(back);
    return error / (double)d->n;
}

static double fit_and_check(const data *d, size_t n_levels, size_t K, const semid_codebook *init) {
    semid_error err;
    semid_codebook *cb;
    semid_ema_params p = semid_ema_params_default();
    p.n_levels = n_levels;
    p.n_codewords = K;
    p.vq = n_levels == 1;
    p.init = init;
    assert_ok(semid_ema_fit(NULL, &cb, d->x, d->n, d->dim, &p, NULL, &err));
    double error = check(d, cb);
    semid_codebook_free(cb);
    return error;
}

static void compare(size_t n_levels, size_t K) {
    data d = load();
    semid_codebook *good = kmeans(&d, n_levels, K, false), *poor = kmeans(&d, n_levels, K, true);
    double reference = check(&d, good), cold = fit_and_check(&d, n_levels, K, NULL);
    double from_good = fit_and_check(&d, n_levels, K, good);
    double from_poor = fit_and_check(&d, n_levels, K, poor);
    print_message("error of k-means %.4f, cold start %.4f, from k-means %.4f, from a poor start "
                  "%.4f\n",
                  reference, cold, from_good, from_poor);
    assert_true(cold <= 1.1 * reference);
    assert_true(from_good <= 1.1 * reference);
    assert_true(from_poor <= 1.1 * reference);
    semid_codebook_free(good);
    semid_codebook_free(poor);
    array_release(&d.a);
}

static void rqvae_keeps_up_with_rqkmeans(void **state) {
    (void)state;
    compare(LEVELS, RQ_K);
}

static void vqvae_keeps_up_with_kmeans(void **state) {
    (void)state;
    compare(1, VQ_K);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rqvae_keeps_up_with_rqkmeans),
        cmocka_unit_test(vqvae_keeps_up_with_kmeans),
    };
    return cmocka_run_group_tests_name("moving averages on real vectors", tests, NULL, NULL);
}
