/* Top 100 by inner product, a heap over the device's scan: bench_topk FILE.npy [QUERIES]; the first
 * rows are the queries. */
#include "bench/bench.h"
#include "device/device.h"
#include "formats/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 100 };

typedef struct hit {
    float score;
    uint32_t row;
} hit;

/* The best hits of a query: a heap with the worst on top. */
typedef struct top {
    size_t n;
    hit hits[K];
} top;

typedef struct search {
    array items;
    size_t n_queries;
    float *floors;
    top *tops;
} search;

static bool is_worse(hit a, hit b) {
    return a.score != b.score ? a.score < b.score : a.row > b.row;
}

static void sift_up(hit *heap, size_t at, hit h) {
    for (; at > 0 && is_worse(h, heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = h;
}

static void replace_worst(hit *heap, hit h) {
    size_t at = 0;
    for (size_t child = 1; child < K; child = 2 * at + 1) {
        if (child + 1 < K && is_worse(heap[child + 1], heap[child])) child++;
        if (!is_worse(heap[child], h)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = h;
}

static float visit(void *user, size_t query, uint32_t row, float score) {
    top *t = &((search *)user)->tops[query];
    hit h = {.score = score, .row = row};
    if (t->n < K)
        sift_up(t->hits, t->n++, h);
    else
        replace_worst(t->hits, h); /* rows ascend: one of equal score does not get here */
    return t->n < K ? -INFINITY : t->hits[0].score;
}

static int best_first(const void *a, const void *b) {
    hit x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return is_worse(x, y) ? 1 : is_worse(y, x) ? -1 : 0;
}

static void run_search(void *user) {
    search *s = user;
    semid_error err;
    device_scan scan = {.queries = s->items.data,
                        .floors = s->floors,
                        .items = s->items.data,
                        .n_queries = s->n_queries,
                        .n_items = s->items.shape[0],
                        .dim = s->items.shape[1],
                        .visit = visit,
                        .user = s};
    for (size_t q = 0; q < s->n_queries; q++) s->tops[q].n = 0;
    bench_must(device_cpu.scan_inner(&scan, &err), &err);
    for (size_t q = 0; q < s->n_queries; q++)
        qsort(s->tops[q].hits, s->tops[q].n, sizeof(hit), best_first);
}

int main(int argc, char **argv) {
    bench_options options = bench_begin("topk", "FILE.npy [QUERIES 1000]", argc, argv);
    if (options.n_args < 1) {
        fprintf(stderr, "usage: bench_topk FILE.npy [QUERIES]\n");
        return 2;
    }
    semid_error err;
    search s = {.n_queries = options.n_args > 1 ? strtoul(options.args[1], NULL, 10) : 1000};
    bench_must(npy_load(&s.items, options.args[0], &err), &err);
    s.tops = bench_alloc(s.n_queries, sizeof *s.tops);
    s.floors = bench_alloc(s.n_queries, sizeof *s.floors);
    for (size_t q = 0; q < s.n_queries; q++) s.floors[q] = -INFINITY;
    double work = 2.0 * (double)(s.n_queries * s.items.shape[0] * s.items.shape[1]);
    bench_case cases[] = {bench_peak_case(), {"top 100", work, "FLOP", run_search, &s}};
    bench_cases(&options, cases, 2);
    return 0;
}
