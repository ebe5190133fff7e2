/* bench/bench.h - the harness of the micro-benchmarks.
 *
 * A machine's speed drifts while it is measured. So the cases of a benchmark take turns: each round
 * runs every case once, and what is printed is the median over the rounds and the median of the
 * ratios to the first case of the same round, which is usually the peak of this machine. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "base/error.h"

#include <stddef.h>

typedef struct bench_case {
    const char *name;
    double work;      /* what one call of `run` gets done, in `unit`s */
    const char *unit; /* such as "FLOP" */
    void (*run)(void *user);
    void *user;
} bench_case;

typedef struct bench_options {
    const char *topic;
    int rounds;         /* --rounds N, default 5 */
    double min_seconds; /* --min-seconds X: a case repeats for so long in a round, default 0.2 */
    int n_args;         /* what is left of the command line */
    char **args;
} bench_options;

/* Reads --rounds, --min-seconds and --threads; `usage` names the other arguments. Exits with 2 on
 * wrong usage. */
bench_options bench_begin(const char *topic, const char *usage, int argc, char **argv);

/* Times the cases and prints one JSON object a line: topic, case, tier, threads, seconds (of one
 * call), rate (units a second), unit, ratio (to the first case, where the units agree). */
void bench_cases(const bench_options *options, const bench_case *cases, size_t n_cases);

/* Prints the message and exits with 1 unless status is SEMID_OK. */
void bench_must(semid_status status, const semid_error *err);

/* Standard normal numbers, seeded. */
void bench_fill_normal(float *x, size_t n, unsigned seed);
/* Memory that lives as long as the program. */
void *bench_alloc(size_t n, size_t size);

/* The float32 multiply-add peak of the tier that kernels() chose, on all threads in use. */
bench_case bench_peak_case(void);

#endif
