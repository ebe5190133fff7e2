#include "learn/adamw.h"

#include "base/threads.h"

#include <math.h>

/* Adam (Kingma and Ba 2015) with decay of the weights taken out of the gradient (Loshchilov and
 * Hutter 2019): the decay is proportional to the weight and the learning rate, not divided by the
 * gradients' size.
 *
 * What a step shares is computed once in double: the corrections for moments that start at zero
 * become factors, so that the loop has one square root and one division per parameter. Parameters
 * are independent of each other: any chunks give the same bits. */

enum { PARAMS_PER_CHUNK = 8192 };

typedef struct adamw_task {
    float keep, beta1, gain1, beta2, gain2, step, scale_v, epsilon;
    float *p, *m, *v;
    const float *g;
} adamw_task;

static void step_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const adamw_task task = *(const adamw_task *)user; /* a copy: no store below changes it */
    (void)chunk;
    for (size_t i = begin; i < end; i++) {
        float g = task.g[i];
        float m = task.beta1 * task.m[i] + task.gain1 * g;
        float v = task.beta2 * task.v[i] + task.gain2 * g * g;
        task.m[i] = m;
        task.v[i] = v;
        task.p[i] =
            task.keep * task.p[i] - task.step * m / (sqrtf(v) * task.scale_v + task.epsilon);
    }
}

void adamw_step(const adamw_rules *rules, size_t t, float *p, const float *g, float *m, float *v,
                size_t n) {
    double done = (double)t;
    adamw_task task = {.keep = (float)(1 - rules->lr * rules->weight_decay),
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

    parallel_chunks(n, PARAMS_PER_CHUNK, step_chunk, &task);
}
