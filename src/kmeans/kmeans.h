/* kmeans/kmeans.h - k-means for the trainers: semid_kmeans_fit without its checks. */
#ifndef KMEANS_KMEANS_H
#define KMEANS_KMEANS_H

#include "codebook/row_source.h"
#include "semid/kmeans.h"

/* The same contract, but the caller has checked the rows and parameters; with fewer distinct rows
 * than K some codewords repeat others. label: of the progress. */
semid_status kmeans_run(const row_source *rows, const semid_kmeans_params *params,
                        const char *label, float *codewords, int32_t *codes,
                        semid_kmeans_report *report, semid_error *err);

/* Checks that parameters are in range and all values finite. *n_codewords: K, or with allow_fewer
 * at most the number of distinct rows; without, fewer distinct rows than K are SEMID_ERR_DATA. */
semid_status kmeans_check(const row_source *rows, const semid_kmeans_params *params,
                          size_t *n_codewords, semid_error *err);

#endif
