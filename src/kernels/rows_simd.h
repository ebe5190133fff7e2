/* kernels/rows_simd.h - kernels over one or two rows in terms of one tier's vectors (vf_* as in
 * panels_simd.h; vd_*: VD_WIDTH doubles): four independent chains hide the latency of the
 * multiply-add. */

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
                                                                                                   \
        for (; i + 4 * VF_WIDTH <= n; i += 4 * VF_WIDTH)                                           \
            for (size_t u = 0; u < 4; u++)                                                         \
                a[u] = step(a[u], x + i + u * VF_WIDTH, y + i + u * VF_WIDTH);                     \
        for (; i + VF_WIDTH <= n; i += VF_WIDTH) a[0] = step(a[0], x + i, y + i);                  \
                                                                                                   \
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

/* ---- assignment ----
 *
 * vd_min, vd_max, vf_min and vf_max give their second operand where one is NaN. */

/* A column's distance after the step. A closed one's stays NaN, and no least distance is NaN. */
static inline vd relax_step(const float *costs, const double *prices, vd base, vd floor, vd row,
                            double *distances, double *came_from) {
    vd old = vd_load(distances);
    vd d = vd_max(floor, vd_sub(vd_add(base, vd_widen(costs)), vd_load(prices)));
    vd_store(came_from, vd_select(vd_less(d, old), row, vd_load(came_from)));
    d = vd_min(d, old);
    vd_store(distances, d);
    return d;
}

enum { FOUND_AT_ONCE = 32 };

/* The first index of the least distance; n if it does not occur. */
static size_t find_distance(const double *distances, double least, size_t n) {
    size_t k = 0;
    for (; k + FOUND_AT_ONCE / 2 <= n; k += FOUND_AT_ONCE / 2) {
        uint32_t found = 0;
        for (size_t i = 0; i < FOUND_AT_ONCE / 2; i += VD_WIDTH)
            found |= vd_equal(vd_load(distances + k + i), vd_splat(least)) << i;
        if (found) return k + (size_t)__builtin_ctz(found);
    }
    while (k < n && distances[k] != least) k++;
    return k;
}

static size_t relax_f64(const float *costs, const double *prices, double base, double floor,
                        double row, double *distances, double *came_from, size_t n) {
    double lanes[VD_WIDTH], least = (double)INFINITY;
    vd bases = vd_splat(base), floors = vd_splat(floor), rows = vd_splat(row);
    vd even = vd_splat(least), odd = even;
    size_t k = 0, next = VD_WIDTH;

    for (; k + 2 * VD_WIDTH <= n; k += 2 * VD_WIDTH, next += 2 * VD_WIDTH) {
        even = vd_min(
            relax_step(costs + k, prices + k, bases, floors, rows, distances + k, came_from + k),
            even);
        odd = vd_min(relax_step(costs + next, prices + next, bases, floors, rows, distances + next,
                                came_from + next),
                     odd);
    }

    for (; k < n; k++) {
        double d = base + (double)costs[k] - prices[k];
        if (d < floor) d = floor;
        if (d < distances[k]) {
            distances[k] = d;
            came_from[k] = row;
        }
        least = distances[k] < least ? distances[k] : least;
    }

    vd_store(lanes, vd_min(even, odd));
    for (size_t l = 0; l < VD_WIDTH; l++) least = lanes[l] < least ? lanes[l] : least;
    return least < (double)INFINITY ? find_distance(distances, least, n) : n;
}

typedef struct cheapest {
    vf least, second;
} cheapest;

static inline cheapest keep_cheapest(cheapest c, vf cost) {
    c.second = vf_min(c.second, vf_max(c.least, cost));
    c.least = vf_min(c.least, cost);
    return c;
}

/* The first index of the least cost, which occurs. */
static size_t find_cost(const float *costs, const float *prices, float least, size_t n) {
    size_t k = 0;
    for (; k + FOUND_AT_ONCE <= n; k += FOUND_AT_ONCE) {
        uint32_t found = 0;
        for (size_t i = k; i < k + FOUND_AT_ONCE; i += VF_WIDTH) {
            vf cost = vf_sub(vf_load(costs + i), vf_load(prices + i));
            found |= vf_equal(cost, vf_splat(&least)) << (i - k);
        }
        if (found) return k + (size_t)__builtin_ctz(found);
    }
    while (k + 1 < n && costs[k] - prices[k] != least) k++;
    return k;
}

static size_t cheapest_f32(const float *costs, const float *prices, size_t n, float *gap) {
    static const float infinite = INFINITY;
    cheapest even = {vf_splat(&infinite), vf_splat(&infinite)}, odd = even;
    size_t k = 0;

    for (; k + 2 * VF_WIDTH <= n; k += 2 * VF_WIDTH) {
        size_t next = k + VF_WIDTH;
        even = keep_cheapest(even, vf_sub(vf_load(costs + k), vf_load(prices + k)));
        odd = keep_cheapest(odd, vf_sub(vf_load(costs + next), vf_load(prices + next)));
    }

    /* `even` takes in the least values of `odd`; the second least of either stay apart */
    float lanes[VF_WIDTH], seconds[VF_WIDTH], least = INFINITY, second = INFINITY;
    vf_store(seconds, vf_min(even.second, odd.second));
    even = keep_cheapest(even, odd.least);
    vf_store(lanes, even.least);
    vf_store(seconds, vf_min(vf_load(seconds), even.second));

    /* the lanes and what is left of the columns, one by one */
    for (size_t l = 0; l < VF_WIDTH + n - k; l++) {
        float cost = l < VF_WIDTH ? lanes[l] : costs[k + l - VF_WIDTH] - prices[k + l - VF_WIDTH];
        float higher = cost > least ? cost : least;
        second = higher < second ? higher : second;
        least = cost < least ? cost : least;
    }
    for (size_t l = 0; l < VF_WIDTH; l++) second = seconds[l] < second ? seconds[l] : second;
    *gap = second - least;
    return find_cost(costs, prices, least, n);
}
