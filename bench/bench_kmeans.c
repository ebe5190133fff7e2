/* K-means of fixed length, start included, against the fp32 peak. */
#include "bench/bench.h"
#include "semid/kmeans.h"

#include <stddef.h>

enum { DIM = 384, ROWS = 20000, CODEWORDS = 256, ITERS = 10 };

typedef struct fit {
    const float *x;
    float *codewords;
    semid_kmeans_params params;
} fit;

static void run_fit(void *user) {
    fit *f = user;
    semid_error err;
    bench_must(semid_kmeans_fit(NULL, f->x, ROWS, DIM, &f->params, f->codewords, NULL, NULL, &err),
               &err);
}

int main(int argc, char **argv) {
    bench_options options = bench_begin("kmeans", "", argc, argv);
    float *x = bench_alloc((size_t)ROWS * DIM, sizeof(float));
    bench_fill_normal(x, (size_t)ROWS * DIM, 1);
    semid_kmeans_params params = semid_kmeans_params_default();
    params.n_codewords = CODEWORDS;
    params.max_iters = ITERS;
    params.tol = 0;
    fit plain = {x, bench_alloc((size_t)CODEWORDS * DIM, sizeof(float)), params};
    fit random = plain, shrunk = plain;
    random.params.init = SEMID_KMEANS_RANDOM;
    shrunk.params.shrink = true;
    double work = 2.0 * ROWS * CODEWORDS * DIM * ITERS;
    bench_case cases[] = {bench_peak_case(),
                          {"10 iterations from random rows", work, "FLOP", run_fit, &random},
                          {"10 iterations from k-means++", work, "FLOP", run_fit, &plain},
                          {"10 iterations with shrinkage", work, "FLOP", run_fit, &shrunk}};
    bench_cases(&options, cases, sizeof cases / sizeof cases[0]);
    return 0;
}
