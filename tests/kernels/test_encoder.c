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

/* ---- low precision ---- */

/* Rows and weights of the kind that hurts: all of the largest size and of one sign, in turns. */
static void harden(float *x, size_t n, int how) {
    for (size_t i = 0; how > 0 && i < n; i++) x[i] = how == 1 ? 1 : i / 2 % 2 ? -3 : x[i];
}

static void check_i8(const encoder_kernels *ref, const encoder_kernels *tested, size_t m, size_t n,
                     size_t k, activation act, int how) {
    size_t columns = gemm_pad(n), padded = gemm_i8_pad(k), ldc = columns + 16;
    float *x = random_floats(m * k, 1), *w = random_floats(n * k, 1 / sqrtf((float)k + 1));
    float *bias = random_floats(columns, 1), *low = guarded_floats(m), *step = guarded_floats(m);
    float *scales = guarded_floats(columns), *sums = guarded_floats(columns);
    float *expected = guarded_floats(m * ldc), *found = guarded_floats(m * ldc);
    uint8_t *a = malloc(m * padded + GUARD), *again = malloc(padded + 1);
    int8_t *b = malloc(columns * padded + 1);
    harden(x, m * k, how);
    harden(w, n * k, how);
    memset(a, 77, m * padded + GUARD);
    gemm_pack_i8(w, k, n, k, b, scales, sums);
    for (size_t i = 0; i < m; i++) {
        float ref_low, ref_step;
        tested->quantize_u8(x + i * k, k, a + i * padded, &low[i], &step[i]);
        ref->quantize_u8(x + i * k, k, again, &ref_low, &ref_step);
        REQUIRE(memcmp(again, a + i * padded, padded) == 0, "k %zu: other bytes\n", k);
        REQUIRE(low[i] == ref_low && step[i] == ref_step, "k %zu: %g, %g\n", k, (double)low[i],
                (double)step[i]);
    }
    REQUIRE(a[m * padded] == 77, "written behind the end\n");
    gemm_i8_args g = {m, columns, padded, a, low, step, b, scales, sums, bias, act, expected, ldc};
    ref->gemm_i8(&g);
    g.c = found;
    tested->gemm_i8(&g);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < ldc; j++) {
            double e = (double)expected[i * ldc + j], f = (double)found[i * ldc + j];
            double part = j < columns ? fabs((double)(low[i] * sums[j])) : 0;
            REQUIRE(fabs(e - f) <= (j < columns ? 1e-6 * (1 + part + fabs(e)) : 0),
                    "m %zu n %zu k %zu act %d [%zu, %zu]: expected %g, found %g\n", m, n, k,
                    (int)act, i, j, e, f);
        }
    assert_guarded(expected, m * ldc);
    assert_guarded(found, m * ldc);
    assert_guarded(low, m);
    assert_guarded(step, m);
    assert_guarded(scales, columns);
    assert_guarded(sums, columns);
    free(x), free(w), free(bias), free(a), free(again), free(b);
}

static void check_bf16(const encoder_kernels *ref, const encoder_kernels *tested, size_t m,
                       size_t n, size_t k, activation act) {
    size_t columns = gemm_pad(n), padded = gemm_bf16_pad(k), ldc = columns + 16;
    float *x = random_floats(m * k, 1), *w = random_floats(n * k, 1 / sqrtf((float)k + 1));
    float *bias = random_floats(columns, 1);
    float *expected = guarded_floats(m * ldc), *found = guarded_floats(m * ldc);
    uint16_t *a = malloc((m * padded + 1) * 2), *again = malloc(padded * 2);
    uint16_t *b = malloc((columns * padded + 1) * 2);
    if (m > 0) x[0] = NAN;
    gemm_pack_bf16(w, k, n, k, b);
    for (size_t i = 0; i < m; i++) {
        tested->round_bf16(x + i * k, k, a + i * padded);
        ref->round_bf16(x + i * k, k, again);
        REQUIRE(memcmp(again, a + i * padded, padded * 2) == 0, "k %zu: other numbers\n", k);
    }
    gemm_bf16_args g = {m, columns, padded, a, b, bias, act, expected, ldc};
    ref->gemm_bf16(&g);
    g.c = found;
    tested->gemm_bf16(&g);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < ldc; j++) {
            double e = (double)expected[i * ldc + j], f = (double)found[i * ldc + j];
            if (isnan(e) && isnan(f)) continue;
            REQUIRE(fabs(e - f) <= (j < columns ? 4e-6 * (1 + fabs(e)) : 0),
                    "m %zu n %zu k %zu act %d [%zu, %zu]: expected %g, found %g\n", m, n, k,
                    (int)act, i, j, e, f);
        }
    assert_guarded(expected, m * ldc);
    assert_guarded(found, m * ldc);
    free(x), free(w), free(bias), free(a), free(again), free(b);
}

