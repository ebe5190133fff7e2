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
