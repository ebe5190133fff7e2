/* Nearest codeword, one level and several, against the fp32 peak. */
#include "bench/bench.h"
#include "codebook/nearest.h"

enum { DIM = 384, ROWS = 8192, LEVELS = 4 };

typedef struct search {
    const float *x;
    int32_t *codes;
    size_t n_levels;
    nearest *levels[LEVELS];
} search;

static void run_search(void *user) {
    const search *s = user;
    if (s->n_levels == 1)
        nearest_find(s->levels[0], s->x, ROWS, s->codes, NULL);
    else
        nearest_find_residual((const nearest *const *)s->levels, s->n_levels, s->x, ROWS, s->codes,
                              NULL, NULL);
}

static bench_case search_case(search *s, const char *name, size_t n_codewords) {
    semid_error err;
    float *codewords = bench_alloc(n_codewords * DIM, sizeof(float));
    for (size_t l = 0; l < s->n_levels; l++) {
        bench_fill_normal(codewords, n_codewords * DIM, (unsigned)(7 + l));
        bench_must(nearest_new(&s->levels[l], n_codewords, DIM, &err), &err);
        nearest_set(s->levels[l], codewords);
    }
    double work = 2.0 * ROWS * (double)(s->n_levels * n_codewords * DIM);
    return (bench_case){name, work, "FLOP", run_search, s};
}

int main(int argc, char **argv) {
    bench_options options = bench_begin("nearest", "", argc, argv);
    float *x = bench_alloc((size_t)ROWS * DIM, sizeof(float));
    int32_t *codes = bench_alloc((size_t)ROWS * LEVELS, sizeof(int32_t));
    bench_fill_normal(x, (size_t)ROWS * DIM, 1);
    search small = {x, codes, 1, {0}}, large = {x, codes, 1, {0}}, deep = {x, codes, LEVELS, {0}};
    bench_case cases[] = {bench_peak_case(), search_case(&small, "K 256", 256),
                          search_case(&large, "K 4096", 4096), search_case(&deep, "4 x 256", 256)};
    bench_cases(&options, cases, sizeof cases / sizeof cases[0]);
    return 0;
}
