#include "semid/vqvae.h"

#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 40, DIM = 3, K = 2 };

static void fill(float *x) {
    for (size_t i = 0; i < N * DIM; i++)
        x[i] = (i / DIM % 2 ? 5.0F : -5.0F) + 0.01F * (float)(i % 7);
}

static semid_ema_params small(void) {
    semid_ema_params p = semid_ema_params_default();
    p.n_codewords = K;
    p.n_epochs = 8;
    p.batch_rows = 10;
    return p;
}

static void two_groups_get_a_codeword_each(void **state) {
    (void)state;
    semid_error err;
    semid_codebook *cb;
    float x[N * DIM];
    semid_ema_params p = small();
    fill(x);
    assert_ok(semid_vqvae_fit(&cb, &p, x, N, DIM, NULL, &err));
    assert_true(semid_codebook_is_vq(cb));
    assert_int_equal(semid_codebook_levels(cb), 1);
    assert_int_equal(semid_codebook_codewords(cb), K);
    assert_int_equal(semid_codebook_dim(cb), DIM);
    const float *codewords = semid_codebook_level(cb, 0);
    assert_true(codewords[0] * codewords[DIM] < 0);
    for (size_t i = 0; i < K * DIM; i++) assert_true(fabsf(fabsf(codewords[i]) - 5) < 0.1F);
    semid_codebook_free(cb);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    semid_error err;
    float x[N * DIM];
    semid_codebook *cb = NULL, *start;
    semid_ema_params p = small();
    fill(x);
    assert_fails(semid_vqvae_fit(&cb, &p, x, N, 0, NULL, &err), SEMID_ERR_ARGUMENT, "dimension");
    assert_fails(semid_vqvae_fit(&cb, &p, x, 1, DIM, NULL, &err), SEMID_ERR_DATA, "found 1");
    assert_ok(semid_vqvae_fit(&start, &p, x, N, DIM, NULL, &err));
    p.n_codewords = K + 1;
    p.init = start;
    assert_fails(semid_vqvae_fit(&cb, &p, x, N, DIM, NULL, &err), SEMID_ERR_SHAPE,
                 "expected [1, 3, 3], found [1, 2, 3]");
    assert_null(cb);
    semid_codebook_free(start);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_groups_get_a_codeword_each),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("vqvae", tests, NULL, NULL);
}