static void check_low_precision_sizes(const encoder_kernels *ref, const encoder_kernels *tested) {
    static const size_t inner[] = {1, 7, 8, 32, 383, 384, 385, 1536};
    for (size_t m = 0; m <= 31; m++) {
        check_i8(ref, tested, m, 1 + m % 50, 1 + m, ACTIVATION_GELU, 0);
        check_bf16(ref, tested, m, 1 + m % 50, 1 + m, ACTIVATION_GELU);
    }
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        for (int how = 0; how < 3; how++)
            check_i8(ref, tested, 27, 33 + 16 * i, inner[i], ACTIVATION_NONE, how);
        check_bf16(ref, tested, 31, 33 + 16 * i, inner[i], ACTIVATION_NONE);
    }
}

static void low_precision_agrees_with_ref(void) {
    for_each_tier(check_low_precision_sizes);
}

/* Both kinds of low precision, as rows of a batch and alone. */
static void check_low_precision_row_alone(const encoder_kernels *ref,
                                          const encoder_kernels *tested) {
    (void)ref;
    float *x = random_floats(ROWS * INNER, 1), *w = random_floats(COLUMNS * INNER, 1);
    float *c = malloc(ROWS * COLUMNS * sizeof *c), row[COLUMNS], bias[COLUMNS];
    float scales[COLUMNS], sums[COLUMNS], low[ROWS], step[ROWS];
    uint8_t *bytes = malloc(ROWS * INNER);
    uint16_t *halves = malloc(2 * ROWS * INNER), *half_weights = malloc(2 * COLUMNS * INNER);
    int8_t *weights = malloc(COLUMNS * INNER);
    memcpy(bias, w, sizeof bias);
    gemm_pack_i8(w, INNER, COLUMNS, INNER, weights, scales, sums);
    gemm_pack_bf16(w, INNER, COLUMNS, INNER, half_weights);
    for (size_t i = 0; i < ROWS; i++) {
        tested->quantize_u8(x + i * INNER, INNER, bytes + i * INNER, &low[i], &step[i]);
        tested->round_bf16(x + i * INNER, INNER, halves + i * INNER);
    }
    tested->gemm_i8(&(gemm_i8_args){ROWS, COLUMNS, INNER, bytes, low, step, weights, scales, sums,
                                    bias, ACTIVATION_GELU, c, COLUMNS});
    for (size_t i = 0; i < ROWS; i++) {
        tested->gemm_i8(&(gemm_i8_args){1, COLUMNS, INNER, bytes + i * INNER, low + i, step + i,
                                        weights, scales, sums, bias, ACTIVATION_GELU, row,
                                        COLUMNS});
        REQUIRE(memcmp(row, c + i * COLUMNS, sizeof row) == 0, "int8 row %zu\n", i);
    }
    tested->gemm_bf16(&(gemm_bf16_args){ROWS, COLUMNS, INNER, halves, half_weights, bias,
                                        ACTIVATION_GELU, c, COLUMNS});
    for (size_t i = 0; i < ROWS; i++) {
        tested->gemm_bf16(&(gemm_bf16_args){1, COLUMNS, INNER, halves + i * INNER, half_weights,
                                            bias, ACTIVATION_GELU, row, COLUMNS});
        REQUIRE(memcmp(row, c + i * COLUMNS, sizeof row) == 0, "bf16 row %zu\n", i);
    }
    free(x), free(w), free(c), free(bytes), free(halves), free(half_weights), free(weights);
}

static void low_precision_rows_do_not_depend_on_their_neighbours(void) {
    for_each_tier(check_low_precision_row_alone);
}

/* Weights come back within a step of their column (half of it, or more where rounding would have
 * overflowed a sum); rows within half a step of theirs. */
static void int8_is_as_near_as_its_steps(void) {
    enum { N = 19, K = 133, PADDED = 136 };
    int supported;
    const encoder_kernels *ref = encoder_kernels_of(kernels_tier(0, &supported));
    float *w = random_floats(N * K, 0.1F), scales[32], sums[32], total[N] = {0}, low, step;
    int8_t b[32 * PADDED];
    uint8_t q[PADDED];
    gemm_pack_i8(w, K, N, K, b, scales, sums);
    for (size_t j = 0; j < N; j++)
        for (size_t p = 0; p < K; p++) {
            int8_t found = b[j / 16 * 16 * PADDED + p / 4 * 64 + j % 16 * 4 + p % 4];
            total[j] += scales[j] * (float)found;
            float error = fabsf(w[j * K + p] - scales[j] * (float)found);
            REQUIRE(error <= 1.5001F * scales[j], "column %zu: %g steps off\n", j,
                    (double)(error / scales[j]));
        }
    for (size_t j = 0; j < N; j++)
        REQUIRE(fabsf(total[j] - sums[j]) <= 1e-4F, "sum of column %zu\n", j);
    ref->quantize_u8(w, K, q, &low, &step);
    for (size_t p = 0; p < K; p++)
        REQUIRE(fabsf(low + step * (float)q[p] - w[p]) <= 0.5001F * step, "element %zu\n", p);
    w[3] = NAN;
    ref->quantize_u8(w, K, q, &low, &step);
    REQUIRE(isnan(low), "NaN got lost\n");
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
    low_precision_agrees_with_ref();
    low_precision_rows_do_not_depend_on_their_neighbours();
    int8_is_as_near_as_its_steps();
    activations_agree_with_ref();
    softmax_agrees_with_ref();
    layer_norm_agrees_with_ref();
    return 0;
}
