/* Moving-average codebooks: residual levels, and one level stored as [K, dim]. */
#include "semid/ema.h"

#include "support/support.h"

#include <math.h>
#include <string.h>

/* ---- residual levels ---- */

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
    p.n_levels = L;
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
    assert_ok(semid_ema_fit(NULL, &cb, x, N, DIM, &p, epochs, &err));
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

static void refused(const float *x, size_t n, size_t dim, semid_ema_params p, semid_status status,
                    const char *part) {
    semid_error err;
    semid_codebook *cb = NULL;
    assert_fails(semid_ema_fit(NULL, &cb, x, n, dim, &p, NULL, &err), status, part);
    assert_null(cb);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    semid_error err;
    float x[N * DIM];
    semid_codebook *start;
    semid_ema_params p = small();
    fill(x);
    refused(x, N, 0, p, SEMID_ERR_ARGUMENT, "dimension");
    refused(x, K - 1, DIM, p, SEMID_ERR_DATA, "codewords (4), found 3");
    p.n_levels = 0;
    refused(x, N, DIM, p, SEMID_ERR_ARGUMENT, "levels");
    p = small();
    p.vq = true;
    refused(x, N, DIM, p, SEMID_ERR_ARGUMENT, "expected 1 if vq, found 2");
    p = small();
    p.reserved[7] = 1;
    refused(x, N, DIM, p, SEMID_ERR_ARGUMENT, "reserved");
    p = small();
    p.n_codewords = 0;
    refused(x, N, DIM, p, SEMID_ERR_ARGUMENT, "codewords");
    p = small();
    p.epsilon = 0;
    refused(x, N, DIM, p, SEMID_ERR_ARGUMENT, "epsilon");
    p = small();
    p.entropy_reg = NAN;
    refused(x, N, DIM, p, SEMID_ERR_ARGUMENT, "entropy_reg");
    p = small();
    assert_ok(semid_ema_fit(NULL, &start, x, N, DIM, &p, NULL, &err));
    p.init = start;
    p.n_levels = L + 1;
    refused(x, N, DIM, p, SEMID_ERR_SHAPE, "expected [3, 4, 2], found [2, 4, 2]");
    semid_codebook_free(start);
}

/* ---- one level, stored as [VQ_K, dim] ---- */

enum { VQ_N = 40, VQ_DIM = 3, VQ_K = 2 };

static void fill_vq(float *x) {
    for (size_t i = 0; i < VQ_N * VQ_DIM; i++)
        x[i] = (i / VQ_DIM % 2 ? 5.0F : -5.0F) + 0.01F * (float)(i % 7);
}

static semid_ema_params small_vq(void) {
    semid_ema_params p = semid_ema_params_default();
    p.n_levels = 1;
    p.vq = true;
    p.n_codewords = VQ_K;
    p.n_epochs = 8;
    p.batch_rows = 10;
    return p;
}

static void two_groups_get_a_codeword_each(void **state) {
    (void)state;
    semid_error err;
    semid_codebook *cb;
    float x[VQ_N * VQ_DIM];
    semid_ema_params p = small_vq();
    fill_vq(x);
    assert_ok(semid_ema_fit(NULL, &cb, x, VQ_N, VQ_DIM, &p, NULL, &err));
    assert_true(semid_codebook_is_vq(cb));
    assert_int_equal(semid_codebook_levels(cb), 1);
    assert_int_equal(semid_codebook_codewords(cb), VQ_K);
    assert_int_equal(semid_codebook_dim(cb), VQ_DIM);
    const float *codewords = semid_codebook_level(cb, 0);
    assert_true(codewords[0] * codewords[VQ_DIM] < 0);
    for (size_t i = 0; i < VQ_K * VQ_DIM; i++) assert_true(fabsf(fabsf(codewords[i]) - 5) < 0.1F);
    semid_codebook_free(cb);
}

static void what_vq_cannot_is_refused(void **state) {
    (void)state;
    semid_error err;
    float x[VQ_N * VQ_DIM];
    semid_codebook *start;
    semid_ema_params p = small_vq();
    fill_vq(x);
    refused(x, VQ_N, 0, p, SEMID_ERR_ARGUMENT, "dimension");
    refused(x, 1, VQ_DIM, p, SEMID_ERR_DATA, "found 1");
    assert_ok(semid_ema_fit(NULL, &start, x, VQ_N, VQ_DIM, &p, NULL, &err));
    p.n_codewords = VQ_K + 1;
    p.init = start;
    refused(x, VQ_N, VQ_DIM, p, SEMID_ERR_SHAPE, "expected [1, 3, 3], found [1, 2, 3]");
    semid_codebook_free(start);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grid_is_learned_level_by_level),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(two_groups_get_a_codeword_each),
        cmocka_unit_test(what_vq_cannot_is_refused),
    };
    return cmocka_run_group_tests_name("ema", tests, NULL, NULL);
}
