#include "kmeans/shrinkage.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum { CHUNK_CODEWORDS = 16 };

/* The variance inside all clusters counts as so many rows of each. */
static const double POOLED_ROWS = 2;

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
    TRY_GOTO(mem_alloc(&made.weights, n_codewords, sizeof *made.weights, err));
    *s = made;
    made = (shrinkage){0};
done:
    shrinkage_release(&made);
    return status;
}

void shrinkage_release(shrinkage *s) {
    mem_free(s->along);
    mem_free(s->factors);
    mem_free(s->weights);
    *s = (shrinkage){0};
}

typedef struct updating {
    shrinkage *s;
    const clusters *c;
    const double *errors;
    float *codewords;
    double within, prior; /* variances, over all directions */
} updating;

/* Squared distances of the rows of cluster k to its mean, from those to its codeword. */
static double scatter_inside(const updating *u, size_t k) {
    const float *codeword = u->codewords + k * u->s->dim;
    const double *sum = u->c->sums + k * u->s->dim;
    double count = u->c->counts[k], moved = 0;
    for (size_t j = 0; j < u->s->dim; j++) {
        double d = sum[j] / count - (double)codeword[j];
        moved += d * d;
    }
    return fmax(0, u->errors[k] - count * moved);
}

/* Codewords become deviations from the mean, `along` their coordinates on the axes, `weights` the
 * scatter inside their clusters. */
static void measure(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const updating *u = user;
    const shrinkage *s = u->s;
    for (size_t k = begin; k < end; k++) {
        if (u->c->counts[k] == 0) continue;
        float *deviation = u->codewords + k * s->dim, *along = s->along + k * s->n_axes;
        const double *sum = u->c->sums + k * s->dim;
        s->weights[k] = scatter_inside(u, k);
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

/* Scatters become s2_j / t2_j, from the variance of all rows and the scatter between clusters. */
static void prior_weights(updating *u) {
    const shrinkage *s = u->s;
    double n = 0, n_used = 0;
    for (size_t k = 0; k < s->n_codewords; k++) {
        n += u->c->counts[k];
        n_used += u->c->counts[k] > 0;
    }
    for (size_t a = 0; a <= s->n_axes; a++) {
        double between = s->factors[a];
        double within = fmax(s->variances[a] * n - between, 0) / fmax(n - n_used, 1);
        double prior = fmax((between - within * (n_used - 1)) / n, 1e-6 * within);
        s->factors[a] = within > 0 ? within / prior : 0;
        u->within += within;
        u->prior += prior;
    }
}

/* How much farther from the mean codeword k lies, squared, than the prior has it; at least 1.
 * Directions that the coordinates leave out count as noise. */
static double excess(const updating *u, size_t k, double noise) {
    const float *deviation = u->codewords + k * u->s->dim;
    double expected = u->prior + noise * u->within / u->c->counts[k];
    double found = (double)kernels()->dot_f32(deviation, deviation, u->s->dim);
    return found > expected && expected > 0 ? found / expected : 1;
}

static void codeword_weights(const updating *u) {
    const shrinkage *s = u->s;
    double scatter = 0, freedom = 0;
    for (size_t k = 0; k < s->n_codewords; k++) {
        if (u->c->counts[k] == 0) continue;
        scatter += s->weights[k];
        freedom += u->c->counts[k] - 1.0;
    }
    double pooled = freedom > 0 ? scatter / freedom : 0;
    for (size_t k = 0; k < s->n_codewords; k++) {
        if (u->c->counts[k] == 0) continue;
        double rows = u->c->counts[k] - 1.0 + POOLED_ROWS;
        double noise = pooled > 0 ? (s->weights[k] / pooled + POOLED_ROWS) / rows : 1;
        s->weights[k] = noise / excess(u, k, noise);
    }
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
        double weight = s->weights[k];
        float rest = (float)(count / (count + weight * s->factors[s->n_axes]));
        for (size_t j = 0; j < s->dim; j++)
            row[j] = (s->axes ? s->axes->mean[j] : 0) + rest * row[j];
        for (size_t a = 0; a < s->n_axes; a++) {
            float more = ((float)(count / (count + weight * s->factors[a])) - rest) * along[a];
            if (!s->axes) {
                row[a] += more;
                continue;
            }
            const float *axis = s->axes->directions + a * s->dim;
            for (size_t j = 0; j < s->dim; j++) row[j] += more * axis[j];
        }
    }
}

void shrinkage_update(shrinkage *s, const clusters *c, const double *errors, float *codewords) {
    updating u = {.s = s, .c = c, .errors = errors, .codewords = codewords};
    parallel_chunks(s->n_codewords, CHUNK_CODEWORDS, measure, &u);
    scatter(&u);
    prior_weights(&u);
    codeword_weights(&u);
    parallel_chunks(s->n_codewords, CHUNK_CODEWORDS, shrink, &u);
}
