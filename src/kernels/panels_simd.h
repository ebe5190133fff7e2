/* kernels/panels_simd.h - the panel kernels in terms of one tier's vectors. The including file
 * defines the vector operations (vf_*: floats) and
 *   VF_WIDTH       floats per vector
 *   PANEL_VECTORS  vectors per panel, PANEL_WIDTH / VF_WIDTH
 *   TILE_ROWS      rows of x whose accumulators fit the registers beside a panel
 *
 * A tile is TILE_ROWS x 16 accumulators that live in registers through one lane: per dimension one
 * load of the panel and one broadcast per row, and as many multiply-adds as the tile has vectors.
 * The order of summation is that of codeword_panels (kernels.h) at every width, so all vector tiers
 * give the same bits. */

typedef struct accumulators {
    vf v[TILE_ROWS][PANEL_VECTORS];
} accumulators;

/* One lane of `rows` rows: a sum of its own chain. rows is a constant after inlining. */
static inline __attribute__((always_inline)) accumulators
tile_lane(size_t rows, const float *x, size_t stride, const float *panel, size_t len) {
    accumulators a;
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < PANEL_VECTORS; v++) a.v[r][v] = vf_zero();

    for (size_t j = 0; j < len; j++) {
        vf c[PANEL_VECTORS];
        for (size_t v = 0; v < PANEL_VECTORS; v++)
            c[v] = vf_load(panel + j * PANEL_WIDTH + v * VF_WIDTH);
        for (size_t r = 0; r < rows; r++) {
            vf value = vf_splat(x + r * stride + j);
            for (size_t v = 0; v < PANEL_VECTORS; v++) a.v[r][v] = vf_fma(value, c[v], a.v[r][v]);
        }
    }
    return a;
}

/* Per row and lane of the panel: the best score so far and the panel that gave it. */
typedef struct row_state {
    float totals[KERNEL_MAX_ROWS][PANEL_WIDTH];
    float best[KERNEL_MAX_ROWS][PANEL_WIDTH];
    int32_t best_panel[KERNEL_MAX_ROWS][PANEL_WIDTH];
} row_state;

typedef struct tile_step {
    const float *norms; /* of the panel */
    int32_t panel;
    int first, last; /* lane of the panel */
} tile_step;

static inline __attribute__((always_inline)) void nearest_tile(size_t rows, const float *x,
                                                               size_t stride, const float *values,
                                                               size_t len, const tile_step *step,
                                                               row_state *state, size_t row) {
    accumulators a = tile_lane(rows, x, stride, values, len);
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < PANEL_VECTORS; v++) {
            float *total = &state->totals[row + r][v * VF_WIDTH];
            vf sum = step->first ? a.v[r][v] : vf_add(vf_load(total), a.v[r][v]);
            if (!step->last) {
                vf_store(total, sum);
                continue;
            }
            vf score = vf_fma(vf_splat(&minus_two), sum, vf_load(step->norms + v * VF_WIDTH));
            float *best = &state->best[row + r][v * VF_WIDTH];
            int32_t *best_panel = &state->best_panel[row + r][v * VF_WIDTH];
            keep_less(best, best_panel, score, step->panel);
        }
}

/* A later panel replaces the best one only if its score is less, so each lane holds its lowest
 * index; ties between lanes are decided here. */
static int32_t best_lane(const float *best, const int32_t *best_panel) {
    float score = best[0];
    int32_t code = best_panel[0] * PANEL_WIDTH;
    for (int32_t i = 1; i < PANEL_WIDTH; i++) {
        int32_t other = best_panel[i] * PANEL_WIDTH + i;
        if (best[i] < score || (best[i] == score && other < code)) {
            score = best[i];
            code = other;
        }
    }
    return score < INFINITY ? code : 0;
}

static void nearest_lane(const float *x, size_t stride, size_t n_rows, const float *values,
                         size_t len, const tile_step *step, row_state *state) {
    size_t row = 0;
    for (; row + TILE_ROWS <= n_rows; row += TILE_ROWS)
        nearest_tile(TILE_ROWS, x + row * stride, stride, values, len, step, state, row);
    for (; row < n_rows; row++)
        nearest_tile(1, x + row * stride, stride, values, len, step, state, row);
}

static void nearest_f32(const float *x, size_t n_rows, const codeword_panels *c, int32_t *codes) {
    size_t stride = c->n_lanes * c->lane_len;
    row_state state;
    for (size_t r = 0; r < n_rows; r++)
        for (size_t i = 0; i < PANEL_WIDTH; i++) {
            state.best[r][i] = INFINITY;
            state.best_panel[r][i] = 0;
        }

    for (size_t p = 0; p < c->n_panels; p++)
        for (size_t lane = 0; lane < c->n_lanes; lane++) {
            tile_step step = {.norms = c->norms + p * PANEL_WIDTH,
                              .panel = (int32_t)p,
                              .first = lane == 0,
                              .last = lane + 1 == c->n_lanes};
            const float *values = c->values + (p * stride + lane * c->lane_len) * PANEL_WIDTH;
            nearest_lane(x + lane * c->lane_len, stride, n_rows, values, c->lane_len, &step,
                         &state);
        }

    for (size_t r = 0; r < n_rows; r++) codes[r] = best_lane(state.best[r], state.best_panel[r]);
}

static inline __attribute__((always_inline)) void inner_tile(size_t rows, const float *x,
                                                             size_t dim, const float *panel,
                                                             const float *floors, float *scores,
                                                             uint16_t *above) {
    accumulators a = tile_lane(rows, x, dim, panel, dim);
    for (size_t r = 0; r < rows; r++) {
        unsigned mask = 0;
        for (size_t v = 0; v < PANEL_VECTORS; v++) {
            vf_store(scores + r * PANEL_WIDTH + v * VF_WIDTH, a.v[r][v]);
            mask |= vf_greater(a.v[r][v], vf_load(floors + v * VF_WIDTH)) << (v * VF_WIDTH);
        }
        above[r] = (uint16_t)mask;
    }
}

static void inner_f32(const float *x, size_t n_rows, const float *panel, size_t dim,
                      const float *floors, float *scores, uint16_t *above) {
    size_t row = 0;
    for (; row + TILE_ROWS <= n_rows; row += TILE_ROWS)
        inner_tile(TILE_ROWS, x + row * dim, dim, panel, floors, scores + row * PANEL_WIDTH,
                   above + row);
    for (; row + TILE_ROWS / 2 <= n_rows; row += TILE_ROWS / 2)
        inner_tile(TILE_ROWS / 2, x + row * dim, dim, panel, floors, scores + row * PANEL_WIDTH,
                   above + row);
    for (; row < n_rows; row++)
        inner_tile(1, x + row * dim, dim, panel, floors, scores + row * PANEL_WIDTH, above + row);
}
