/* kmeans/principal.h - the leading principal directions of a set of rows, where k-means starts. */
#ifndef KMEANS_PRINCIPAL_H
#define KMEANS_PRINCIPAL_H

#include "codebook/row_source.h"

#include <stddef.h>
#include <stdint.h>

typedef struct principal {
    size_t dim, n_directions;
    float *mean;       /* [dim] */
    float *directions; /* [n_directions, dim], orthonormal, by falling variance; a row of zeros for
                          each direction that the data lacks */
    double *variances; /* [n_directions + 1] along each, and last the total of all others */
} principal;

/* From all rows, or a seeded sample of them when there are many; n_directions <= dim. */
semid_status principal_fit(principal *out, const row_source *from, size_t n_directions,
                           uint64_t seed, semid_error *err);

/* Coordinates of rows x [n, dim] along the directions, from the mean: out [n, n_directions]. */
void principal_project(const principal *p, const float *x, size_t n, float *out);

/* Back: c [n, n_directions] -> out [n, dim]. */
void principal_lift(const principal *p, const float *c, size_t n, float *out);

void principal_release(principal *p);

#endif
