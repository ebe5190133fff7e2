/* learn/level.h - one level of a codebook while it is trained: its codewords and how many rows use
 * them, and the workspace in which batches of rows pass through it. */
#ifndef LEARN_LEVEL_H
#define LEARN_LEVEL_H

#include "base/error.h"
#include "codebook/nearest.h"

typedef struct level_state {
    size_t n_codewords, dim;
    float *codewords; /* [K, dim] */
    double *n;        /* [K] rows per batch, moving average */
    float *m;         /* [K, dim] sum of rows per batch, moving average */
    bool biased;      /* assignments also weigh usage: the search works in dim + 1 */
    nearest *search;
    float *lifted; /* [K, dim + 1] codewords with their cost as an extra coordinate, if biased */
} level_state;

/* codewords [n_codewords, dim] are copied. Zeroed levels may be released. */
semid_status level_init(level_state *s, size_t n_codewords, size_t dim, const float *codewords,
                        bool biased, semid_error *err);
void level_release(level_state *s);

/* The buffers that all batches and levels of a training share. */
typedef struct level_workspace {
    size_t max_rows;
    float *r;          /* [max_rows, dim] inputs of the level, then the residuals it leaves */
    float *lifted;     /* [chunk_rows, dim + 1], if biased */
    int32_t *codes;    /* [max_rows] */
    float *distances;  /* [max_rows] squared, to the chosen codeword (with its cost if biased) */
    bool *dead;        /* [K] */
    uint32_t *order;   /* [max_rows] rows by codeword, ascending within one */
    uint32_t *offsets; /* [K + 1] into order */
    double *smoothed;  /* [K] */
    double *errors;    /* [K] squared error of its rows */
    uint32_t *revived; /* [K] codeword of each row of seeds */
    float *seeds;      /* [min(K, max_rows), dim] rows that dead codewords move to */
} level_workspace;

semid_status level_workspace_init(level_workspace *w, size_t max_rows, size_t chunk_rows,
                                  size_t n_codewords, size_t dim, bool biased, semid_error *err);
void level_workspace_release(level_workspace *w);

/* semid_ema_params in the units that a batch works with. */
typedef struct level_rules {
    double decay, epsilon;
    double dead_rows;    /* revive codewords with n_k below this, if it costs little; 0: never */
    double revived_rows; /* n_k of a revived codeword */
    double usage_cost;   /* of log p_k, in squared distance */
    size_t chunk_rows;   /* rows of one distance call */
} level_rules;

/* w->r [n, dim] -> w->codes and w->distances: nearest codewords, or cheapest if biased. */
void level_assign(level_state *s, level_workspace *w, const level_rules *rules, size_t n);

/* w->order and w->offsets from w->codes [n]. The order is stable: one thread owns a codeword and
 * its rows come in row order, at any number of threads. */
void level_order_rows(const level_state *s, level_workspace *w, size_t n);
/* n_k <- decay n_k + (1 - decay) count_k, counts from the ordered rows. */
void level_count_rows(level_state *s, const level_workspace *w, const level_rules *rules);
/* n_k without zeros: out_k = (n_k + epsilon) / (N + K epsilon) N with N = sum of n_k. */
void level_smooth_usage(const level_state *s, double epsilon, double *out);

/* n_k = n and m_k = n c_k: codeword k counts as if n rows per batch lay on it. */
void level_set_usage(level_state *s, size_t k, double n);

#endif
