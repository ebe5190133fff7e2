/* The network kernels of every tier against `_ref`, any size, and rows in company against rows
 * alone. */
#include "kernels/kernel_test.h"

enum { ROWS = 200, COLUMNS = 96, INNER = 800 };
static const float untouched = 12345.0F;

static float *random_floats(size_t n, float scale) {
    float *x = guarded_random(n);
    for (size_t i = 0; i < n; i++) x[i] *= scale;
    return x;
}

/* Rows of a result with gaps between them that must stay as they are. */
static float *untouched_floats(size_t n) {
    float *x = guarded_alloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = untouched;
    return x;
}

static float *copy_floats(const float *x, size_t n) {
    float *copy = guarded_alloc(n * sizeof *copy);
    memcpy(copy, x, n * sizeof *copy);
    return copy;
}

/* ---- the product in float32 ---- */

static void check_product(size_t m, size_t n, size_t k, activation act) {
    size_t padded = gemm_pad(n), lda = k + 3, ldc = padded + 16;
    float *a = random_floats(m * lda, 1), *w = random_floats(n * k, 1 / sqrtf((float)k + 1));
    float *bias = random_floats(padded, 1), *b = guarded_alloc(padded * k * sizeof *b);
    float *expected = untouched_floats(m * ldc), *found = untouched_floats(m * ldc);

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
    guarded_free_all();
}

/* A row alone gives the bytes that it gives among others: what makes batches invisible. */
static void check_row_alone(void) {
    float *a = random_floats(ROWS * INNER, 1), *w = random_floats(COLUMNS * INNER, 1);
    float *b = guarded_alloc(COLUMNS * INNER * sizeof *b), row[COLUMNS];
    float *c = guarded_alloc(ROWS * COLUMNS * sizeof *c);

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
    guarded_free_all();
}

