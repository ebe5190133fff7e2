/* The vector and the screening kernels of every tier against `_ref`: lengths 0 to 67 and large
 * ones. */
#include "kernels/kernel_test.h"

static void assert_near(double expected, double found, double scale, tolerance t) {
    REQUIRE(fabs(expected - found) <= (t == EXACT ? 0 : scale * 1e-6));
}

/* ---- one check per kernel, for one length ---- */

static void check_pair(float (*expected)(const float *, const float *, size_t),
                       float (*found)(const float *, const float *, size_t), size_t n,
                       tolerance t) {
    const float *x = guarded_random(n), *y = guarded_random(n);
    assert_near(expected(x, y, n), found(x, y, n), 4 * (double)(n + 1), t);
}

static void check_dot_f32(size_t n, tolerance t) {
    check_pair(ref->dot_f32, tested->dot_f32, n, t);
}

static void check_sqdist_f32(size_t n, tolerance t) {
    check_pair(ref->sqdist_f32, tested->sqdist_f32, n, t);
}

static void check_sub_f32(size_t n, tolerance t) {
    float *a = guarded_random(n), *b = guarded_alloc(n * sizeof *b);
    const float *y = guarded_random(n);
    memcpy(b, a, n * sizeof *a);
    ref->sub_f32(a, y, n);
    tested->sub_f32(b, y, n);
    for (size_t i = 0; i < n; i++) assert_near(a[i], b[i], 1, t);
}

static void check_add_f64(size_t n, tolerance t) {
    double *a = guarded_alloc(n * sizeof *a), *b = guarded_alloc(n * sizeof *b);
    const float *x = guarded_random(n);
    for (size_t i = 0; i < n; i++) a[i] = b[i] = rng_normal(&random_source);
    ref->add_f64(a, x, n);
    tested->add_f64(b, x, n);
    for (size_t i = 0; i < n; i++) assert_near(a[i], b[i], 1, t);
}

static double score_of(const codeword_panels *c, const float *row, int32_t code) {
    size_t row_len = c->n_lanes * c->lane_len, k = (size_t)code;
    const float *codeword = c->values + k / PANEL_WIDTH * row_len * PANEL_WIDTH + k % PANEL_WIDTH;
    double dot = 0;
    for (size_t j = 0; j < row_len; j++) dot += (double)row[j] * codeword[j * PANEL_WIDTH];
    return c->norms[k] - 2 * dot;
}

/* Codes may differ from `_ref` only where two scores are the same up to rounding. */
static void check_nearest(size_t lane_len, size_t n_lanes, size_t n_rows, size_t n_codewords,
                          tolerance t) {
    size_t n_panels = (n_codewords + PANEL_WIDTH - 1) / PANEL_WIDTH, row_len = n_lanes * lane_len;
    const float *x = guarded_random(n_rows * row_len);
    const float *values = guarded_random(n_panels * PANEL_WIDTH * row_len);
    float *norms = guarded_alloc(n_panels * PANEL_WIDTH * sizeof *norms);
    for (size_t k = 0; k < n_panels * PANEL_WIDTH; k++)
        norms[k] = k < n_codewords ? (float)row_len + (float)rng_normal(&random_source) : INFINITY;
    codeword_panels c = {n_panels, n_lanes, lane_len, values, norms};
    int32_t expected[KERNEL_MAX_ROWS], found[KERNEL_MAX_ROWS];
    ref->nearest_f32(x, n_rows, &c, expected);
    tested->nearest_f32(x, n_rows, &c, found);
    for (size_t r = 0; r < n_rows; r++) {
        REQUIRE(found[r] >= 0 && (size_t)found[r] < n_codewords);
        const float *row = x + r * row_len;
        assert_near(score_of(&c, row, expected[r]), score_of(&c, row, found[r]),
                    4 * (double)(row_len + 1), t);
    }
}

static void check_nearest_f32(size_t n, tolerance t) {
    size_t n_rows = 1 + n % 31, n_codewords = 1 + n * 7 % 45;
    check_nearest(n, 1, n_rows, n_codewords, t);
    check_nearest(n / 8, 8, n_rows, n_codewords, t);
    if (n == 48) check_nearest(n, 8, KERNEL_MAX_ROWS, 256, t);
}

