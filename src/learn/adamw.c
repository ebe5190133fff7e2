#include "learn/adamw.h"

#include "base/threads.h"

#include <math.h>

enum { PER_CHUNK = 8192 };

typedef struct adamw_job {
    float keep, beta1, gain1, beta2, gain2, step, scale_v, epsilon;
    float *p, *m, *v;
    const float *g;
} adamw_job;

static void step_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const adamw_job job = *(const adamw_job *)user;
    (void)chunk;
    for (size_t i = begin; i < end; i++) {
        float g = job.g[i];
        float m = job.beta1 * job.m[i] + job.gain1 * g;
        float v = job.beta2 * job.v[i] + job.gain2 * g * g;
        job.m[i] = m;
        job.v[i] = v;
        job.p[i] = job.keep * job.p[i] - job.step * m / (sqrtf(v) * job.scale_v + job.epsilon);
    }
}

void adamw_step(const adamw_rules *rules, size_t t, float *p, const float *g, float *m, float *v,
                size_t n) {
    double done = (double)t;
    adamw_job job = {.keep = (float)(1 - rules->lr * rules->weight_decay),
                     .beta1 = (float)rules->beta1,
                     .gain1 = (float)(1 - rules->beta1),
                     .beta2 = (float)rules->beta2,
                     .gain2 = (float)(1 - rules->beta2),
                     .step = (float)(rules->lr / (1 - pow(rules->beta1, done))),
                     .scale_v = (float)(1 / sqrt(1 - pow(rules->beta2, done))),
                     .epsilon = (float)rules->epsilon,
                     .p = p,
                     .m = m,
                     .v = v,
                     .g = g};
    parallel_chunks(n, PER_CHUNK, step_chunk, &job);
}
