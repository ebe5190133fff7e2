/* eval/metrics.h - Recall, NDCG and MRR of a list of ranks. */
#ifndef EVAL_METRICS_H
#define EVAL_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum { METRICS_MAX_TOPK = 16 };

/* One held-out item per row: Recall@k is the share of ranks below k, NDCG@k the mean of
 * 1 / log2(rank + 2) over those, MRR the mean of 1 / (rank + 1) up to the largest k; the other rows
 * count as 0. Ranks start at 0. */
typedef struct metrics {
    size_t n_rows;
    double recall[METRICS_MAX_TOPK], ndcg[METRICS_MAX_TOPK], mrr;
} metrics;

/* Over the rows where left_out (may be NULL) is 0. Without any row all figures are 0. */
metrics metrics_of_ranks(const uint32_t *ranks, const uint8_t *left_out, size_t n,
                         const uint32_t *topk, size_t n_topk);

typedef struct size_summary {
    double mean, median, p99; /* quantiles are linear between two sizes */
} size_summary;

/* Over the sizes that are not 0; sorts `sizes` in place. All figures are 0 if every size is. */
size_summary metrics_of_sizes(uint32_t *sizes, size_t n);

#endif