/* Every order of magnitude, and what is not finite. */
static void check_activations(void) {
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

static void check_gemm_f32(void) {
    static const size_t inner[] = {1, 7, 32, 383, 384, 385, 800};

    for (size_t m = 0; m <= 31; m++) check_product(m, 1 + m % 50, 1 + m, ACTIVATION_GELU);
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        for (int act = ACTIVATION_NONE; act <= ACTIVATION_TANH; act++)
            check_product(13, 33 + 16 * i, inner[i], (activation)act);
    check_product(ROWS, COLUMNS, INNER, ACTIVATION_RELU);

    check_row_alone();
    check_activations();
}

static void both_packings_agree(void) {
    enum { N = 37, K = 29 };
    float *w = random_floats(N * K, 1), turned[K * N], x[48 * K], y[48 * K];
    for (size_t j = 0; j < N; j++)
        for (size_t p = 0; p < K; p++) turned[p * N + j] = w[j * K + p];
    gemm_pack_transposed(w, K, N, K, x);
    gemm_pack(turned, N, N, K, y);
    REQUIRE(memcmp(x, y, sizeof x) == 0, "the packings differ\n");
    guarded_free_all();
}

/* ---- int8 ---- */

static const size_t narrow_inner[] = {1, 7, 8, 32, 383, 384, 385, 1536};
enum { N_NARROW_INNER = sizeof narrow_inner / sizeof *narrow_inner };

/* The inputs that overflow the easiest: all of the largest size and of one sign, or in turns. */
typedef enum hardness { RANDOM, ALL_ONES, LARGE_IN_TURNS, N_HARDNESSES } hardness;

static float *hard_floats(size_t n, float scale, hardness how) {
    float *x = random_floats(n, scale);
    for (size_t i = 0; how != RANDOM && i < n; i++)
        x[i] = how == ALL_ONES ? 1 : i / 2 % 2 ? -3 : x[i];
    return x;
}

static void check_bytes_of_row(size_t k, hardness how) {
    size_t padded = gemm_i8_pad(k);
    float *x = hard_floats(k, 1, how), low, step, ref_low, ref_step;
    uint8_t *expected = guarded_alloc(padded), *found = guarded_alloc(padded);

    ref->quantize_u8(x, k, expected, &ref_low, &ref_step);
    tested->quantize_u8(x, k, found, &low, &step);
    REQUIRE(memcmp(expected, found, padded) == 0, "k %zu: other bytes\n", k);
    REQUIRE(low == ref_low && step == ref_step, "k %zu: %g, %g\n", k, (double)low, (double)step);
    guarded_free_all();
}

static void check_quantize_u8(void) {
    for (int repeat = 0; repeat < 20; repeat++) {
        for (size_t k = 1; k <= 32; k++) check_bytes_of_row(k, RANDOM);
        for (size_t i = 0; i < N_NARROW_INNER; i++)
            for (hardness how = 0; how < N_HARDNESSES; how++)
                check_bytes_of_row(narrow_inner[i], how);
    }
}

static void check_i8(size_t m, size_t n, size_t k, activation act, hardness how) {
    size_t columns = gemm_pad(n), padded = gemm_i8_pad(k), ldc = columns + 16;
    float *x = hard_floats(m * k, 1, how);
    float *w = hard_floats(n * k, 1 / sqrtf((float)k + 1), how);
    float *bias = random_floats(columns, 1), *low = untouched_floats(m),
          *step = copy_floats(low, m);
    float *scales = untouched_floats(columns), *sums = untouched_floats(columns);
    float *expected = untouched_floats(m * ldc), *found = untouched_floats(m * ldc);
    uint8_t *a = guarded_alloc(m * padded);
    int8_t *b = guarded_alloc(columns * padded);

    gemm_pack_i8(w, k, n, k, b, scales, sums);
    for (size_t i = 0; i < m; i++)
        tested->quantize_u8(x + i * k, k, a + i * padded, &low[i], &step[i]);
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
    guarded_free_all();
}

static void check_i8_row_alone(void) {
    float *x = random_floats(ROWS * INNER, 1), *w = random_floats(COLUMNS * INNER, 1);
    float *c = guarded_alloc(ROWS * COLUMNS * sizeof *c), row[COLUMNS], bias[COLUMNS];
    float scales[COLUMNS], sums[COLUMNS], low[ROWS], step[ROWS];
    uint8_t *bytes = guarded_alloc(ROWS * INNER);
    int8_t *weights = guarded_alloc(COLUMNS * INNER);

    memcpy(bias, w, sizeof bias);
    gemm_pack_i8(w, INNER, COLUMNS, INNER, weights, scales, sums);
    for (size_t i = 0; i < ROWS; i++)
        tested->quantize_u8(x + i * INNER, INNER, bytes + i * INNER, &low[i], &step[i]);
    gemm_i8_args all = {ROWS,   COLUMNS, INNER, bytes,           low, step,   weights,
                        scales, sums,    bias,  ACTIVATION_GELU, c,   COLUMNS};
    tested->gemm_i8(&all);

    for (size_t i = 0; i < ROWS; i++) {
        gemm_i8_args one = all;
        one.m = 1;
        one.a = bytes + i * INNER;
        one.low = low + i;
        one.step = step + i;
        one.c = row;
        tested->gemm_i8(&one);
        REQUIRE(memcmp(row, c + i * COLUMNS, sizeof row) == 0, "int8 row %zu\n", i);
    }
    guarded_free_all();
}

static void check_gemm_i8(void) {
    for (size_t m = 0; m <= 31; m++) check_i8(m, 1 + m % 50, 1 + m, ACTIVATION_GELU, RANDOM);
    for (size_t i = 0; i < N_NARROW_INNER; i++)
        for (hardness how = 0; how < N_HARDNESSES; how++)
            check_i8(27, 33 + 16 * i, narrow_inner[i], ACTIVATION_NONE, how);
    check_i8_row_alone();
}

/* Weights come back within a step of their column (half of it, or more where rounding would have
 * overflowed a sum); rows within half a step of theirs. */
static void int8_is_as_near_as_its_steps(void) {
    enum { N = 19, K = 133, PADDED = 136 };
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
    guarded_free_all();
}

/* ---- bfloat16 ---- */

static void check_round_bf16(void) {
    for (size_t k = 1; k <= 1536; k = k < 40 ? k + 1 : k + 173) {
        float *x = random_floats(k, 1);
        size_t padded = gemm_bf16_pad(k);
        uint16_t *expected = guarded_alloc(padded * 2), *found = guarded_alloc(padded * 2);
        if (k % 3 == 0) x[k / 2] = NAN;
        ref->round_bf16(x, k, expected);
        tested->round_bf16(x, k, found);
        REQUIRE(memcmp(expected, found, padded * 2) == 0, "k %zu: other numbers\n", k);
        guarded_free_all();
    }
}

static void check_bf16(size_t m, size_t n, size_t k, activation act) {
    size_t columns = gemm_pad(n), padded = gemm_bf16_pad(k), ldc = columns + 16;
    float *x = random_floats(m * k, 1), *w = random_floats(n * k, 1 / sqrtf((float)k + 1));
    float *bias = random_floats(columns, 1);
    float *expected = untouched_floats(m * ldc), *found = untouched_floats(m * ldc);
    uint16_t *a = guarded_alloc(m * padded * 2), *b = guarded_alloc(columns * padded * 2);

    if (m > 0) x[0] = NAN;
    gemm_pack_bf16(w, k, n, k, b);
    for (size_t i = 0; i < m; i++) tested->round_bf16(x + i * k, k, a + i * padded);
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
    guarded_free_all();
}

static void check_bf16_row_alone(void) {
    float *x = random_floats(ROWS * INNER, 1), *w = random_floats(COLUMNS * INNER, 1);
    float *c = guarded_alloc(ROWS * COLUMNS * sizeof *c), row[COLUMNS], bias[COLUMNS];
    uint16_t *a = guarded_alloc(2 * ROWS * INNER), *b = guarded_alloc(2 * COLUMNS * INNER);

    memcpy(bias, w, sizeof bias);
    gemm_pack_bf16(w, INNER, COLUMNS, INNER, b);
    for (size_t i = 0; i < ROWS; i++) tested->round_bf16(x + i * INNER, INNER, a + i * INNER);
    gemm_bf16_args all = {ROWS, COLUMNS, INNER, a, b, bias, ACTIVATION_GELU, c, COLUMNS};
    tested->gemm_bf16(&all);

    for (size_t i = 0; i < ROWS; i++) {
        gemm_bf16_args one = all;
        one.m = 1;
        one.a = a + i * INNER;
        one.c = row;
        tested->gemm_bf16(&one);
        REQUIRE(memcmp(row, c + i * COLUMNS, sizeof row) == 0, "bf16 row %zu\n", i);
    }
    guarded_free_all();
}

static void check_gemm_bf16(void) {
    for (size_t m = 0; m <= 31; m++) check_bf16(m, 1 + m % 50, 1 + m, ACTIVATION_GELU);
    for (size_t i = 0; i < N_NARROW_INNER; i++)
        check_bf16(31, 33 + 16 * i, narrow_inner[i], ACTIVATION_NONE);
    check_bf16_row_alone();
}

/* ---- rows ---- */

static void check_softmax_f32(void) {
    for (size_t n = 1; n <= 520; n = n < 70 ? n + 1 : n + 45) {
        float *e = random_floats(gemm_pad(n), 20);
        if (n > 3) e[2] = -1e30F;
        float *f = copy_floats(e, gemm_pad(n));
        ref->softmax_f32(e, n, 0.25F);
        tested->softmax_f32(f, n, 0.25F);
        for (size_t i = 0; i < n; i++)
            REQUIRE(fabsf(e[i] - f[i]) <= 1e-6F, "n %zu: %g, %g\n", n, (double)e[i], (double)f[i]);
        guarded_free_all();
    }
}

static void check_layer_norm_f32(void) {
    for (size_t n = 1; n <= 800; n = n < 70 ? n + 1 : n + 61) {
        float *e = random_floats(n, 3), *r = random_floats(n, 3), *gamma = random_floats(n, 1);
        float *beta = random_floats(n, 1);
        for (size_t i = 0; i < n; i++) e[i] += 5;
        float *f = copy_floats(e, n);
        ref->layer_norm_f32(e, r, gamma, beta, n, 1e-6F);
        tested->layer_norm_f32(f, r, gamma, beta, n, 1e-6F);
        for (size_t i = 0; i < n; i++)
            REQUIRE(fabsf(e[i] - f[i]) <= (n < 3 ? 1e-3F : 2e-5F), "n %zu: %g, %g\n", n,
                    (double)e[i], (double)f[i]);
        guarded_free_all();
    }
}

/* Shapes and errors differ too much for the tolerances of the list: each check has its own. */
static const struct {
    const char *name;
    void (*check)(void);
} checks[] = {
#define NETWORK_KERNEL(tolerance, result, name, parameters) {#name, check_##name},
#define INT8_KERNEL NETWORK_KERNEL
#include "kernels/kernels.def"
};

static void check_tier(void) {
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        checks[i].check();
        printf("%s: %s agrees with ref\n", tested->tier, checks[i].name);
    }
}

int main(void) {
    rng_init(&random_source, 42, 0);
    for_each_tier(check_tier);
    both_packings_agree();
    int8_is_as_near_as_its_steps();
    return 0;
}
