#include "semid/quality.h"

#include "base/context.h"
#include "base/memory.h"
#include "codebook/code_order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static semid_status check_codes(const int32_t *codes, size_t n, size_t n_levels, size_t n_codewords,
                                semid_error *err) {
    for (size_t i = 0; i < n * n_levels; i++)
        if (codes[i] < 0 || (size_t)codes[i] >= n_codewords)
            FAIL(SEMID_ERR_DATA, "row %zu, level %zu: expected a code from 0 to %zu, found %d",
                 i / n_levels, i % n_levels + 1, n_codewords - 1, codes[i]);
    return SEMID_OK;
}

/* ---- usage of a level ---- */

static int compare_counts(const void *a, const void *b) {
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* -p log p for p = count / n, in nats */
static double surprise(uint64_t count, size_t n) {
    if (count == 0) return 0;
    double p = (double)count / (double)n;
    return -p * log(p);
}

/* counts [K] are left sorted. */
static void measure_usage(semid_level_quality *q, uint64_t *counts, size_t n_codewords, size_t n) {
    double entropy = 0, gini = 0;
    qsort(counts, n_codewords, sizeof *counts, compare_counts);
    for (size_t k = 0; k < n_codewords; k++) {
        q->n_used += counts[k] > 0;
        entropy += surprise(counts[k], n);
        double rank = 2 * (double)k + 1 - (double)n_codewords;
        gini += rank * (double)counts[k] / (double)n;
    }
    q->used_ratio = (double)q->n_used / (double)n_codewords;
    q->perplexity = exp(entropy);
    q->gini = gini / (double)n_codewords;
    q->largest_ratio = (double)counts[n_codewords - 1] / (double)n;
}

/* ---- codes as a whole ---- */

typedef struct buckets {
    size_t n_buckets, n_sharing, largest;
    double entropy; /* nats */
} buckets;

/* The runs of equal prefixes of n_levels codes. */
static buckets measure_buckets(const code_order *order, size_t n_levels) {
    size_t n = order->n_rows;
    double of_one = surprise(1, n); /* most, where there are many */
    buckets b = {0};
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = code_order_run(order, begin, n, n_levels);
        size_t size = end - begin;
        b.n_buckets++;
        b.n_sharing += size > 1 ? size : 0;
        b.largest = size > b.largest ? size : b.largest;
        b.entropy += size == 1 ? of_one : surprise(size, n);
    }
    return b;
}

static void measure_prefixes(semid_quality *q, code_order *order) {
    buckets b = {0};
    code_order_sort(order);
    for (size_t l = 0; l < q->n_levels; l++) {
        double above = b.entropy;
        b = measure_buckets(order, l + 1);
        q->levels[l].conditional_perplexity = exp(fmax(b.entropy - above, 0));
    }
    q->n_unique = b.n_buckets;
    q->collision_ratio = 1 - (double)b.n_buckets / (double)q->n_rows;
    q->n_sharing = b.n_sharing;
    q->largest_bucket = b.largest;
    q->entropy_bits = b.entropy / log(2);
}

/* counts [K] are overwritten. */
static void measure_level(semid_quality *q, const int32_t *codes, uint64_t *counts, size_t level,
                          const double *mse, double variance) {
    semid_level_quality *out = &q->levels[level];
    memset(counts, 0, q->n_codewords * sizeof *counts);
    for (size_t i = 0; i < q->n_rows; i++) counts[codes[i * q->n_levels + level]]++;
    measure_usage(out, counts, q->n_codewords, q->n_rows);
    out->mse = mse ? mse[level] : NAN;
    out->explained_ratio = mse && variance > 0 ? 1 - mse[level] / variance : NAN;
}

semid_status semid_quality_measure(semid_context *context, semid_quality *out,
                                   const semid_codes *codes, size_t n_codewords, const double *mse,
                                   double variance, semid_error *err) {
    semid_status status = SEMID_OK;
    semid_quality q = {codes->n_rows, codes->n_levels, n_codewords, NULL, 0, 0, 0, 0, 0};
    code_order order = {0};
    uint64_t *counts = NULL; /* [K] */
    if (codes->n_rows == 0 || codes->n_levels == 0) FAIL(SEMID_ERR_DATA, "there are no codes");

    context_scope outer = context_enter(context);
    TRY_GOTO(check_codes(codes->data, codes->n_rows, codes->n_levels, n_codewords, err));
    TRY_GOTO(mem_calloc(&q.levels, q.n_levels, sizeof *q.levels, err));
    TRY_GOTO(mem_alloc(&counts, n_codewords, sizeof *counts, err));
    TRY_GOTO(
        code_order_init(&order, codes->data, codes->n_rows, codes->n_levels, n_codewords, err));
    for (size_t l = 0; l < q.n_levels; l++)
        measure_level(&q, codes->data, counts, l, mse, variance);
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
