#include "semid/rqvae.h"

#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 64, DIM = 2, K = 4, L = 2, EPOCHS = 6 };

/* Four corners of a wide square, each with four corners of a narrow one around it: two levels of
 * four codewords hold them all. */
static void fill(float *x) {
    for (size_t i = 0; i < N; i++)
        for (size_t d = 0; d < DIM; d++)
            x[i * DIM + d] = (i >> d & 1 ? 10.0F : -10.0F) + (i >> (2 + d) & 1 ? 1.0F : -1.0F);
}

static semid_ema_params small(void) {
    semid_ema_params p = semid_ema_params_default();
    p.n_codewords = K;
    p.n_epochs = EPOCHS;
    p.batch_rows = 16;
    return p;
}

static void a_grid_is_learned_level_by_level(void **state) {
    (void)state;
    semid_error err;
    semid_codebook *cb;
    float x[N * DIM];
    semid_ema_epoch epochs[EPOCHS];
    semid_ema_params p = small();
    fill(x);
    memset(epochs, 0xFF, sizeof epochs);
    assert_ok(semid_rqvae_fit(&cb, L, &p, x, N, DIM, epochs, &err));
    assert_int_equal(semid_codebook_levels(cb), L);
    assert_int_equal(semid_codebook_codewords(cb), K);
    assert_int_equal(semid_codebook_dim(cb), DIM);
    assert_false(semid_codebook_is_vq(cb));
    for (size_t e = 0; e < EPOCHS; e++) assert_true(isfinite(epochs[e].loss));
    for (size_t k = 0; k < K; k++)
        for (size_t d = 0; d < DIM; d++)
            assert_true(fabsf(fabsf(semid_codebook_level(cb, 0)[k * DIM + d]) - 10) < 2);
    semid_codebook_free(cb);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    semid_error err;
    float x[N * DIM];
    semid_codebook *cb = NULL, *start;
    semid_ema_params p = small();
    fill(x);
    assert_fails(semid_rqvae_fit(&cb, 0, &p, x, N, DIM, NULL, &err), SEMID_ERR_ARGUMENT, "levels");
    assert_fails(semid_rqvae_fit(&cb, L, &p, x, N, 0, NULL, &err), SEMID_ERR_ARGUMENT, "dimension");
    assert_fails(semid_rqvae_fit(&cb, L, &p, x, K - 1, DIM, NULL, &err), SEMID_ERR_DATA,
                 "codewords (4), found 3");
    p.n_codewords = 0;
    assert_fails(semid_rqvae_fit(&cb, L, &p, x, N, DIM, NULL, &err), SEMID_ERR_ARGUMENT,
                 "codewords");
    p = small();
    p.epsilon = 0;
    assert_fails(semid_rqvae_fit(&cb, L, &p, x, N, DIM, NULL, &err), SEMID_ERR_ARGUMENT, "epsilon");
    p = small();
    p.entropy_reg = NAN;
    assert_fails(semid_rqvae_fit(&cb, L, &p, x, N, DIM, NULL, &err), SEMID_ERR_ARGUMENT,
                 "entropy_reg");
    p = small();
    assert_ok(semid_rqvae_fit(&start, L, &p, x, N, DIM, NULL, &err));
    p.init = start;
    assert_fails(semid_rqvae_fit(&cb, L + 1, &p, x, N, DIM, NULL, &err), SEMID_ERR_SHAPE,
                 "expected [3, 4, 2], found [2, 4, 2]");
    assert_null(cb);
    semid_codebook_free(start);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grid_is_learned_level_by_level),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("rqvae", tests, NULL, NULL);
}
