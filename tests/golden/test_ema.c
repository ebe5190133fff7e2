/* The moving-average update against golden/ema/make.py, a NumPy program. */
#include "base/memory.h"
#include "formats/npy.h"
#include "learn/ema_update.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 96, DIM = 6, L = 2, K = 8, B = 32, EPOCHS = 2 };

static const level_rules rules = {.decay = 0.9, .epsilon = 1e-3, .chunk_rows = N};

static array load(const char *name) {
    semid_error err;
    array a;
    char path[64];
    snprintf(path, sizeof path, "ema/%s", name);
    assert_ok(npy_load(&a, golden_path(path), &err));
    return a;
}

/* One pass over all rows, scaled to a batch. */
static void start(level_state *levels, level_workspace *batch, const float *x) {
    memcpy(batch->r, x, N * DIM * sizeof(float));
    for (size_t l = 0; l < L; l++) {
        uint64_t counts[K] = {0};
        level_assign(&levels[l], batch, &rules, N);
        for (size_t i = 0; i < N; i++) {
            size_t code = (size_t)batch->codes[i];
            counts[code]++;
            for (size_t j = 0; j < DIM; j++)
                batch->r[i * DIM + j] -= levels[l].codewords[code * DIM + j];
        }
        for (size_t k = 0; k < K; k++) level_set_usage(&levels[l], k, B * ((double)counts[k] / N));
    }
}

static void run(level_state *levels, level_workspace *batch, const float *x, const int32_t *codes,
                const double *errors) {
    rng random;
    rng_init(&random, 1, 1);
    for (size_t step = 0; step < EPOCHS * N / B; step++) {
        size_t row = step * B % N, n_revived = 0;
        memcpy(batch->r, x + row * DIM, B * DIM * sizeof(float));
        for (size_t l = 0; l < L; l++) {
            level_assign(&levels[l], batch, &rules, B);
            for (size_t i = 0; i < B; i++)
                assert_int_equal(batch->codes[i], codes[(step * B + i) * L + l]);
            double error = ema_update(&levels[l], batch, &rules, B, &random, &n_revived);
            assert_true(fabs(error / errors[step * L + l] - 1) < 1e-5);
        }
        assert_int_equal(n_revived, 0);
    }
}

static void two_epochs_equal_numpy(void **state) {
    (void)state;
    semid_error err;
    level_state levels[L];
    level_workspace batch;
    array x = load("x.npy"), init = load("init.npy"), codes = load("codes.npy");
    array books = load("codebooks.npy"), counts = load("n.npy"), errors = load("errors.npy");
    assert_ok(level_workspace_init(&batch, N, N, K, DIM, false, &err));
    for (size_t l = 0; l < L; l++)
        assert_ok(
            level_init(&levels[l], K, DIM, (const float *)init.data + l * K * DIM, false, &err));
    start(levels, &batch, x.data);
    run(levels, &batch, x.data, codes.data, errors.data);
    for (size_t l = 0; l < L; l++) {
        for (size_t i = 0; i < K * DIM; i++)
            assert_true(fabs((double)levels[l].codewords[i] -
                             (double)((const float *)books.data)[l * K * DIM + i]) < 1e-5);
        for (size_t k = 0; k < K; k++)
            assert_true(fabs(levels[l].n[k] - ((const double *)counts.data)[l * K + k]) < 1e-9);
        level_release(&levels[l]);
    }
    level_workspace_release(&batch);
    array *all[] = {&x, &init, &codes, &books, &counts, &errors};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) array_release(all[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_epochs_equal_numpy)};
    return cmocka_run_group_tests_name("ema golden", tests, NULL, NULL);
}
