/* kernels/rows_simd.h - kernels over one or two rows in terms of one tier's vectors (see
 * panels_simd.h): four independent chains hide the latency of the multiply-add. */

static inline vf dot_step(vf a, const float *x, const float *y) {
    return vf_fma(vf_load(x), vf_load(y), a);
}

static inline vf sqdist_step(vf a, const float *x, const float *y) {
    vf difference = vf_sub(vf_load(x), vf_load(y));
    return vf_fma(difference, difference, a);
}

#define SUM_OVER_PAIRS(step, tail)                                                                 \
    do {                                                                                           \
        vf a[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};                                    \
        size_t i = 0;                                                                              \
        for (; i + 4 * VF_WIDTH <= n; i += 4 * VF_WIDTH)                                           \
            for (size_t u = 0; u < 4; u++)                                                         \
                a[u] = step(a[u], x + i + u * VF_WIDTH, y + i + u * VF_WIDTH);                     \
        for (; i + VF_WIDTH <= n; i += VF_WIDTH) a[0] = step(a[0], x + i, y + i);                  \
        float lanes[VF_WIDTH], sum = 0;                                                            \
        vf_store(lanes, vf_add(vf_add(a[0], a[1]), vf_add(a[2], a[3])));                           \
        for (size_t l = 0; l < VF_WIDTH; l++) sum += lanes[l];                                     \
        for (; i < n; i++) sum += tail;                                                            \
        return sum;                                                                                \
    } while (0)

static float dot_f32(const float *x, const float *y, size_t n) {
    SUM_OVER_PAIRS(dot_step, x[i] * y[i]);
}

static float sqdist_f32(const float *x, const float *y, size_t n) {
    SUM_OVER_PAIRS(sqdist_step, (x[i] - y[i]) * (x[i] - y[i]));
}

static void sub_f32(float *x, const float *y, size_t n) {
    size_t i = 0;
    for (; i + VF_WIDTH <= n; i += VF_WIDTH)
        vf_store(x + i, vf_sub(vf_load(x + i), vf_load(y + i)));
    for (; i < n; i++) x[i] -= y[i];
}

/* The compiler vectorises this one for the tier by itself. */
static void add_f64(double *sum, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) sum[i] += (double)x[i];
}

/* ---- a step of a shortest path search, in two chains ---- */

typedef struct least_columns {
    vd distance, column, at;
} least_columns;

static inline void relax_step(least_columns *l, const float *costs, const double *prices, vd base,
                              vd floor, vd row, double *distances, double *came_from) {
    vd old = vd_load(distances);
    vd d = vd_sub(vd_add(base, vd_widen(costs)), vd_load(prices));
    vd_mask nearer = vd_less(d, old);
    d = vd_select(nearer, vd_max(d, floor), old);
    vd_store(distances, d);
    vd_store(came_from, vd_select(nearer, row, vd_load(came_from)));
    nearer = vd_less(d, l->distance);
    l->distance = vd_select(nearer, d, l->distance);
    l->column = vd_select(nearer, l->at, l->column);
    l->at = vd_add(l->at, vd_splat(2 * VD_WIDTH));
}

static size_t relax_f64(const float *costs, const double *prices, double base, double floor,
                        double row, double *distances, double *came_from, size_t n) {
    double least[2 * VD_WIDTH + 1], column[2 * VD_WIDTH + 1];
    least_columns chains[2];
    size_t k = 0, best = 2 * VD_WIDTH;
    vd bases = vd_splat(base), floors = vd_splat(floor), rows = vd_splat(row);
    for (size_t l = 0; l < 2 * VD_WIDTH; l++) column[l] = (double)l;
    for (size_t c = 0; c < 2; c++)
        chains[c] = (least_columns){vd_splat((double)INFINITY), vd_splat((double)n),
                                    vd_load(column + c * VD_WIDTH)};
    for (; k + 2 * VD_WIDTH <= n; k += 2 * VD_WIDTH)
        for (size_t c = 0; c < 2; c++) {
            size_t at = k + c * VD_WIDTH;
            relax_step(&chains[c], costs + at, prices + at, bases, floors, rows, distances + at,
                       came_from + at);
        }
    for (size_t c = 0; c < 2; c++) {
        vd_store(least + c * VD_WIDTH, chains[c].distance);
        vd_store(column + c * VD_WIDTH, chains[c].column);
    }
    least[best] = (double)INFINITY;
    column[best] = (double)n;
    for (; k < n; k++) {
        double d = base + (double)costs[k] - prices[k];
        if (d < distances[k]) {
            distances[k] = d > floor ? d : floor;
            came_from[k] = row;
        }
        if (!(distances[k] < least[best])) continue;
        least[best] = distances[k];
        column[best] = (double)k;
    }
    for (size_t l = 0; l < 2 * VD_WIDTH; l++)
        if (least[l] < least[best] || (least[l] == least[best] && column[l] < column[best]))
            best = l;
    return (size_t)column[best];
}
