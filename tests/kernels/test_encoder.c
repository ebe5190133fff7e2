/* The encoder's kernels: every tier against `_ref`, any size, writing nothing but what they may.
 * Needs nothing but the kernels and base/, so that test_neon.sh can build it for another machine.
 */
#include "kernels/encoder.h"

#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 200, COLUMNS = 96, INNER = 800, GUARD = 64 };
static const float guard = 12345.0F;
static rng random_source;

#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("%s:%d: %s: ", __FILE__, __LINE__, #condition);                                 \
            printf(__VA_ARGS__);                                                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static float *random_floats(size_t n, float scale) {
    float *x = malloc((n + 1) * sizeof *x);
    REQUIRE(x, "out of memory\n");
    for (size_t i = 0; i < n; i++) x[i] = scale * (float)rng_normal(&random_source);
    return x;
}

static float *guarded_floats(size_t n) {
    float *x = malloc((n + GUARD) * sizeof *x);
    REQUIRE(x, "out of memory\n");
    for (size_t i = 0; i < n + GUARD; i++) x[i] = guard;
    return x;
}

static void assert_guarded(float *x, size_t n) {
    for (size_t i = n; i < n + GUARD; i++) REQUIRE(x[i] == guard, "written behind the end\n");
    free(x);
}

typedef void (*tier_check)(const encoder_kernels *ref, const encoder_kernels *tested);

static void for_each_tier(tier_check check) {
    int supported;
    const kernel_table *tier = kernels_tier(0, &supported);
    const encoder_kernels *ref = encoder_kernels_of(tier);
    for (size_t i = 1; (tier = kernels_tier(i, &supported)); i++) {
        printf("%s%s\n", tier->tier, supported ? "" : ": skipped, this machine does not have it");
        if (supported) check(ref, encoder_kernels_of(tier));
    }
}

/* ---- the product ---- */

static void check_gemm(const encoder_kernels *ref, const encoder_kernels *tested, size_t m,
                       size_t n, size_t k, activation act) {
    size_t padded = gemm_pad(n), lda = k + 3, ldc = padded + 16;
    float *a = random_floats(m * lda, 1), *w = random_floats(n * k, 1 / sqrtf((float)k + 1));
    float *bias = random_floats(padded, 1), *b = malloc((padded * k + 1) * sizeof *b);
    float *expected = guarded_floats(m * ldc), *found = guarded_floats(m * ldc);
    gemm_pack_transposed(w, k, n, k, b);
    gemm_args g = {m, padded, k, a, lda, b, n % 2 ? bias : NULL, act, expected, ldc};
    ref->gemm_f32(&g);
    g.c = found;
    tested->gemm_f32(&g);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < ldc; j++) {
            double e = (double)expected[i * ldc + j], f = (double)found[i * ldc + j];
            REQUIRE(fabs(e - f) <= (j < padded ? 4e-6 * (1 + fabs(e)) : 0),
                    "m %zu n %zu k %zu act %d [%zu, %zu]: expected %g, found %g\n", m, n, k,
                    (int)act, i, j, e, f);
        }
    assert_guarded(expected, m * ldc);
    assert_guarded(found, m * ldc);
    free(a);
    free(w);
    free(b);
    free(bias);
}

static void check_gemm_sizes(const encoder_kernels *ref, const encoder_kernels *tested) {
    static const size_t inner[] = {1, 7, 32, 383, 384, 385, 800};
    for (size_t m = 0; m <= 31; m++) check_gemm(ref, tested, m, 1 + m % 50, 1 + m, ACTIVATION_GELU);
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        for (int act = ACTIVATION_NONE; act <= ACTIVATION_TANH; act++)
            check_gemm(ref, tested, 13, 33 + 16 * i, inner[i], (activation)act);
    check_gemm(ref, tested, ROWS, COLUMNS, INNER, ACTIVATION_RELU);
}

static void products_agree_with_ref(void) {
    for_each_tier(check_gemm_sizes);
}

/* A row alone gives the bytes that it gives among others: what makes batches invisible. */
static void check_row_alone(const encoder_kernels *ref, const encoder_kernels *tested) {
    (void)ref;
    float *a = random_floats(ROWS * INNER, 1), *w = random_floats(COLUMNS * INNER, 1);
    float *b = malloc(COLUMNS * INNER * sizeof *b), *c = malloc(ROWS * COLUMNS * sizeof *c);
    float row[COLUMNS];
    gemm_pack_transposed(w, INNER, COLUMNS, INNER, b);
    gemm_args all = {ROWS, COLUMNS, INNER, a, INNER, b, NULL, ACTIVATION_GELU, c, COLUMNS};
    tested->gemm_f32(&all);
    for (size_t i = 0; i < ROWS; i++) {
        gemm_args one = all;
        one.m = 1;
        one.a = a + i * INNER;
        one.c = row;
        tested->gemm_f32(&one);
        REQUIRE(memcmp(row, c + i * COLUMNS, sizeof row) == 0, "row %zu\n", i);
    }
    free(a);
    free(w);
    free(b);
    free(c);
}

