/* kmeans/shrinkage.h - codewords that generalise: cluster means pulled towards the mean of all rows.
 *
 * A codeword of few rows follows their noise: it fits them better than any row to come, and deep
 * levels end with a few codewords for everything and many for single rows. Taking the codewords
 * themselves as normally distributed gives the remedy in closed form (empirical Bayes; James &
 * Stein 1961, Efron & Morris 1973): along direction j a sum of n_k rows becomes
 *     c_kj = mean_j + (sum_kj - n_k mean_j) / (n_k + w_k lambda_j),   lambda_j = s2_j / t2_j,
 * with s2_j the variance inside clusters and t2_j the variance of the codewords, both estimated
 * from the clusters as they are. Clusters of many rows are left as they are.
 *
 * Clusters are not alike: w_k is the variance inside cluster k over that inside all (a tight
 * cluster is no noise, however few its rows), divided by how much farther from the mean codeword k
 * lies than codewords of variance t2_j do (a far one is no chance: limited translation, Efron &
 * Morris 1972). */
#ifndef KMEANS_SHRINKAGE_H
#define KMEANS_SHRINKAGE_H

#include "kmeans/clusters.h"
#include "kmeans/principal.h"

typedef struct shrinkage {
    const principal *axes; /* borrowed; NULL: the coordinates themselves, about zero */
    size_t n_codewords, dim, n_axes;
    const double *variances; /* [n_axes + 1] of all rows along each axis, then of all others */
    float *along;            /* [n_codewords, n_axes] means along the axes */
    double *factors;         /* [n_axes + 1] scatter of the codewords, then lambda_j */
    double *weights;         /* [n_codewords] the scatter inside clusters, then w_k */
} shrinkage;

/* axes NULL: rows of `dim` coordinates whose mean is zero and whose variances are given. */
semid_status shrinkage_init(shrinkage *s, const principal *axes, const double *variances,
                            size_t n_codewords, size_t dim, semid_error *err);

/* Codewords [n_codewords, dim] from counts and sums; those of empty clusters are left. errors
 * [n_codewords]: squared distances of the rows of each cluster to its codeword on entry, summed. */
void shrinkage_update(shrinkage *s, const clusters *c, const double *errors, float *codewords);

void shrinkage_release(shrinkage *s);

#endif
