/* kernels/screen_ref.h - the specification of the screening kernels, part of vectors_ref.c, in the
 * ranges of the strictest tier: sums of eight products with a codeword's bytes must fit 16 bits
 * (vectors_avx2.c). */

enum { ROW_MAX = 63, ROW_ZERO = 64, CODEWORD_MAX = 127, MAX_SUM_OF_EIGHT = 258 };

static int is_quantizable(float max) {
    return max >= 1e-12F && max <= 1e12F;
}

/* The least scale for which no eight bytes that one sum takes exceed the range. */
static float scale_of(const float *x, size_t n, float max_byte, float max_sum) {
    float max = 0, scale;
    for (size_t j = 0; j < n; j++) max = fmaxf(max, fabsf(x[j]));
    if (!is_quantizable(max)) return 0;

    scale = max / max_byte;
    for (size_t j = 0; j < n && max_sum > 0; j += SCREEN_STEP)
        for (size_t half = 0; half < 2; half++) {
            float above = 0, below = 0;
            for (size_t i = 0; i < SCREEN_STEP && j + i < n; i++) {
                if (i / 2 % 2 != half) continue;
                above += fmaxf(x[j + i], 0);
                below += fmaxf(-x[j + i], 0);
            }
            scale = fmaxf(scale, fmaxf(above, below) / (max_sum - 4)); /* rounding: 8 halves */
        }
    return scale;
}

static void quantize(const float *x, size_t n, float scale, int zero, uint8_t *bytes,
                     quantized_vector *out) {
    double error = 0, length = 0;
    int sum = 0;

    for (size_t j = 0; j < (n + SCREEN_STEP - 1) / SCREEN_STEP * SCREEN_STEP; j++) {
        int q = j < n && scale > 0 ? (int)lrintf(x[j] / scale) : 0;
        double left = j < n ? (double)x[j] - (double)scale * q : 0;
        error += left * left;
        length += j < n ? (double)x[j] * (double)x[j] : 0;
        sum += q;
        bytes[j] = (uint8_t)(q + zero);
    }

    *out = (quantized_vector){scale, (float)sqrt(length), (float)sqrt(error), ROW_ZERO * sum};
}

static void quantize_row(const float *x, size_t n, uint8_t *q, quantized_vector *out) {
    quantize(x, n, scale_of(x, n, ROW_MAX, 0), ROW_ZERO, q, out);
}

static void quantize_codeword(const float *c, size_t n, int8_t *s, quantized_vector *out) {
    quantize(c, n, scale_of(c, n, CODEWORD_MAX, MAX_SUM_OF_EIGHT), 0, (uint8_t *)s, out);
}

static double screen_score(const uint8_t *q, const screen_row *row, const screen_panels *c,
                           size_t panel, size_t i) {
    const int8_t *s = c->values + panel * c->len * PANEL_WIDTH + i * 4;
    const screen_terms *t = c->terms + panel;
    int64_t sum = 0;
    for (size_t j = 0; j < c->len; j++) sum += q[j] * s[j / 4 * 4 * PANEL_WIDTH + j % 4];
    return (double)t->norms[i] +
           (double)row->score * (double)t->scales[i] * (double)(sum - t->biases[i]);
}

static double screen_error(const screen_row *row, const screen_terms *t, size_t i) {
    return (double)row->length * (double)t->lengths[i] + (double)row->error * (double)t->errors[i] +
           (double)t->slacks[i];
}

/* The SCREEN_RANK-th least of the minima over panels. */
static double limit_of(const double *lower, size_t n_panels) {
    double lows[PANEL_WIDTH];
    for (size_t i = 0; i < PANEL_WIDTH; i++) {
        lows[i] = (double)INFINITY;
        for (size_t p = 0; p < n_panels; p++) lows[i] = fmin(lows[i], lower[p * PANEL_WIDTH + i]);
        for (size_t j = i; j > 0 && lows[j - 1] > lows[j]; j--) {
            double low = lows[j];
            lows[j] = lows[j - 1];
            lows[j - 1] = low;
        }
    }
    return lows[SCREEN_RANK - 1];
}

static void screen_u8(const uint8_t *q, const screen_row *rows, size_t n_rows,
                      const screen_panels *c, size_t first, size_t n_panels, float *least,
                      float *limits, float *rests, uint16_t *possible) {
    for (size_t r = 0; r < n_rows; r++) {
        double lower[SCREEN_MAX_PANELS * PANEL_WIDTH];
        for (size_t k = 0; k < n_panels * PANEL_WIDTH; k++) {
            size_t panel = first + k / PANEL_WIDTH, i = k % PANEL_WIDTH;
            double score = screen_score(q + r * c->len, rows + r, c, panel, i);
            double error = screen_error(rows + r, c->terms + panel, i);
            lower[k] = score - error;
            least[r] = fminf(least[r], (float)(score + error));
        }

        if (limits) limits[r] = fminf(limits[r], (float)limit_of(lower, n_panels));
        double highest = (double)(limits ? fmaxf(limits[r], least[r]) : least[r]);

        for (size_t p = 0; p < n_panels; p++) {
            unsigned mask = 0;
            for (size_t i = 0; i < PANEL_WIDTH; i++) {
                double low = lower[p * PANEL_WIDTH + i];
                mask |= (unsigned)!(low > highest) << i;
                if (rests && low > highest) rests[r] = fminf(rests[r], (float)low);
            }
            possible[r * SCREEN_MAX_PANELS + p] = (uint16_t)mask;
        }
    }
}

static float score_in_order(const float *x, const float *codeword, float norm, size_t dim) {
    enum { LANES = 8 };
    float lanes[LANES] = {0}, sum;
    for (size_t j = 0; j < dim; j++) lanes[j % LANES] = fmaf(x[j], codeword[j], lanes[j % LANES]);
    sum = lanes[0];
    for (size_t i = 1; i < LANES; i++) sum += lanes[i];
    return fmaf(-2, sum, norm);
}

static int32_t rescore_f32(const float *x, const float *codewords, const float *norms, size_t dim,
                           const int32_t *list, size_t n, float *scores) {
    float least = INFINITY;
    int32_t best = list ? list[0] : 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = list ? (size_t)list[i] : i;
        float score = score_in_order(x, codewords + k * dim, norms[k], dim);
        if (scores) scores[i] = score;
        if (!(score < least)) continue; /* NaN never wins */
        least = score;
        best = (int32_t)k;
    }
    return best;
}