static void rows_do_not_depend_on_their_neighbours(void) {
    for_each_tier(check_row_alone);
}

static void both_packings_agree(void) {
    enum { N = 37, K = 29 };
    float *w = random_floats(N * K, 1), turned[K * N], x[48 * K], y[48 * K];
    for (size_t j = 0; j < N; j++)
        for (size_t p = 0; p < K; p++) turned[p * N + j] = w[j * K + p];
    gemm_pack_transposed(w, K, N, K, x);
    gemm_pack(turned, N, N, K, y);
    REQUIRE(memcmp(x, y, sizeof x) == 0, "the packings differ\n");
    free(w);
}

/* ---- activations: every order of magnitude, and what is not finite ---- */

static void check_activation(const encoder_kernels *ref, const encoder_kernels *tested) {
    enum { N = 4096 };
    static float x[N], identity[GEMM_PANEL], e[N * GEMM_PANEL], f[N * GEMM_PANEL];
    for (size_t i = 0; i < N; i++) x[i] = ((float)i - N / 2) * 0.01F;
    identity[0] = 1;
    for (int act = ACTIVATION_NONE; act <= ACTIVATION_TANH; act++) {
        gemm_args g = {N, GEMM_PANEL, 1, x, 1, identity, NULL, (activation)act, e, GEMM_PANEL};
        ref->gemm_f32(&g);
        g.c = f;
        tested->gemm_f32(&g);
        for (size_t i = 0; i < N; i++) {
            double expected = (double)e[i * GEMM_PANEL], found = (double)f[i * GEMM_PANEL];
            REQUIRE(fabs(expected - found) <= 6e-7 * (1 + fabs((double)x[i])),
                    "activation %d of %g: expected %.9g, found %.9g\n", act, (double)x[i], expected,
                    found);
        }
        x[0] = NAN;
        tested->gemm_f32(&g);
        REQUIRE(isnan(f[0]), "activation %d of NaN: %g\n", act, (double)f[0]);
        x[0] = -20.48F;
    }
}

static void activations_agree_with_ref(void) {
    for_each_tier(check_activation);
}

/* ---- rows ---- */

static void check_softmax(const encoder_kernels *ref, const encoder_kernels *tested) {
    for (size_t n = 1; n <= 520; n = n < 70 ? n + 1 : n + 45) {
        float *e = random_floats(gemm_pad(n), 20), *f = guarded_floats(gemm_pad(n));
        if (n > 3) e[2] = -1e30F;
        memcpy(f, e, n * sizeof *e);
        ref->softmax_f32(e, n, 0.25F);
        tested->softmax_f32(f, n, 0.25F);
        for (size_t i = 0; i < n; i++)
            REQUIRE(fabsf(e[i] - f[i]) <= 1e-6F, "n %zu: %g, %g\n", n, (double)e[i], (double)f[i]);
        assert_guarded(f, gemm_pad(n));
        free(e);
    }
}

static void softmax_agrees_with_ref(void) {
    for_each_tier(check_softmax);
}

static void check_layer_norm(const encoder_kernels *ref, const encoder_kernels *tested) {
    for (size_t n = 1; n <= 800; n = n < 70 ? n + 1 : n + 61) {
        float *e = random_floats(n, 3), *r = random_floats(n, 3), *gamma = random_floats(n, 1);
        float *beta = random_floats(n, 1), *f = guarded_floats(n);
        for (size_t i = 0; i < n; i++) e[i] += 5;
        memcpy(f, e, n * sizeof *e);
        ref->layer_norm_f32(e, r, gamma, beta, n, 1e-6F);
        tested->layer_norm_f32(f, r, gamma, beta, n, 1e-6F);
        for (size_t i = 0; i < n; i++)
            REQUIRE(fabsf(e[i] - f[i]) <= (n < 3 ? 1e-3F : 2e-5F), "n %zu: %g, %g\n", n,
                    (double)e[i], (double)f[i]);
        assert_guarded(f, n);
        free(e);
        free(r);
        free(gamma);
        free(beta);
    }
}

static void layer_norm_agrees_with_ref(void) {
    for_each_tier(check_layer_norm);
}

int main(void) {
    rng_init(&random_source, 42, 0);
    products_agree_with_ref();
    rows_do_not_depend_on_their_neighbours();
    both_packings_agree();
    activations_agree_with_ref();
    softmax_agrees_with_ref();
    layer_norm_agrees_with_ref();
    return 0;
}
