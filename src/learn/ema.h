/* learn/ema.h - one level of a quantizer with a moving-average codebook: its state and one batch.
 * The formulas are in semid/ema.h. */
#ifndef LEARN_EMA_H
#define LEARN_EMA_H

#include "base/error.h"
#include "base/rng.h"
#include "codebook/nearest.h"
#include "semid/ema.h"

typedef struct ema_level {
    size_t n_codewords, dim;
    float *codewords; /* [K, dim] */
    double *n;        /* [K] rows a batch, moving average */
    float *m;         /* [K, dim] sum of rows a batch, moving average */
    bool biased;      /* assignments also weigh usage: the search works in dim + 1 */
    nearest *search;
    float *lifted; /* [K, dim + 1] codewords with their cost as an extra coordinate, if biased */
} ema_level;

/* codewords [n_codewords, dim] are copied. Zeroed levels may be released. */
semid_status ema_level_init(ema_level *s, size_t n_codewords, size_t dim, const float *codewords,
                            bool biased, semid_error *err);
void ema_level_release(ema_level *s);

/* n_k = count_k batch_rows / n and m_k = n_k c_k, from the counts [K] of one pass over n rows. */
void ema_level_start(ema_level *s, const uint64_t *counts, size_t n, double batch_rows);

/* s_k of every codeword [K] from n_k. */
void ema_smoothed(const ema_level *s, double epsilon, double *out);

/* What the batches of a fit reuse. */
typedef struct ema_batch {
    size_t max_rows;
    float *r;          /* [max_rows, dim] inputs of the level, then what it leaves */
    float *lifted;     /* [chunk, dim + 1], if biased */
    int32_t *codes;    /* [max_rows] */
    float *distances;  /* [max_rows] squared, to the chosen codeword (with its cost if biased) */
    bool *dead;        /* [K] */
    uint32_t *order;   /* [max_rows] rows by codeword, ascending within one */
    uint32_t *offsets; /* [K + 1] into order */
    double *smoothed;  /* [K] */
    double *errors;    /* [K] squared error of its rows */
    uint32_t *revived; /* [K] codeword of each row of seeds */
    float *seeds;      /* [min(K, max_rows), dim] */
} ema_batch;

semid_status ema_batch_init(ema_batch *b, size_t max_rows, size_t chunk_rows, size_t n_codewords,
                            size_t dim, bool biased, semid_error *err);
void ema_batch_release(ema_batch *b);

typedef struct ema_rules {
    double decay, epsilon;
    double dead_rows;    /* revive below this n_k, if it costs little; 0: never */
    double revived_rows; /* n_k of a revived codeword */
    double usage_cost;   /* of log p_k, in squared distance */
    size_t chunk_rows;   /* rows of one distance call */
} ema_rules;

/* b->r [n, dim] -> b->codes: nearest codewords, or cheapest if biased. */
void ema_assign(ema_level *s, ema_batch *b, const ema_rules *rules, size_t n);

/* After ema_assign: update the codebook from b->r, and leave the residuals there (of the codewords
 * before the update). Returns the sum of their squares and adds to *n_revived. */
double ema_update(ema_level *s, ema_batch *b, const ema_rules *rules, size_t n, rng *random,
                  size_t *n_revived);

/* Steps of ema_update, for other ways of learning codewords. */

/* b->order and b->offsets from b->codes [n]: stable, so that one thread owns a codeword and its
 * rows come in row order at any thread count. */
void ema_order_rows(const ema_level *s, ema_batch *b, size_t n);
/* n_k from the ordered rows. */
void ema_count_rows(ema_level *s, const ema_batch *b, const ema_rules *rules);
/* Codewords b->revived [n_seeds] become b->seeds. */
void ema_place_seeds(ema_level *s, const ema_batch *b, const ema_rules *rules, size_t n_seeds);

#endif