static void check_inner_f32(size_t n, tolerance t) {
    size_t n_rows = 1 + n % 29;
    const float *x = guarded_random(n_rows * n), *panel = guarded_random(n * PANEL_WIDTH);
    const float *floors = guarded_random(PANEL_WIDTH);
    float *found = guarded_alloc(n_rows * PANEL_WIDTH * sizeof *found);
    uint16_t *above = guarded_alloc(n_rows * sizeof *above);
    float expected[32 * PANEL_WIDTH];
    uint16_t expected_above[32];
    ref->inner_f32(x, n_rows, panel, n, floors, expected, expected_above);
    tested->inner_f32(x, n_rows, panel, n, floors, found, above);
    for (size_t i = 0; i < n_rows * PANEL_WIDTH; i++) {
        assert_near(expected[i], found[i], 4 * (double)(n + 1), t);
        int bit = above[i / PANEL_WIDTH] >> i % PANEL_WIDTH & 1;
        REQUIRE(bit == (found[i] > floors[i % PANEL_WIDTH]));
    }
}

static double *guarded_steps(size_t n, double closed) {
    double *x = guarded_alloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        int step = (int)rng_below(&random_source, 12);
        x[i] = step > 9 ? closed : step * 0.25;
    }
    return x;
}

/* Coarse values: many ties. */
static void check_relax_f64(size_t n, tolerance t) {
    float *costs = guarded_alloc(n * sizeof *costs);
    double *prices = guarded_steps(n, 0);
    double *d = guarded_steps(n, (double)(n % 3 ? NAN : INFINITY));
    double *from = guarded_steps(n, 0), *d_ref = guarded_alloc(n * sizeof *d);
    double *from_ref = guarded_alloc(n * sizeof *d);
    for (size_t k = 0; k < n; k++) costs[k] = (float)rng_below(&random_source, 8);
    memcpy(d_ref, d, n * sizeof *d);
    memcpy(from_ref, from, n * sizeof *d);
    size_t expected = ref->relax_f64(costs, prices, -0.25, 0.5, 7, d_ref, from_ref, n);
    REQUIRE(tested->relax_f64(costs, prices, -0.25, 0.5, 7, d, from, n) == expected);
    for (size_t k = 0; k < n; k++) {
        REQUIRE(isnan(d_ref[k]) ? isnan(d[k]) : d[k] == d_ref[k]);
        assert_near(from_ref[k], from[k], 1, t);
    }
    for (size_t k = 0; k < n; k++) d[k] = (double)NAN;
    REQUIRE(tested->relax_f64(costs, prices, 0, 0, 0, d, from, n) == n);
}

static void check_cheapest_f32(size_t n, tolerance t) {
    if (n == 0) return;
    float *costs = guarded_random(n), *prices = guarded_random(n), gap, expected_gap;
    for (int coarse = 0; coarse < 2; coarse++) {
        size_t expected = ref->cheapest_f32(costs, prices, n, &expected_gap);
        REQUIRE(tested->cheapest_f32(costs, prices, n, &gap) == expected);
        REQUIRE(n > 1 ? isfinite(gap) : isinf(gap));
        if (n > 1) assert_near((double)expected_gap, (double)gap, 1, t);
        for (size_t k = 0; k < n; k++) {
            costs[k] = (float)rng_below(&random_source, 8);
            prices[k] = (float)rng_below(&random_source, 8);
        }
    }
}

/* ---- screening ---- */

static size_t padded(size_t n) {
    return (n + SCREEN_STEP - 1) / SCREEN_STEP * SCREEN_STEP;
}

/* x is scale * bytes but for what `q` owns up to. */
static void check_quantized(const float *x, size_t n, const int *bytes, quantized_vector q,
                            tolerance t) {
    double error = 0, length = 0;
    for (size_t j = 0; j < n; j++) {
        double left = (double)x[j] - (double)q.scale * bytes[j];
        error += left * left;
        length += (double)x[j] * (double)x[j];
        REQUIRE(fabs(left) <= 0.51 * (double)q.scale);
    }
    assert_near(sqrt(error), q.error, 4 * sqrt(length), t);
    assert_near(sqrt(length), q.length, 4 * sqrt(length), t);
}

