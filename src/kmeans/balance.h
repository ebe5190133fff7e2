/* kmeans/balance.h - prices under which rows use all codewords about equally.
 *
 * A row takes the codeword with the least squared distance plus price. The caller assigns the rows
 * under b->prices, calls balance_update, and goes on until it is content. */
#ifndef KMEANS_BALANCE_H
#define KMEANS_BALANCE_H

#include "codebook/row_source.h"

typedef struct balance {
    size_t n_codewords, n_rows;
    float *prices;                  /* [K] to use next */
    float *best;                    /* [K] those with the highest perplexity so far */
    uint32_t *counts, *best_counts; /* [K] rows under `prices` and under `best` */
    double step;                    /* of a price, per unit of log(count / mean count) */
    double perplexity, best_perplexity;
} balance;

/* Prices of zero for these rows and the codewords [K, dim], whose distances give the scale. */
semid_status balance_init(balance *b, const row_source *rows, const float *codewords,
                          size_t n_codewords, semid_error *err);
void balance_release(balance *b);

typedef enum balance_outcome {
    BALANCE_REACHED, /* the use is even enough; the prices are left as they are */
    BALANCE_CLOSER,  /* the prices were changed once more */
    BALANCE_TOO_FAR /* the use became much less even: back to the best prices, with half the step */
} balance_outcome;

/* After the rows were assigned under b->prices. codes: [n_rows] */
balance_outcome balance_update(balance *b, const int32_t *codes);

#endif
