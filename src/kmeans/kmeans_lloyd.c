#include "kmeans/kmeans_lloyd.h"

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

static size_t largest_cluster(const clusters *c) {
    size_t largest = 0;
    for (size_t k = 1; k < c->n_codewords; k++)
        if (c->counts[k] > c->counts[largest]) largest = k;
    return largest;
}

/* The row of cluster k that is farthest from its codeword. */
static size_t farthest_row(const lloyd *l, size_t k) {
    const clusters *c = &l->members;
    size_t farthest = c->order[c->starts[k]];
    for (size_t i = c->starts[k]; i < c->starts[k + 1]; i++)
        if (l->distances[c->order[i]] > l->distances[farthest]) farthest = c->order[i];
    return farthest;
}

static void move_row(lloyd *l, const float *x, size_t from, size_t to) {
    clusters *c = &l->members;
    size_t dim = c->dim;
    c->counts[from]--;
    c->counts[to] = 1;
    for (size_t j = 0; j < dim; j++) {
        c->sums[from * dim + j] -= (double)x[j];
        c->sums[to * dim + j] = (double)x[j];
    }
}

/* Give each empty cluster the farthest row of the largest one. Clusters of equal rows have none to
 * give. */
static semid_status fill_empty_clusters(lloyd *l, semid_error *err) {
    semid_status status = SEMID_OK;
    clusters *c = &l->members;
    float *x = NULL;
    for (size_t k = 0; k < l->n_codewords; k++) {
        if (c->counts[k] > 0) continue;
        if (!x) {
            TRY_GOTO(mem_alloc(&x, c->dim, sizeof *x, err));
            clusters_sort(c, l->codes, l->rows->n);
        }
        size_t from = largest_cluster(c), row = farthest_row(l, from);
        if (c->counts[from] < 2 || !(l->distances[row] > 0)) break;
        l->distances[row] = 0; /* taken */
        TRY_GOTO(row_source_read(l->rows, row, 1, x, err));
        move_row(l, x, from, k);
    }
done:
    mem_free(x);
    return status;
}

static void sum_errors(lloyd *l) {
    memset(l->errors, 0, l->n_codewords * sizeof *l->errors);
    for (size_t i = 0; i < l->rows->n; i++) l->errors[l->codes[i]] += (double)l->distances[i];
}

/* Every codeword becomes the mean of its rows, which were summed, or what the prior makes of it. */
static semid_status update(lloyd *l, semid_error *err) {
    clusters *c = &l->members;
    TRY(fill_empty_clusters(l, err));
    if (l->prior) {
        sum_errors(l);
        shrinkage_update(l->prior, c, l->errors, l->codewords);
        return SEMID_OK;
    }
    for (size_t k = 0; k < l->n_codewords; k++) {
        if (c->counts[k] == 0) continue;
        double count = c->counts[k];
        for (size_t j = 0; j < c->dim; j++)
            l->codewords[k * c->dim + j] = (float)(c->sums[k * c->dim + j] / count);
    }
    return SEMID_OK;
}

static semid_status iterate(lloyd *l, size_t max_iters, double tol, progress *p,
                            semid_kmeans_report *report, semid_error *err) {
    double error = 0, next = 0;
    size_t iters = 0;
    TRY(assign(l, NULL, max_iters > 0, &error, err));
    while (iters < max_iters && error > 0) {
        TRY(check_interrupted(err));
        TRY(update(l, err));
        iters++;
        TRY(assign(l, NULL, iters < max_iters, &next, err));
        if (p) progress_add(p, 1);
        double drop = error - next;
        bool settled = fabs(drop) <= tol * error || (drop < 0 && !l->prior);
        error = next;
        if (settled) break;
    }
    *report =
        (semid_kmeans_report){.n_codewords = l->n_codewords, .n_iters = iters, .mean_error = error};
    return SEMID_OK;
}

semid_status lloyd_run(lloyd *l, size_t max_iters, double tol, const char *label,
                       semid_kmeans_report *report, semid_error *err) {
    progress p;
    if (label) progress_begin(&p, label, "iterations", max_iters);
    semid_status status = iterate(l, max_iters, tol, label ? &p : NULL, report, err);
    if (label) progress_end(&p);
    return status;
}

/* Prices follow slowly and are forgotten by and by: codewords that moved have no use for old ones,
 * and far ones are drawn in step by step instead of being forced on rows. */
static const int BALANCE_ITERS = 20;
static const float BALANCE_MEMORY = 0.8F;

semid_status lloyd_balance(lloyd *l, semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    balance b = {0};
    double error;
    TRY_GOTO(balance_init(&b, l->rows, l->codewords, l->n_codewords, err));
    for (int i = 0; i < BALANCE_ITERS; i++) {
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(assign(l, b.prices, true, &error, err));
        balance_outcome outcome = balance_update(&b, l->codes);
        if (outcome == BALANCE_TOO_FAR) continue;
        TRY_GOTO(update(l, err));
        for (size_t k = 0; k < l->n_codewords; k++) b.prices[k] *= BALANCE_MEMORY;
    }
    TRY_GOTO(assign(l, NULL, false, &report->mean_error, err));
    report->n_iters += (size_t)BALANCE_ITERS;
done:
    balance_release(&b);
    return status;
}
