#include "quant/kmeans_lloyd.h"

#include "base/log.h"
#include "base/memory.h"
#include "quant/balance.h"

#include <math.h>

void lloyd_release(lloyd *l) {
    mem_free(l->distances);
    mem_free(l->errors);
    nearest_free(l->search);
    clusters_release(&l->members);
}

semid_status lloyd_init(lloyd *l, semid_error *err) {
    TRY(mem_alloc(&l->distances, l->n, sizeof *l->distances, err));
    TRY(mem_alloc(&l->errors, l->n_codewords, sizeof *l->errors, err));
    TRY(nearest_new(&l->search, l->n_codewords, l->dim, err));
    return clusters_init(&l->members, l->n_codewords, l->dim, l->n, err);
}

/* Assign every row, under prices or NULL; the mean squared distance. */
static double assign(lloyd *l, const float *prices) {
    nearest_set_biased(l->search, l->codewords, prices);
    nearest_find(l->search, l->x, l->n, l->codes, l->distances);
    double sum = 0;
    for (size_t i = 0; i < l->n; i++) sum += (double)l->distances[i];
    return sum / (double)l->n;
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

/* Give each empty cluster the farthest row of the largest one. Clusters of equal rows have none to
 * give. */
static void fill_empty_clusters(lloyd *l) {
    clusters *c = &l->members;
    for (size_t k = 0; k < l->n_codewords; k++) {
        if (c->counts[k] > 0) continue;
        size_t from = largest_cluster(c), row = farthest_row(l, from);
        if (c->counts[from] < 2 || !(l->distances[row] > 0)) return;
        l->distances[row] = 0; /* taken */
        c->counts[from]--;
        c->counts[k] = 1;
        for (size_t j = 0; j < l->dim; j++) {
            double value = (double)l->x[row * l->dim + j];
            c->sums[from * l->dim + j] -= value;
            c->sums[k * l->dim + j] = value;
        }
    }
}

/* Every codeword becomes the mean of its rows, or what the prior makes of it. */
static void update(lloyd *l) {
    clusters *c = &l->members;
    clusters_sort(c, l->codes, l->n);
    clusters_sum(c, l->x);
    fill_empty_clusters(l);
    if (l->prior) {
        for (size_t k = 0; k < l->n_codewords; k++) l->errors[k] = 0;
        for (size_t i = 0; i < l->n; i++) l->errors[l->codes[i]] += (double)l->distances[i];
        shrinkage_update(l->prior, c, l->errors, l->codewords);
        return;
    }
    for (size_t k = 0; k < l->n_codewords; k++) {
        if (c->counts[k] == 0) continue;
        double count = c->counts[k];
        for (size_t j = 0; j < l->dim; j++)
            l->codewords[k * l->dim + j] = (float)(c->sums[k * l->dim + j] / count);
    }
}

semid_status lloyd_run(lloyd *l, size_t max_iters, double tol, const char *label,
                       semid_kmeans_report *report, semid_error *err) {
    progress p;
    if (label) progress_begin(&p, label, "iterations", max_iters);
    double error = assign(l, NULL);
    size_t iters = 0;
    while (iters < max_iters && error > 0) {
        if (interrupted()) FAIL(SEMID_ERR_INTERRUPTED, "interrupted");
        update(l);
        double next = assign(l, NULL);
        iters++;
        if (label) progress_add(&p, 1);
        double drop = error - next;
        bool settled = fabs(drop) <= tol * error || (drop < 0 && !l->prior);
        error = next;
        if (settled) break;
    }
    if (label) progress_end(&p);
    *report =
        (semid_kmeans_report){.n_codewords = l->n_codewords, .n_iters = iters, .mean_error = error};
    return SEMID_OK;
}

/* Prices follow slowly and are forgotten by and by: codewords that moved have no use for old ones,
 * and far ones are drawn in step by step instead of being forced on rows. */
static const int BALANCE_ITERS = 20;
static const float BALANCE_MEMORY = 0.8F;

semid_status lloyd_balance(lloyd *l, semid_kmeans_report *report, semid_error *err) {
    semid_status status;
    balance b = {0};
    TRY_GOTO(balance_init(&b, l->x, l->n, l->dim, l->codewords, l->n_codewords, err));
    for (int i = 0; i < BALANCE_ITERS; i++) {
        if (interrupted()) FAIL_GOTO(SEMID_ERR_INTERRUPTED, "interrupted");
        assign(l, b.prices);
        balance_verdict verdict = balance_settle(&b, l->codes);
        if (verdict == BALANCE_TOO_FAR) continue;
        update(l);
        for (size_t k = 0; k < l->n_codewords; k++) b.prices[k] *= BALANCE_MEMORY;
    }
    report->mean_error = assign(l, NULL);
    report->n_iters += (size_t)BALANCE_ITERS;
done:
    balance_release(&b);
    return status;
}
