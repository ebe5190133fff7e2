/* kmeans/kmeans_lloyd.h - Lloyd's iterations: the k-means loop. */
#ifndef KMEANS_KMEANS_LLOYD_H
#define KMEANS_KMEANS_LLOYD_H

#include "codebook/nearest.h"
#include "codebook/row_source.h"
#include "kmeans/clusters.h"
#include "kmeans/shrinkage.h"
#include "semid/kmeans.h"

typedef struct lloyd {
    const row_source *rows;
    size_t n_codewords;
    float *codewords; /* [n_codewords, dim], the caller's */
    int32_t *codes;   /* [n], the caller's */
    shrinkage *prior; /* borrowed; NULL: codewords are plain means */
    float *distances; /* [n] */
    double *errors;   /* [n_codewords] sums of distances, for the prior */
    nearest *search;
    clusters members;
} lloyd;

/* Allocates what the caller did not set. */
semid_status lloyd_init(lloyd *l, semid_error *err);
void lloyd_release(lloyd *l);

/* From the codewords that are there, until the error changes by less than tol of itself; leaves
 * codes that belong to the codewords. No label, no progress. */
semid_status lloyd_run(lloyd *l, size_t max_iters, double tol, const char *label,
                       semid_kmeans_report *report, semid_error *err);

/* More iterations, in which rows choose their codewords under prices that make their use about
 * equal (balance.h); the codes it leaves are the nearest codewords again. */
semid_status lloyd_balance(lloyd *l, semid_kmeans_report *report, semid_error *err);

#endif
