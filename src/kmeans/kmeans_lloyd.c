/* Lloyd's algorithm (1957, published 1982), with three additions.
 *
 * Assigning and summing are one pass over the rows, in blocks where they are read. The iteration
 * ends when the error changes by no more than a share of itself; without a prior the error never
 * rises except by rounding, and then it ends too.
 *
 * - Empty clusters take over the row that is farthest from its codeword in the largest cluster, one
 *   each, so that all K codewords stay in use as long as rows differ.
 * - With a prior, codewords are posterior means (shrinkage.h) instead of means.
 * - lloyd_balance: rows are assigned under prices, and codewords are the means of the rows that
 *   they get under these: a codebook made for an even use loses less by it.
 *
 * Sums are float64 in a fixed order (clusters.h): results are the same bits at any number of
 * threads. Cost: one nearest-codeword search of all rows per iteration, 2 n K dim. */
#include "kmeans/kmeans_lloyd.h"

#include "base/context.h"
#include "base/log.h"
#include "base/memory.h"
#include "kmeans/balance.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

void lloyd_release(lloyd *l) {
    mem_free(l->distances);
    mem_free(l->errors);
    nearest_free(l->search);
    clusters_release(&l->members);
}

semid_status lloyd_init(lloyd *l, semid_error *err) {
    size_t dim = l->rows->dim;
    TRY(mem_alloc(&l->distances, l->rows->n, sizeof *l->distances, err));
    TRY(mem_alloc(&l->errors, l->n_codewords, sizeof *l->errors, err));
    TRY(nearest_new(&l->search, l->n_codewords, dim, err));
    return clusters_init(&l->members, l->n_codewords, dim, l->rows->n, err);
}

/* Assign every row, under prices or NULL, and if `sum` add them up. *error: the mean squared
 * distance. */
static semid_status assign(lloyd *l, const float *prices, bool sum, double *error,
                           semid_error *err) {
    size_t n_rows = l->rows->n, n = 0;
    double total = 0;
    nearest_set_biased(l->search, l->codewords, prices);
    clusters_clear(&l->members);
    for (size_t row = 0; row < n_rows; row += n) {
        const float *x;
        TRY(row_source_block(l->rows, row, &x, &n, err));
        nearest_find(l->search, x, n, l->codes + row, l->distances + row);
        if (sum) clusters_add(&l->members, l->codes + row, x, n);
    }
    for (size_t i = 0; i < n_rows; i++) total += (double)l->distances[i];
    *error = total / (double)n_rows;
    return SEMID_OK;
}

/* Every codeword becomes the mean of its rows, which were summed, or its posterior mean. */
static semid_status update(lloyd *l, semid_error *err) {
    semid_status status = SEMID_OK;
    clusters *c = &l->members;
    size_t dim = c->dim;
    float *x = NULL;

    /* Give each empty cluster the farthest row of the largest one, as long as that has a row other
     * than its codeword. */
    for (size_t k = 0; k < l->n_codewords; k++) {
        if (c->counts[k] > 0) continue;
        if (!x) {
            TRY_GOTO(mem_alloc(&x, dim, sizeof *x, err));
            clusters_sort(c, l->codes, l->rows->n);
        }

        size_t largest = 0;
        for (size_t i = 1; i < c->n_codewords; i++)
            if (c->counts[i] > c->counts[largest]) largest = i;
        size_t row = c->order[c->starts[largest]];
        for (size_t i = c->starts[largest]; i < c->starts[largest + 1]; i++)
            if (l->distances[c->order[i]] > l->distances[row]) row = c->order[i];
        if (c->counts[largest] < 2 || !(l->distances[row] > 0)) break;

        /* The row moves; a distance of 0 keeps it from being chosen again. */
        l->distances[row] = 0;
        TRY_GOTO(row_source_read(l->rows, row, 1, x, err));
        c->counts[largest]--;
        c->counts[k] = 1;
        for (size_t j = 0; j < dim; j++) {
            c->sums[largest * dim + j] -= (double)x[j];
            c->sums[k * dim + j] = (double)x[j];
        }
    }

    if (l->prior) {
        memset(l->errors, 0, l->n_codewords * sizeof *l->errors);
        for (size_t i = 0; i < l->rows->n; i++) l->errors[l->codes[i]] += (double)l->distances[i];
        shrinkage_update(l->prior, c, l->errors, l->codewords);
        goto done;
    }

    for (size_t k = 0; k < l->n_codewords; k++) {
        if (c->counts[k] == 0) continue;
        double count = c->counts[k];
        for (size_t j = 0; j < dim; j++)
            l->codewords[k * dim + j] = (float)(c->sums[k * dim + j] / count);
    }
done:
    mem_free(x);
    return status;
}

semid_status lloyd_run(lloyd *l, size_t max_iters, double tol, const char *label,
                       semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    double error = 0, next = 0;
    size_t iters = 0;
    bool is_done = false;
    progress bar;
    if (label) progress_begin(&bar, label, "iterations", max_iters);

    /* The last pass, after which codewords do not move, needs no sums. */
    TRY_GOTO(assign(l, NULL, max_iters > 0, &error, err));
    while (iters < max_iters && error > 0 && !is_done) {
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(update(l, err));
        iters++;
        TRY_GOTO(assign(l, NULL, iters < max_iters, &next, err));
        if (label) progress_add(&bar, 1);

        double drop = error - next;
        is_done = fabs(drop) <= tol * error || (drop < 0 && !l->prior);
        error = next;
    }
    *report =
        (semid_kmeans_report){.n_codewords = l->n_codewords, .n_iters = iters, .mean_error = error};
done:
    if (label) progress_end(&bar);
    return status;
}

/* Prices change slowly and decay: codewords that moved have no use for old ones, and far ones are
 * drawn in step by step instead of being forced on rows. */
static const int BALANCE_ITERS = 20;
static const float PRICE_DECAY = 0.8F;

semid_status lloyd_balance(lloyd *l, semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    balance b = {0};
    double error;
    TRY_GOTO(balance_init(&b, l->rows, l->codewords, l->n_codewords, err));

    for (int i = 0; i < BALANCE_ITERS; i++) {
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(assign(l, b.prices, true, &error, err));
        if (balance_update(&b, l->codes) == BALANCE_TOO_FAR) continue;
        TRY_GOTO(update(l, err));
        for (size_t k = 0; k < l->n_codewords; k++) b.prices[k] *= PRICE_DECAY;
    }

    TRY_GOTO(assign(l, NULL, false, &report->mean_error, err));
    report->n_iters += (size_t)BALANCE_ITERS;
done:
    balance_release(&b);
    return status;
}
