/* kmeans/shrinkage.h - codewords that generalise: cluster means pulled towards the mean of all
 * rows, the more the fewer rows a cluster has (empirical Bayes; the formulas are in shrinkage.c).
 */
#ifndef KMEANS_SHRINKAGE_H
#define KMEANS_SHRINKAGE_H

#include "kmeans/clusters.h"
#include "kmeans/principal.h"

typedef struct shrinkage {
    const principal *axes; /* borrowed; NULL: the coordinates themselves, about zero */
    size_t n_codewords, dim, n_axes;
    const double *variances; /* [n_axes + 1] of all rows along each axis, last in all other
                                directions together */
    float *along;            /* [n_codewords, n_axes] deviations of the means along the axes */
    double *factors;         /* [n_axes + 1] scatter of the means, then lambda_j */
    double *weights;         /* [n_codewords] scatter inside clusters, then w_k */
} shrinkage;

/* axes NULL: rows of `dim` coordinates whose mean is zero and whose variances are given. */
semid_status shrinkage_init(shrinkage *s, const principal *axes, const double *variances,
                            size_t n_codewords, size_t dim, semid_error *err);

/* Codewords [n_codewords, dim] from counts and sums; those of empty clusters are left as they are.
 * errors [n_codewords]: the summed squared distances of the rows of each cluster to its codeword on
 * entry. */
void shrinkage_update(shrinkage *s, const clusters *c, const double *errors, float *codewords);

void shrinkage_release(shrinkage *s);

#endif
