#include "kernels/kernels.h"

#include <math.h>

/* The specification of the vector kernels: plain loops, accumulated in double. Other tiers sum in
 * float32, in an order of their own that kernels.h fixes for nearest_f32; their results may differ
 * from these by the rounding of such a sum, hence a code only where two scores are that close.
 * EXACT kernels have one operation per element, or compare: every tier gives the same bits. */

static float dot_f32(const float *x, const float *y, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
    return (float)sum;
}

static float sqdist_f32(const float *x, const float *y, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double difference = (double)x[i] - (double)y[i];
        sum += difference * difference;
    }
    return (float)sum;
}

static void sub_f32(float *x, const float *y, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] -= y[i];
}

static void add_f64(double *sum, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) sum[i] += (double)x[i];
}

static size_t relax_f64(const float *costs, const double *prices, double base, double floor,
                        double row, double *distances, double *came_from, size_t n) {
    size_t column = n;
    double least = (double)INFINITY;
    for (size_t k = 0; k < n; k++) {
        double d = base + (double)costs[k] - prices[k];
        if (d < floor) d = floor;
        if (d < distances[k]) {
            distances[k] = d;
            came_from[k] = row;
        }

        /* false for the NaN of a closed column, here and above */
        if (!(distances[k] < least)) continue;
        least = distances[k];
        column = k;
    }
    return column;
}

static size_t cheapest_f32(const float *costs, const float *prices, size_t n, float *gap) {
    size_t column = 0;
    float least = INFINITY, second = INFINITY;

    for (size_t k = 0; k < n; k++) {
        float cost = costs[k] - prices[k];
        if (cost < least) { /* a tie leaves the column and makes the gap 0 */
            second = least;
            least = cost;
            column = k;
        } else if (cost < second) {
            second = cost;
        }
    }

    *gap = second - least;
    return column;
}

static void nearest_f32(const float *x, size_t n_rows, const codeword_panels *c, int32_t *codes) {
    size_t row_len = c->n_lanes * c->lane_len;

    for (size_t r = 0; r < n_rows; r++) {
        double best = INFINITY;
        codes[r] = 0;
        for (size_t k = 0; k < c->n_panels * PANEL_WIDTH; k++) {
            const float *codeword =
                c->values + k / PANEL_WIDTH * row_len * PANEL_WIDTH + k % PANEL_WIDTH;

            double dot = 0;
            for (size_t j = 0; j < row_len; j++)
                dot += (double)x[r * row_len + j] * (double)codeword[j * PANEL_WIDTH];
            double score = (double)c->norms[k] - 2 * dot;
            if (score >= best) continue; /* ties: the lowest index */
            best = score;
            codes[r] = (int32_t)k;
        }
    }
}

static void inner_f32(const float *x, size_t n_rows, const float *panel, size_t dim,
                      const float *floors, float *scores, uint16_t *above) {
    for (size_t r = 0; r < n_rows; r++) {
        unsigned mask = 0;
        for (size_t i = 0; i < PANEL_WIDTH; i++) {
            double dot = 0;
            for (size_t j = 0; j < dim; j++)
                dot += (double)x[r * dim + j] * (double)panel[j * PANEL_WIDTH + i];

            float score = (float)dot;
            scores[r * PANEL_WIDTH + i] = score;
            mask |= (unsigned)(score > floors[i]) << i;
        }
        above[r] = (uint16_t)mask;
    }
}

#include "kernels/screen_ref.h"

void vectors_add_ref(kernel_table *table) {
#define VECTOR_KERNEL(tolerance, result, name, parameters) table->name = name;
#define SCREEN_KERNEL VECTOR_KERNEL
#include "kernels/kernels.def"
}
