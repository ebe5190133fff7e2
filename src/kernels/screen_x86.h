/* kernels/screen_x86.h - the screening kernels of a tier of x86. The including file defines
 *   ROW_MAX, ROW_ZERO, CODEWORD_MAX   ranges of bytes
 *   MAX_SUM_OF_EIGHT   upper bound of the sum of eight bytes of a codeword, 0: none
 *   sv, sv_*           vectors of SV_WIDTH floats and of as many 32-bit integers
 *   SCREEN_TILE_ROWS   rows whose sums with two vectors fit the registers
 *   tile_sums          q.s of that many rows with two vectors of codewords
 * and is compiled for AVX2 at least: a single row is processed in 256 bits on every tier. */

enum {
    TILE_PANELS = 2 * SV_WIDTH / PANEL_WIDTH,
    PANEL_PARTS = PANEL_WIDTH / SV_WIDTH /* vectors a panel */
};

/* ---- quantizing ---- */

static inline __m256 load_first(const float *x, size_t n) {
    static const int32_t mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    if (n >= 8) return _mm256_loadu_ps(x);
    return _mm256_maskload_ps(x, _mm256_loadu_si256((const __m256i *)(const void *)(mask + 8 - n)));
}

/* The n - j values of x from j on, at most 8, then zeros. */
static inline __m256 load_rest(const float *x, size_t j, size_t n) {
    return j < n ? load_first(x + j, n - j) : _mm256_setzero_ps();
}

static inline float max_lane(__m256 v) {
    float lanes[8], max = 0;
    _mm256_storeu_ps(lanes, v);
    for (size_t i = 0; i < 8; i++) max = lanes[i] > max ? lanes[i] : max;
    return max;
}

static inline double sum_lanes(__m256 v) {
    float lanes[8];
    double sum = 0;
    _mm256_storeu_ps(lanes, v);
    for (size_t i = 0; i < 8; i++) sum += (double)lanes[i];
    return sum;
}

static inline __m256 absolute(__m256 v) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), v);
}

static float max_of(const float *x, size_t n) {
    __m256 a = _mm256_setzero_ps(), b = a;
    for (size_t j = 0; j < n; j += 16) {
        a = _mm256_max_ps(absolute(load_rest(x, j, n)), a);
        b = _mm256_max_ps(absolute(load_rest(x, j + 8, n)), b);
    }
    float max = max_lane(_mm256_max_ps(a, b));
    return max >= 1e-12F && max <= 1e12F ? max : 0;
}

/* The largest sum of the positive values, or of the absolute negative ones, over the eight values
 * of a step that go into one sum of 16 bits: dimensions 0 1 4 5 8 9 12 13, and the others. */
static float max_sum_of_eight(const float *x, size_t n) {
    const __m256 zero = _mm256_setzero_ps();
    __m256 most = zero;
    for (size_t j = 0; j < n; j += SCREEN_STEP) {
        __m256 a = load_rest(x, j, n), b = load_rest(x, j + 8, n);
        __m256 above = _mm256_add_ps(_mm256_max_ps(a, zero), _mm256_max_ps(b, zero));
        __m256 below = _mm256_add_ps(_mm256_min_ps(a, zero), _mm256_min_ps(b, zero));
        __m256 pairs = _mm256_hadd_ps(above, _mm256_sub_ps(zero, below));
        most = _mm256_max_ps(most, _mm256_add_ps(pairs, _mm256_permute2f128_ps(pairs, pairs, 1)));
    }
    return max_lane(most);
}

