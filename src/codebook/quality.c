#include "semid/quality.h"

#include "base/context.h"
#include "base/memory.h"
#include "codebook/code_order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two passes. Per level, rows are counted by codeword and the counts are sorted, which gives usage,
 * perplexity and gini at once. For what concerns prefixes, rows are sorted by their code
 * (code_order.c): rows that share a prefix of any length are then neighbours, and one walk per
 * length over the lengths of common prefixes gives its buckets, without a hash table.
 *
 * The entropy of a level given its prefix is the difference of two entropies of prefixes:
 * H(c_l | c_1 .. c_l-1) = H(c_1 .. c_l) - H(c_1 .. c_l-1). Sums run over buckets in code order, so
 * they are the same at any number of threads. */

/* ---- usage of a level ---- */

static int compare_counts(const void *a, const void *b) {
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* -p log p for p = count / n, in nats: a bucket's part of the entropy. */
static double entropy_of(uint64_t count, size_t n) {
    if (count == 0) return 0;
    double p = (double)count / (double)n;
    return -p * log(p);
}

/* counts [K] are overwritten. */
static void measure_level(semid_quality *q, const int32_t *codes, uint64_t *counts, size_t level,
                          const double *mse, double variance) {
    semid_level_quality *out = &q->levels[level];
    size_t K = q->n_codewords, n = q->n_rows;
    memset(counts, 0, K * sizeof *counts);
    for (size_t i = 0; i < n; i++) counts[codes[i * q->n_levels + level]]++;
    qsort(counts, K, sizeof *counts, compare_counts);

    double entropy = 0, gini = 0;
    /* Counts ascend: the rank of gini is the index. */
    for (size_t k = 0; k < K; k++) {
        double rank = 2 * (double)k + 1 - (double)K;
        out->n_used += counts[k] > 0;
        entropy += entropy_of(counts[k], n);
        gini += rank * (double)counts[k] / (double)n;
    }
    out->used_ratio = (double)out->n_used / (double)K;
    out->perplexity = exp(entropy);
    out->gini = gini / (double)K;
    out->largest_ratio = (double)counts[K - 1] / (double)n;
    out->mse = mse ? mse[level] : NAN;
    out->explained_ratio = mse && variance > 0 ? 1 - mse[level] / variance : NAN;
}

/* ---- prefixes and whole codes ---- */

/* The buckets are the rows that share a prefix of some length; those of the last length, whole
 * codes. */
static void measure_prefixes(semid_quality *q, code_order *order) {
    size_t n = q->n_rows, n_buckets = 0, n_sharing = 0, largest = 0;
    double entropy = 0;               /* nats */
    double of_one = entropy_of(1, n); /* most buckets, where there are many */

    code_order_sort(order);
    for (size_t l = 0; l < q->n_levels; l++) {
        double above = entropy;
        n_buckets = n_sharing = largest = 0;
        entropy = 0;
        for (size_t begin = 0, end; begin < n; begin = end) {
            end = code_order_run(order, begin, n, l + 1);
            size_t size = end - begin;
            n_buckets++;
            n_sharing += size > 1 ? size : 0;
            largest = size > largest ? size : largest;
            entropy += size == 1 ? of_one : entropy_of(size, n);
        }
        q->levels[l].conditional_perplexity = exp(fmax(entropy - above, 0));
    }

    q->n_unique = n_buckets;
    q->collision_ratio = 1 - (double)n_buckets / (double)n;
    q->n_sharing = n_sharing;
    q->largest_bucket = largest;
    q->entropy_bits = entropy / log(2);
}

semid_status semid_quality_measure(semid_context *context, semid_quality *out,
                                   const semid_codes *codes, size_t n_codewords, const double *mse,
                                   double variance, semid_error *err) {
    size_t n = codes->n_rows, L = codes->n_levels;
    if (n == 0 || L == 0) FAIL(SEMID_ERR_DATA, "there are no codes");
    for (size_t i = 0; i < n * L; i++)
        if (codes->data[i] < 0 || (size_t)codes->data[i] >= n_codewords)
            FAIL(SEMID_ERR_DATA, "row %zu, level %zu: expected a code from 0 to %zu, found %d",
                 i / L, i % L + 1, n_codewords - 1, codes->data[i]);

    semid_status status = SEMID_OK;
    semid_quality q = {.n_rows = n, .n_levels = L, .n_codewords = n_codewords};
    code_order order = {0};
    uint64_t *counts = NULL; /* [K] */
    context_scope outer = context_enter(context);
    TRY_GOTO(mem_calloc(&q.levels, L, sizeof *q.levels, err));
    TRY_GOTO(mem_alloc(&counts, n_codewords, sizeof *counts, err));
    TRY_GOTO(code_order_init(&order, codes->data, n, L, n_codewords, err));

    for (size_t l = 0; l < L; l++) measure_level(&q, codes->data, counts, l, mse, variance);
    measure_prefixes(&q, &order);
    *out = q;
    q.levels = NULL;
done:
    context_leave(outer);
    semid_quality_release(&q);
    code_order_release(&order);
    mem_free(counts);
    return status;
}

void semid_quality_release(semid_quality *quality) {
    if (!quality) return;
    mem_free(quality->levels);
    *quality = (semid_quality){0};
}
