/* kmeans/balance.h - prices that make rows use all codewords about equally.
 *
 * A row takes the codeword with the least squared distance plus price. Crowded codewords become
 * dearer, rare ones cheaper, until the perplexity of their use is near K: dual ascent for the
 * assignment of least error under equal use, stopped early, since the last bit of evenness costs
 * the most error. Which rows move, and how far, follows from the prices alone: memory does not grow
 * with what they are compared with. */
#ifndef KMEANS_BALANCE_H
#define KMEANS_BALANCE_H

#include "codebook/nearest.h"
#include "codebook/row_source.h"
#include "semid/assign.h"

typedef struct balance {
    size_t n_codewords, n_rows;
    float *prices;                  /* [K] to use next */
    float *best;                    /* [K] those with the highest perplexity so far */
    uint32_t *counts, *best_counts; /* [K] rows under either */
    double step; /* of the prices, by the logarithm of how crowded a codeword is */
    double perplexity, best_perplexity;
} balance;

/* Prices of zero for these rows and the codewords [K, dim], whose distances give the scale. */
semid_status balance_init(balance *b, const row_source *rows, const float *codewords,
                          size_t n_codewords, semid_error *err);
void balance_release(balance *b);

typedef enum balance_verdict {
    BALANCE_REACHED, /* the prices will do, and are left */
    BALANCE_CLOSER,  /* they go on from here */
    BALANCE_TOO_FAR  /* these were no good: they go on, in smaller steps, from the best ones */
} balance_verdict;

/* After the rows were assigned under b->prices. */
balance_verdict balance_settle(balance *b, const int32_t *codes);

/* semid_assign_balanced; *prices [L, K] are the caller's, to be freed by mem_free. */
semid_status balance_assign(const semid_codebook *cb, const semid_rows *rows, int32_t *codes,
                            float **prices, size_t *n_moved, semid_error *err);

#endif
