#include "quant/shrinkage.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum { CHUNK_CODEWORDS = 16 };

semid_status shrinkage_init(shrinkage *s, const principal *axes, const double *variances,
                            size_t n_codewords, size_t dim, semid_error *err) {
    semid_status status;
    shrinkage made = {.axes = axes,
                      .n_codewords = n_codewords,
                      .dim = dim,
                      .n_axes = axes ? axes->n_directions : dim,
                      .variances = variances};
    TRY_GOTO(mem_alloc(&made.along, n_codewords, made.n_axes * sizeof *made.along, err));
    TRY_GOTO(mem_alloc(&made.factors, made.n_axes + 1, sizeof *made.factors, err));
    *s = made;
    made = (shrinkage){0};
done:
    shrinkage_release(&made);
    return status;
}

void shrinkage_release(shrinkage *s) {
    mem_free(s->along);
    mem_free(s->factors);
    *s = (shrinkage){0};
}

typedef struct updating {
    shrinkage *s;
    const clusters *c;
    float *codewords;
} updating;

/* Codewords become deviations from the mean, `along` their coordinates on the axes. */
static void measure(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const updating *u = user;
    const shrinkage *s = u->s;
    for (size_t k = begin; k < end; k++) {
        if (u->c->counts[k] == 0) continue;
        float *deviation = u->codewords + k * s->dim, *along = s->along + k * s->n_axes;
        const double *sum = u->c->sums + k * s->dim;
        for (size_t j = 0; j < s->dim; j++) {
            double mean = s->axes ? (double)s->axes->mean[j] : 0;
            deviation[j] = (float)(sum[j] / u->c->counts[k] - mean);
        }
        for (size_t a = 0; a < s->n_axes; a++)
            along[a] = s->axes
                           ? kernels()->dot_f32(deviation, s->axes->directions + a * s->dim, s->dim)
                           : deviation[a];
    }
}

/* Scatter of the codewords, weighted by their rows, along each axis and over all others. */
static void scatter(const updating *u) {
    const shrinkage *s = u->s;
    memset(s->factors, 0, (s->n_axes + 1) * sizeof *s->factors);
    for (size_t k = 0; k < s->n_codewords; k++) {
        double count = u->c->counts[k];
        if (count == 0) continue;
        const float *deviation = u->codewords + k * s->dim;
        double rest = (double)kernels()->dot_f32(deviation, deviation, s->dim);
        for (size_t a = 0; a < s->n_axes; a++) {
            double along = (double)s->along[k * s->n_axes + a];
            s->factors[a] += count * along * along;
            rest -= along * along;
        }
        s->factors[s->n_axes] += count * fmax(rest, 0);
    }
}

/* s2/t2 from the variance of all rows and the scatter between clusters. */
static double prior_weight(double variance, double between, double n, double n_used) {
    double within = fmax(variance * n - between, 0) / fmax(n - n_used, 1);
    double prior = fmax((between - within * (n_used - 1)) / n, 1e-6 * within);
    return within > 0 ? within / prior : 0;
}

static void prior_weights(const updating *u) {
    const shrinkage *s = u->s;
    double n = 0, n_used = 0;
    for (size_t k = 0; k < s->n_codewords; k++) {
        n += u->c->counts[k];
        n_used += u->c->counts[k] > 0;
    }
    for (size_t a = 0; a <= s->n_axes; a++)
        s->factors[a] = prior_weight(s->variances[a], s->factors[a], n, n_used);
}

/* mean + g_rest * deviation + sum_a (g_a - g_rest) along_a axis_a */
static void shrink(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const updating *u = user;
    const shrinkage *s = u->s;
    for (size_t k = begin; k < end; k++) {
        double count = u->c->counts[k];
        if (count == 0) continue;
        float *row = u->codewords + k * s->dim;
        const float *along = s->along + k * s->n_axes;
        float rest = (float)(count / (count + s->factors[s->n_axes]));
        for (size_t j = 0; j < s->dim; j++)
            row[j] = (s->axes ? s->axes->mean[j] : 0) + rest * row[j];
        for (size_t a = 0; a < s->n_axes; a++) {
            float more = ((float)(count / (count + s->factors[a])) - rest) * along[a];
            if (!s->axes) {
                row[a] += more;
                continue;
            }
            const float *axis = s->axes->directions + a * s->dim;
            for (size_t j = 0; j < s->dim; j++) row[j] += more * axis[j];
        }
    }
}

void shrinkage_update(shrinkage *s, const clusters *c, float *codewords) {
    updating u = {.s = s, .c = c, .codewords = codewords};
    parallel_chunks(s->n_codewords, CHUNK_CODEWORDS, measure, &u);
    scatter(&u);
    prior_weights(&u);
    parallel_chunks(s->n_codewords, CHUNK_CODEWORDS, shrink, &u);
}
