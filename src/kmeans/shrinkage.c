/* Codewords as posterior means (empirical Bayes; James & Stein 1961, Efron & Morris 1973).
 *
 * A codeword of few rows follows their noise: it fits them better than any row to come, and deep
 * levels end with a few codewords for everything and many for single rows. With codewords that are
 * normally distributed about the mean of all rows, the remedy has a closed form. Along direction j
 * the sum of n_k rows becomes
 *
 *     c_kj = mean_j + (sum_kj - n_k mean_j) / (n_k + w_k lambda_j),   lambda_j = s2_j / t2_j,
 *
 * with s2_j the variance inside clusters and t2_j the variance of the codewords, both estimated
 * from the clusters as they are (analysis of variance). Clusters of many rows hardly move.
 * Directions are the leading principal ones, and all others together count as one more.
 *
 * Clusters are not alike: w_k is the variance inside cluster k over that inside all (a tight
 * cluster is no noise, however few its rows), divided by how much farther from the mean codeword k
 * lies than codewords of variance t2_j do (a far one is no chance: limited translation, Efron &
 * Morris 1972).
 *
 * Cost: O(K n_axes dim) per update, little beside an assignment of the rows. */
#include "kmeans/shrinkage.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum { CHUNK_CODEWORDS = 16 };

/* The variance inside one cluster is estimated as if it had so many rows more, which vary as those
 * of all clusters do. */
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

typedef struct shrink_task {
    shrinkage *s;
    const clusters *c;
    const double *errors;
    float *codewords;
} shrink_task;

/* Codewords become the deviations of the means from the mean of all, `along` their coordinates on
 * the axes, `weights` the scatter inside their clusters. */
static void measure_clusters(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const shrink_task *t = user;
    const shrinkage *s = t->s;
    for (size_t k = begin; k < end; k++) {
        if (t->c->counts[k] == 0) continue;
        float *codeword = t->codewords + k * s->dim, *along = s->along + k * s->n_axes;
        const double *sum = t->c->sums + k * s->dim;
        double count = t->c->counts[k], moved = 0;

        /* Scatter about the mean is that about the codeword less how far the mean is from it. */
        for (size_t j = 0; j < s->dim; j++) {
            double d = sum[j] / count - (double)codeword[j];
            moved += d * d;
        }
        s->weights[k] = fmax(0, t->errors[k] - count * moved);

        for (size_t j = 0; j < s->dim; j++) {
            double mean = s->axes ? (double)s->axes->mean[j] : 0;
            codeword[j] = (float)(sum[j] / count - mean);
        }
        for (size_t a = 0; a < s->n_axes; a++)
            along[a] = s->axes
                           ? kernels()->dot_f32(codeword, s->axes->directions + a * s->dim, s->dim)
                           : codeword[a];
    }
}

/* codeword = mean + g_rest deviation + sum over axes of (g_a - g_rest) along_a axis_a,
 * with g = n_k / (n_k + w_k lambda) */
static void shrink_codewords(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const shrink_task *t = user;
    const shrinkage *s = t->s;
    for (size_t k = begin; k < end; k++) {
        double count = t->c->counts[k];
        if (count == 0) continue;
        float *row = t->codewords + k * s->dim;
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
    shrink_task t = {.s = s, .c = c, .errors = errors, .codewords = codewords};
    double n = 0, n_used = 0, all_within = 0, all_prior = 0, all_scatter = 0;
    parallel_chunks(s->n_codewords, CHUNK_CODEWORDS, measure_clusters, &t);

    /* Scatter of the means, weighted by their rows, along each axis and in all other directions. */
    memset(s->factors, 0, (s->n_axes + 1) * sizeof *s->factors);
    for (size_t k = 0; k < s->n_codewords; k++) {
        double count = c->counts[k];
        if (count == 0) continue;
        n += count;
        n_used++;

        const float *deviation = codewords + k * s->dim;
        double rest = (double)kernels()->dot_f32(deviation, deviation, s->dim);
        for (size_t a = 0; a < s->n_axes; a++) {
            double along = (double)s->along[k * s->n_axes + a];
            s->factors[a] += count * along * along;
            rest -= along * along;
        }
        s->factors[s->n_axes] += count * fmax(rest, 0);
    }

    /* factors = lambda_j. Total scatter = between means + within clusters; means scatter by t2 and
     * by their noise. */
    for (size_t a = 0; a <= s->n_axes; a++) {
        double between = s->factors[a];
        double within = fmax(s->variances[a] * n - between, 0) / fmax(n - n_used, 1);
        double prior = fmax((between - within * (n_used - 1)) / n, 1e-6 * within);
        s->factors[a] = within > 0 ? within / prior : 0;
        all_within += within;
        all_prior += prior;
    }

    /* weights = w_k. */
    for (size_t k = 0; k < s->n_codewords; k++)
        if (c->counts[k] > 0) all_scatter += s->weights[k];
    double pooled = n > n_used ? all_scatter / (n - n_used) : 0;
    for (size_t k = 0; k < s->n_codewords; k++) {
        if (c->counts[k] == 0) continue;
        double rows = c->counts[k] - 1.0 + POOLED_ROWS;
        double noise = pooled > 0 ? (s->weights[k] / pooled + POOLED_ROWS) / rows : 1;

        /* How much farther from the mean it lies, squared, than expected; at least 1. */
        const float *deviation = codewords + k * s->dim;
        double expected = all_prior + noise * all_within / c->counts[k];
        double found = (double)kernels()->dot_f32(deviation, deviation, s->dim);
        double excess = found > expected && expected > 0 ? found / expected : 1;
        s->weights[k] = noise / excess;
    }
    parallel_chunks(s->n_codewords, CHUNK_CODEWORDS, shrink_codewords, &t);
}
