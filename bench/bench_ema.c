/* An epoch of moving averages, without the start, against the fp32 peak. */
#include "bench/bench.h"
#include "semid/ema.h"

enum { DIM = 384, ROWS = 16384 };

typedef struct fit {
    const float *x;
    size_t n_levels;
    semid_ema_params params;
} fit;

static void run_fit(void *user) {
    fit *f = user;
    semid_error err;
    semid_codebook *trained;
    bench_must(semid_ema_fit(NULL, &trained, f->x, ROWS, DIM, &f->params, NULL, &err), &err);
    semid_codebook_free(trained);
}

static bench_case fit_case(fit *f, const char *name, size_t n_codewords, const float *x) {
    semid_error err;
    semid_codebook *init;
    f->x = x;
    f->params = semid_ema_params_default();
    f->params.n_levels = f->n_levels;
    f->params.n_codewords = n_codewords;
    f->params.n_epochs = 1;
    bench_must(semid_codebook_new(NULL, &init, f->n_levels, n_codewords, DIM, false, x, &err),
               &err);
    f->params.init = init;
    double work = 2.0 * ROWS * (double)(f->n_levels * n_codewords * DIM);
    return (bench_case){name, work, "FLOP", run_fit, f};
}

int main(int argc, char **argv) {
    bench_options options = bench_begin("ema", "", argc, argv);
    float *x = bench_alloc((size_t)ROWS * DIM, sizeof(float));
    bench_fill_normal(x, (size_t)ROWS * DIM, 1);
    fit vq = {.n_levels = 1}, rq = {.n_levels = 4};
    bench_case cases[] = {bench_peak_case(), fit_case(&vq, "K 4096", 4096, x),
                          fit_case(&rq, "4 x 256", 256, x)};
    bench_cases(&options, cases, sizeof cases / sizeof cases[0]);
    return 0;
}
