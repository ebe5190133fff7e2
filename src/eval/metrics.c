#include "eval/metrics.h"

#include <math.h>
#include <stdlib.h>

/* Metrics of leave-one-out evaluation: each row has exactly one relevant item, whose rank r (from
 * 0) is all that counts. The usual definitions then shrink to
 *
 *     Recall@k  1 if r < k, else 0 (the hit rate);
 *     NDCG@k    1 / log2(r + 2) if r < k, else 0: the ideal list has the item first, so that the
 *               ideal gain is 1 (Järvelin & Kekäläinen 2002);
 *     MRR@K     1 / (r + 1) if r < K, else 0, with K the largest of the k,
 *
 * each averaged over the rows. Sums run in row order and in double, so that figures do not depend
 * on threads. */

metrics metrics_of_ranks(const uint32_t *ranks, const uint8_t *left_out, size_t n,
                         const uint32_t *topk, size_t n_topk) {
    metrics m = {0};
    uint32_t largest = 0;
    for (size_t k = 0; k < n_topk; k++)
        if (topk[k] > largest) largest = topk[k];

    for (size_t i = 0; i < n; i++) {
        if (left_out && left_out[i]) continue;
        m.n_rows++;
        for (size_t k = 0; k < n_topk; k++) {
            if (ranks[i] >= topk[k]) continue;
            m.recall[k] += 1;
            m.ndcg[k] += 1 / log2((double)ranks[i] + 2);
        }
        if (ranks[i] < largest) m.mrr += 1 / ((double)ranks[i] + 1);
    }

    if (m.n_rows == 0) return m; /* all 0, not 0/0 */
    for (size_t k = 0; k < n_topk; k++) {
        m.recall[k] /= (double)m.n_rows;
        m.ndcg[k] /= (double)m.n_rows;
    }
    m.mrr /= (double)m.n_rows;
    return m;
}

static int compare_sizes(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* As numpy.quantile's default: linear between the two nearest values. */
static double quantile(const uint32_t *sorted, size_t n, double q) {
    double position = q * (double)(n - 1);
    size_t below = (size_t)position;
    double fraction = position - (double)below;
    if (below + 1 >= n) return (double)sorted[n - 1];
    return (double)sorted[below] * (1 - fraction) + (double)sorted[below + 1] * fraction;
}

size_summary metrics_of_sizes(uint32_t *sizes, size_t n) {
    qsort(sizes, n, sizeof *sizes, compare_sizes);
    while (n > 0 && *sizes == 0) {
        sizes++;
        n--;
    }
    if (n == 0) return (size_summary){0};

    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)sizes[i];
    return (size_summary){sum / (double)n, quantile(sizes, n, 0.5), quantile(sizes, n, 0.99)};
}
