/* kmeans/kmeans_lloyd.h - Lloyd's iterations: assign rows to their nearest codewords, move
 * codewords to the means of their rows. */
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

/* Iterate from l->codewords until the mean error changes by less than tol of itself. On return
 * every code is the nearest codeword. label: of the progress, or NULL for none. */
semid_status lloyd_run(lloyd *l, size_t max_iters, double tol, const char *label,
                       semid_kmeans_report *report, semid_error *err);

/* 20 more iterations, in which rows are assigned under prices that make the use of codewords about
 * equal (balance.h). On return every code is the nearest codeword, without prices. */
semid_status lloyd_balance(lloyd *l, semid_kmeans_report *report, semid_error *err);

#endif