/* What bytes stand for zero, and a row that is one. */
static int zero_of(const kernel_table *kernel) {
    float zeros[SCREEN_STEP] = {0};
    uint8_t bytes[SCREEN_STEP];
    quantized_vector q;
    kernel->quantize_row(zeros, SCREEN_STEP, bytes, &q);
    REQUIRE(q.scale == 0 && q.length == 0 && q.error == 0);
    return bytes[0];
}

static void check_quantize_row(size_t n, tolerance t) {
    const float *x = guarded_random(n);
    uint8_t *q = guarded_alloc(padded(n));
    int bytes[1024];
    quantized_vector found;
    tested->quantize_row(x, n, q, &found);
    for (size_t j = 0; j < padded(n); j++) bytes[j] = q[j] - zero_of(tested);
    for (size_t j = n; j < padded(n); j++) REQUIRE(bytes[j] == 0);
    check_quantized(x, n, bytes, found, t);
}

static void check_quantize_codeword(size_t n, tolerance t) {
    float *x = guarded_random(n);
    int8_t *s = guarded_alloc(padded(n));
    int bytes[1024], sum = 0;
    quantized_vector found;
    for (size_t j = 0; j < n && n % 3 == 0; j++) x[j] = fabsf(x[j]) + 10; /* all bytes large */
    tested->quantize_codeword(x, n, s, &found);
    for (size_t j = 0; j < padded(n); j++) sum += bytes[j] = s[j];
    for (size_t j = n; j < padded(n); j++) REQUIRE(bytes[j] == 0);
    REQUIRE(found.bias == sum * zero_of(tested));
    check_quantized(x, n, bytes, found, t);
}

static void quantize_panels(const screen_panels *c, int8_t *values, screen_terms *terms, size_t n) {
    float x[1024];
    int8_t s[1024];
    for (size_t k = 0; k < c->n_panels * PANEL_WIDTH; k++) {
        screen_terms *to = terms + k / PANEL_WIDTH;
        size_t i = k % PANEL_WIDTH;
        quantized_vector q;
        for (size_t j = 0; j < n; j++)
            x[j] = (float)rng_normal(&random_source) + (k % 5 == 0 ? 9 : 0);
        tested->quantize_codeword(x, n, s, &q);
        for (size_t j = 0; j < c->len; j++)
            values[k / PANEL_WIDTH * c->len * PANEL_WIDTH + j / 4 * 4 * PANEL_WIDTH + i * 4 +
                   j % 4] = s[j];
        to->biases[i] = q.bias;
        to->scales[i] = q.scale;
        to->norms[i] = k + 3 < c->n_panels * PANEL_WIDTH ? q.length * q.length : INFINITY;
        to->lengths[i] = q.length;
        to->errors[i] = q.error;
        to->slacks[i] = 1e-6F;
    }
}

/* The bounds of codeword k for a row, in double. */
static void bounds_of(const screen_panels *c, const uint8_t *q, const screen_row *row, size_t k,
                      double *lower, double *upper) {
    const screen_terms *t = c->terms + k / PANEL_WIDTH;
    size_t i = k % PANEL_WIDTH;
    const int8_t *s = c->values + k / PANEL_WIDTH * c->len * PANEL_WIDTH + i * 4;
    int sum = 0;
    for (size_t j = 0; j < c->len; j++) sum += q[j] * s[j / 4 * 4 * PANEL_WIDTH + j % 4];
    double score = t->norms[i] + (double)row->score * t->scales[i] * (sum - t->biases[i]);
    double error = (double)row->length * t->lengths[i] + (double)row->error * t->errors[i] +
                   (double)t->slacks[i];
    *lower = score - error;
    *upper = score + error;
}

