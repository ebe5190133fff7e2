#include "bench/bench.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "bench/peaks.h"
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ROUNDS = 101, MAX_CASES = 64 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

bench_options bench_begin(const char *topic, const char *usage, int argc, char **argv) {
    bench_options o = {.topic = topic, .rounds = 5, .min_seconds = 0.2};
    int i = 1, threads = 0;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0)
            o.rounds = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--min-seconds") == 0)
            o.min_seconds = atof(argv[i + 1]);
        else if (strcmp(argv[i], "--threads") == 0)
            threads = atoi(argv[i + 1]);
        else
            break;
    }
    if (o.rounds < 1 || o.rounds > MAX_ROUNDS || (i < argc && strncmp(argv[i], "--", 2) == 0)) {
        fprintf(stderr, "usage: %s [--rounds N] [--min-seconds X] [--threads N] %s\n", argv[0],
                usage);
        exit(2);
    }
    threads_set(threads);
    o.n_args = argc - i;
    o.args = argv + i;
    return o;
}

/* Seconds of one call. */
static double time_case(const bench_case *c, double min_seconds) {
    double start = now(), elapsed;
    size_t calls = 0;
    do {
        c->run(c->user);
        calls++;
        elapsed = now() - start;
    } while (elapsed < min_seconds);
    return elapsed / (double)calls;
}

static void print_case(const bench_options *o, const bench_case *c, double seconds, double ratio) {
    printf("{\"topic\": \"%s\", \"case\": \"%s\", \"tier\": \"%s\", \"threads\": %d, "
           "\"seconds\": %.4g, \"rate\": %.6g, \"unit\": \"%s/s\"",
           o->topic, c->name, kernels()->tier, threads_get(), seconds, c->work / seconds, c->unit);
    if (ratio > 0) printf(", \"ratio\": %.4f", ratio);
    printf("}\n");
}

void bench_cases(const bench_options *o, const bench_case *cases, size_t n_cases) {
    static double seconds[MAX_CASES][MAX_ROUNDS], ratios[MAX_ROUNDS];
    if (n_cases > MAX_CASES) n_cases = MAX_CASES;
    for (size_t i = 0; i < n_cases; i++) cases[i].run(cases[i].user); /* warm up */
    for (int round = 0; round < o->rounds; round++)
        for (size_t i = 0; i < n_cases; i++)
            seconds[i][round] = time_case(&cases[i], o->min_seconds);
    double first[MAX_ROUNDS];
    memcpy(first, seconds[0], sizeof first);
    for (size_t i = 0; i < n_cases; i++) {
        int comparable = i > 0 && strcmp(cases[i].unit, cases[0].unit) == 0;
        for (int round = 0; round < o->rounds; round++)
            ratios[round] = cases[i].work / seconds[i][round] / (cases[0].work / first[round]);
        double ratio = comparable ? median(ratios, o->rounds) : 0;
        print_case(o, &cases[i], median(seconds[i], o->rounds), ratio);
    }
}

void bench_must(semid_status status, const semid_error *err) {
    if (status == SEMID_OK) return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

void bench_fill_normal(float *x, size_t n, unsigned seed) {
    rng r;
    rng_init(&r, seed, 0);
    for (size_t i = 0; i < n; i++) x[i] = (float)rng_normal(&r);
}

void *bench_alloc(size_t n, size_t size) {
    void *p = NULL;
    semid_error err;
    bench_must(mem_calloc(&p, n, size, &err), &err);
    return p;
}

static void run_peak(void *user) {
    peak_run(user);
}

bench_case bench_peak_case(void) {
    static peak p;
    p = *peak_fp32(kernels()->tier);
    return (bench_case){"fp32 peak", peak_work(&p), p.unit, run_peak, &p};
}