/* 32-bit integers of two vectors -> 16 bytes in order. */
static inline __m128i to_bytes(__m256i a, __m256i b) {
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

static inline __m256i quantize_vector(__m256 x, __m256 inverse, __m256 scale, __m256 *error,
                                      __m256 *length) {
    __m256i q = _mm256_cvtps_epi32(_mm256_mul_ps(x, inverse));
    __m256 left = _mm256_fnmadd_ps(_mm256_cvtepi32_ps(q), scale, x);
    *error = _mm256_fmadd_ps(left, left, *error);
    *length = _mm256_fmadd_ps(x, x, *length);
    return q;
}

static void quantize(const float *x, size_t n, float scale, int zero, void *bytes,
                     quantized_vector *out) {
    const __m256 inverse = _mm256_set1_ps(scale > 0 ? 1 / scale : 0), by = _mm256_set1_ps(scale);
    const __m128i zeros = _mm_set1_epi8((char)zero);
    __m256 error = _mm256_setzero_ps(), length = error, error2 = error, length2 = error;
    __m256i sum = _mm256_setzero_si256();

    for (size_t j = 0; j < n; j += SCREEN_STEP) {
        __m256i a = quantize_vector(load_rest(x, j, n), inverse, by, &error, &length);
        __m256i b = quantize_vector(load_rest(x, j + 8, n), inverse, by, &error2, &length2);
        sum = _mm256_add_epi32(sum, _mm256_add_epi32(a, b));
        _mm_storeu_si128((__m128i *)((char *)bytes + j), _mm_add_epi8(to_bytes(a, b), zeros));
    }

    uint32_t sums[8], total = 0; /* unsigned: it may wrap where x is not finite */
    _mm256_storeu_si256((__m256i *)sums, sum);
    for (size_t i = 0; i < 8; i++) total += sums[i];
    *out = (quantized_vector){scale, (float)sqrt(sum_lanes(_mm256_add_ps(length, length2))),
                              (float)sqrt(sum_lanes(_mm256_add_ps(error, error2))),
                              (int32_t)(ROW_ZERO * total)};
}

static void quantize_row(const float *x, size_t n, uint8_t *q, quantized_vector *out) {
    quantize(x, n, max_of(x, n) / ROW_MAX, ROW_ZERO, q, out);
}

static void quantize_codeword(const float *c, size_t n, int8_t *s, quantized_vector *out) {
    float scale = max_of(c, n) / CODEWORD_MAX;
    if (MAX_SUM_OF_EIGHT > 0 && scale > 0) /* less 4: bytes are rounded, by up to half each */
        scale = fmaxf(scale, max_sum_of_eight(c, n) / (MAX_SUM_OF_EIGHT - 4) * 1.00001F);
    quantize(c, n, scale, 0, s, out);
}

/* ---- screening ---- */

typedef struct screen_state {
    float least[SCREEN_MAX_ROWS][SV_WIDTH]; /* of score + error */
    float lower[SCREEN_MAX_ROWS][SCREEN_MAX_PANELS * PANEL_WIDTH];
} screen_state;

static inline __attribute__((always_inline)) void
judge_tile(size_t n_rows, const sv_int sums[][2], const screen_row *rows, const screen_terms *terms,
           screen_state *state, size_t row, size_t k) {
    for (size_t v = 0; v < 2; v++) {
        const screen_terms *t = terms + v / PANEL_PARTS;
        size_t i = v % PANEL_PARTS * SV_WIDTH;
        for (size_t r = 0; r < n_rows; r++) {
            sv product = sv_mul(sv_from_int(sv_sub_int(sums[r][v], sv_load_int(t->biases + i))),
                                sv_load(t->scales + i));
            sv score = sv_fma(sv_splat(rows[r].score), product, sv_load(t->norms + i));
            sv error =
                sv_fma(sv_splat(rows[r].error), sv_load(t->errors + i), sv_load(t->slacks + i));
            error = sv_fma(sv_splat(rows[r].length), sv_load(t->lengths + i), error);
            float *least = state->least[row + r];
            sv_store(least, sv_min(sv_add(score, error), sv_load(least)));
            sv_store(state->lower[row + r] + k + v * SV_WIDTH, sv_sub(score, error));
        }
    }
}

static inline __attribute__((always_inline)) void
screen_tile(size_t n_rows, const uint8_t *q, const screen_row *rows, const screen_panels *c,
            size_t panel, screen_state *state, size_t row, size_t k) {
    sv_int sums[SCREEN_TILE_ROWS][2];
    tile_sums(n_rows, q + row * c->len, c->values + panel * c->len * PANEL_WIDTH, c->len, sums);
    judge_tile(n_rows, (const sv_int(*)[2])sums, rows + row, c->terms + panel, state, row, k);
}

static inline float min_lane(sv v) {
    float lanes[SV_WIDTH], min = INFINITY;
    sv_store(lanes, v);
    for (size_t i = 0; i < SV_WIDTH; i++) min = lanes[i] < min ? lanes[i] : min;
    return min;
}

/* The SCREEN_RANK-th least of the minima over panels: the largest with few enough below it. */
static float limit_of(const float *lower, size_t n_panels) {
    float lows[PANEL_WIDTH], limit = -INFINITY;
    int32_t below[PANEL_WIDTH] = {0};
    for (size_t i = 0; i < PANEL_WIDTH; i++) lows[i] = INFINITY;

    for (size_t p = 0; p < n_panels; p++, lower += PANEL_WIDTH)
        for (size_t i = 0; i < PANEL_WIDTH; i++) lows[i] = lower[i] < lows[i] ? lower[i] : lows[i];

    for (size_t j = 0; j < PANEL_WIDTH; j++)
        for (size_t i = 0; i < PANEL_WIDTH; i++) below[i] += lows[j] < lows[i];
    for (size_t i = 0; i < PANEL_WIDTH; i++)
        limit = below[i] < SCREEN_RANK && lows[i] > limit ? lows[i] : limit;
    return limit;
}

/* Returns the least bound of those not marked, if has_rest is set. */
static inline __attribute__((always_inline)) float
mark_row(const float *lowers, size_t n_panels, float limit, uint16_t *possible, int has_rest) {
    sv limits = sv_splat(limit), rest = sv_splat(INFINITY);

    for (size_t p = 0; p < n_panels; p++) {
        unsigned mask = 0;
        for (size_t v = 0; v < PANEL_PARTS; v++) {
            sv lower = sv_load(lowers + p * PANEL_WIDTH + v * SV_WIDTH);
            mask |= sv_not_greater(lower, limits) << v * SV_WIDTH;
            if (has_rest) rest = sv_min(rest, sv_if_greater(lower, limits));
        }
        possible[p] = (uint16_t)mask;
    }
    return has_rest ? min_lane(rest) : INFINITY;
}

static void mark_possible(const screen_state *state, size_t n_rows, size_t n_panels, float *least,
                          float *limits, float *rests, uint16_t *possible) {
    for (size_t r = 0; r < n_rows; r++, possible += SCREEN_MAX_PANELS) {
        const float *lowers = state->lower[r];
        for (size_t i = 0; i < SV_WIDTH; i++)
            least[r] = state->least[r][i] < least[r] ? state->least[r][i] : least[r];

        if (limits && limits[r] > -INFINITY) {
            float limit = limit_of(lowers, n_panels);
            limits[r] = limit < limits[r] ? limit : limits[r];
        }

        float limit = limits && limits[r] > least[r] ? limits[r] : least[r];
        if (rests)
            rests[r] = fminf(rests[r], mark_row(lowers, n_panels, limit, possible, 1));
        else
            mark_row(lowers, n_panels, limit, possible, 0);
    }
}

static void screen_u8(const uint8_t *q, const screen_row *rows, size_t n_rows,
                      const screen_panels *c, size_t first, size_t n_panels, float *least,
                      float *limits, float *rests, uint16_t *possible) {
    screen_state state;
    for (size_t r = 0; r < n_rows; r++)
        for (size_t i = 0; i < SV_WIDTH; i++) state.least[r][i] = INFINITY;

    for (size_t p = 0; p < n_panels; p += TILE_PANELS) {
        size_t row = 0;
        for (; row + SCREEN_TILE_ROWS <= n_rows; row += SCREEN_TILE_ROWS)
            screen_tile(SCREEN_TILE_ROWS, q, rows, c, first + p, &state, row, p * PANEL_WIDTH);
        for (; row < n_rows; row++)
            screen_tile(1, q, rows, c, first + p, &state, row, p * PANEL_WIDTH);
    }
    mark_possible(&state, n_rows, n_panels, least, limits, rests, possible);
}

/* ---- scoring the candidates that passed the screen ---- */

enum { RESCORED_AT_ONCE = 4 }; /* independent chains hide the latency of the multiply-add */

static inline __attribute__((always_inline)) void
scores_in_order(size_t n, const float *x, const float *const *codewords, size_t dim, float *sums) {
    __m256 a[RESCORED_AT_ONCE];
    float lanes[RESCORED_AT_ONCE][8];
    size_t j = 0;
    for (size_t i = 0; i < n; i++) a[i] = _mm256_setzero_ps();

    for (; j + 8 <= dim; j += 8) {
        __m256 value = _mm256_loadu_ps(x + j);
        for (size_t i = 0; i < n; i++)
            a[i] = _mm256_fmadd_ps(value, _mm256_loadu_ps(codewords[i] + j), a[i]);
    }

    for (size_t i = 0; i < n; i++) {
        if (j < dim)
            a[i] = _mm256_fmadd_ps(load_first(x + j, dim - j),
                                   load_first(codewords[i] + j, dim - j), a[i]);
        _mm256_storeu_ps(lanes[i], a[i]);
        sums[i] = lanes[i][0];
    }

    for (size_t lane = 1; lane < 8; lane++)
        for (size_t i = 0; i < n; i++) sums[i] += lanes[i][lane];
}

static int32_t rescore_f32(const float *x, const float *codewords, const float *norms, size_t dim,
                           const int32_t *list, size_t n, float *scores) {
    float least = INFINITY, sums[RESCORED_AT_ONCE];
    int32_t best = list ? list[0] : 0;

    for (size_t begin = 0; begin < n; begin += RESCORED_AT_ONCE) {
        const float *at[RESCORED_AT_ONCE];
        size_t k[RESCORED_AT_ONCE], m = n - begin < RESCORED_AT_ONCE ? n - begin : RESCORED_AT_ONCE;
        for (size_t i = 0; i < RESCORED_AT_ONCE; i++) {
            size_t from = begin + (i < m ? i : 0);
            k[i] = list ? (size_t)list[from] : from;
            at[i] = codewords + k[i] * dim;
        }

        if (m <= 2)
            scores_in_order(2, x, at, dim, sums);
        else
            scores_in_order(RESCORED_AT_ONCE, x, at, dim, sums);

        for (size_t i = 0; i < m; i++) {
            float score = fmaf(-2, sums[i], norms[k[i]]);
            if (scores) scores[begin + i] = score;
            if (!(score < least)) continue; /* NaN never wins */
            least = score;
            best = (int32_t)k[i];
        }
    }
    return best;
}