/* The SCREEN_RANK-th least of the minima over panels. */
static double limit_of(const screen_panels *c, const uint8_t *q, const screen_row *row) {
    double lows[PANEL_WIDTH], lower, upper;
    for (size_t i = 0; i < PANEL_WIDTH; i++) lows[i] = (double)INFINITY;
    for (size_t k = 0; k < c->n_panels * PANEL_WIDTH; k++) {
        bounds_of(c, q, row, k, &lower, &upper);
        lows[k % PANEL_WIDTH] = fmin(lows[k % PANEL_WIDTH], lower);
    }
    for (size_t i = 0; i < PANEL_WIDTH; i++) {
        size_t below = 0, equal = 0;
        for (size_t j = 0; j < PANEL_WIDTH; j++) below += lows[j] < lows[i];
        for (size_t j = 0; j < PANEL_WIDTH; j++) equal += lows[j] == lows[i];
        if (below < SCREEN_RANK && below + equal >= SCREEN_RANK) return lows[i];
    }
    return (double)NAN;
}

/* limit is NULL where none was asked for. */
static void check_screened_row(const screen_panels *c, const uint8_t *q, const screen_row *row,
                               float least, const float *limit, const float *rest,
                               const uint16_t *possible, tolerance t) {
    double expected_rest = (double)1e30F, expected = 1e30, lower, upper,
           slack = 1e-4 * (double)(c->len + 1);
    for (size_t k = 0; k < c->n_panels * PANEL_WIDTH; k++) {
        bounds_of(c, q, row, k, &lower, &upper);
        expected = fmin(expected, upper);
    }
    assert_near(expected, least, 1e6 * slack, t);
    if (limit) assert_near(limit_of(c, q, row), *limit, 1e6 * slack, t);
    if (limit && *limit > least) least = *limit;
    for (size_t k = 0; k < c->n_panels * PANEL_WIDTH; k++) {
        int bit = possible[k / PANEL_WIDTH] >> k % PANEL_WIDTH & 1;
        bounds_of(c, q, row, k, &lower, &upper);
        REQUIRE(bit || lower > (double)least - slack);
        REQUIRE(!bit || lower < (double)least + slack);
        if (!bit) expected_rest = fmin(expected_rest, lower);
    }
    if (rest) assert_near(expected_rest, *rest, 1e6 * slack, t);
}

static void check_screen_u8(size_t n, tolerance t) {
    size_t n_rows = 1 + n % SCREEN_MAX_ROWS, n_panels = 2 * (1 + n % 8), len = padded(n);
    uint8_t *q = guarded_alloc(n_rows * len);
    int8_t *values = guarded_alloc(n_panels * len * PANEL_WIDTH);
    screen_terms terms[SCREEN_MAX_PANELS];
    screen_panels c = {n_panels, len, values, terms};
    screen_row rows[SCREEN_MAX_ROWS];
    float least[SCREEN_MAX_ROWS], limits[SCREEN_MAX_ROWS], rests[SCREEN_MAX_ROWS];
    uint16_t possible[SCREEN_MAX_ROWS * SCREEN_MAX_PANELS];
    quantize_panels(&c, values, terms, n);
    const float *x = guarded_random(n_rows * n);
    for (size_t r = 0; r < n_rows; r++) {
        quantized_vector of_row;
        tested->quantize_row(x + r * n, n, q + r * len, &of_row);
        rows[r] = (screen_row){-2 * of_row.scale, 0.2F * of_row.error, 0.2F * of_row.length};
        least[r] = limits[r] = rests[r] = 1e30F;
    }
    for (int limited = 0; limited < 2; limited++) {
        tested->screen_u8(q, rows, n_rows, &c, 0, n_panels, least, limited ? limits : NULL,
                          limited ? NULL : rests, possible);
        for (size_t r = 0; r < n_rows; r++)
            check_screened_row(&c, q + r * len, rows + r, least[r], limited ? limits + r : NULL,
                               limited ? NULL : rests + r, possible + r * SCREEN_MAX_PANELS, t);
    }
}

