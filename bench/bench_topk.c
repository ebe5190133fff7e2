/* Top 100 by inner product: bench_topk FILE.npy [QUERIES]; the first rows are the queries. */
#include "bench/bench.h"
#include "device/device.h"
#include "formats/array.h"

#include <stdio.h>
#include <stdlib.h>

enum { K = 100 };

typedef struct search {
    array items;
    size_t n_queries;
    device_hit *hits;
} search;

static void run_search(void *user) {
    search *s = user;
    semid_error err;
    bench_must(device_cpu.topk_inner(s->items.data, s->n_queries, s->items.data, s->items.shape[0],
                                     s->items.shape[1], K, s->hits, &err),
               &err);
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
    s.hits = bench_alloc(s.n_queries * K, sizeof *s.hits);
    double work = 2.0 * (double)(s.n_queries * s.items.shape[0] * s.items.shape[1]);
    bench_case cases[] = {bench_peak_case(), {"top 100", work, "FLOP", run_search, &s}};
    bench_cases(&options, cases, 2);
    return 0;
}