/* The last bit counts: on the list and without one, in the order of the panels. */
static void check_rescore_f32(size_t n, tolerance t) {
    enum { K = 37 };
    const float *x = guarded_random(n);
    float *codewords = guarded_random(K * n), norms[K];
    float scores[K], expected_scores[K];
    int32_t list[K];
    (void)t;
    for (size_t k = 0; k < K; k++) {
        norms[k] = (float)n + (float)rng_normal(&random_source);
        list[k] = (int32_t)k;
        if (k < K / 2) continue;
        memcpy(codewords + k * n, codewords + (k - K / 2) * n, n * sizeof *codewords);
        norms[k] = norms[k - K / 2];
    }
    for (size_t m = 1; m <= K; m++) {
        int32_t expected =
            ref->rescore_f32(x, codewords, norms, n, list + (K - m), m, expected_scores);
        REQUIRE(tested->rescore_f32(x, codewords, norms, n, list + (K - m), m, scores) == expected);
        REQUIRE(memcmp(scores, expected_scores, m * sizeof *scores) == 0);
        REQUIRE(tested->rescore_f32(x, codewords, norms, n, NULL, m, NULL) ==
                ref->rescore_f32(x, codewords, norms, n, list, m, NULL));
    }
}

static const struct {
    const char *name;
    void (*check)(size_t n, tolerance t);
    tolerance t;
} checks[] = {
#define VECTOR_KERNEL(tolerance, result, name, parameters) {#name, check_##name, tolerance},
#define SCREEN_KERNEL VECTOR_KERNEL
#include "kernels/kernels.def"
};

static void check_length(size_t i, size_t n) {
    checks[i].check(n, checks[i].t);
    guarded_free_all();
}

static void check_tier(void) {
    static const size_t large[] = {127, 256, 384, 391, 1000};

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        for (size_t n = 0; n <= 67; n++) check_length(i, n);
        for (size_t l = 0; l < sizeof large / sizeof large[0]; l++) check_length(i, large[l]);
        printf("%s: %s agrees with ref\n", tested->tier, checks[i].name);
    }
}

/* The documented order of summation, written out. */
static int32_t nearest_in_order(const codeword_panels *c, const float *x) {
    size_t row_len = c->n_lanes * c->lane_len;
    float best = INFINITY;
    int32_t code = 0;
    for (size_t k = 0; k < c->n_panels * PANEL_WIDTH; k++) {
        const float *v = c->values + k / PANEL_WIDTH * row_len * PANEL_WIDTH + k % PANEL_WIDTH;
        float total = 0;
        for (size_t lane = 0; lane < c->n_lanes; lane++) {
            float chain = 0;
            for (size_t j = lane * c->lane_len; j < (lane + 1) * c->lane_len; j++)
                chain = fmaf(x[j], v[j * PANEL_WIDTH], chain);
            total += chain;
        }
        float score = fmaf(-2, total, c->norms[k]);
        if (score >= best) continue;
        best = score;
        code = (int32_t)k;
    }
    return code;
}

/* Tiers other than ref promise the same codes, near-ties included: coarse values make those. */
static void check_order_of_summation(void) {
    enum { ROWS = 50, K = 64, LANES = 8, LEN = 40, ROW = LANES * LEN };
    static float x[ROWS * ROW], values[K * ROW];
    float norms[K];
    for (size_t i = 0; i < ROWS * ROW; i++) x[i] = (float)rng_below(&random_source, 3) * 0.1F;
    for (size_t i = 0; i < K * ROW; i++) values[i] = (float)rng_below(&random_source, 2) * 0.3F;
    for (size_t k = 0; k < K; k++) norms[k] = (float)rng_below(&random_source, 3);
    codeword_panels c = {K / PANEL_WIDTH, LANES, LEN, values, norms};
    int32_t found[ROWS];
    tested->nearest_f32(x, ROWS, &c, found);
    for (size_t r = 0; r < ROWS; r++) REQUIRE(found[r] == nearest_in_order(&c, x + r * ROW));
}

int main(void) {
    seed_random_source();
    for_each_tier(check_tier);
    for_each_tier(check_order_of_summation);
    return 0;
}
