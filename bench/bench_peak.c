/* The peaks of this machine. Tiers above the one that SEMID_ISA allows are measured too: they are
 * what the machine has. `bench_peak limit`: only the one that our figures are held against. */
#include "bench/bench.h"
#include "bench/peaks.h"

#include "base/threads.h"

#include <stdio.h>
#include <string.h>

static void run_peak(void *user) {
    peak_run(user);
}

int main(int argc, char **argv) {
    bench_options options = bench_begin("peak", "[limit]", argc, argv);
    if (options.n_args == 1 && strcmp(options.args[0], "limit") == 0) {
        bench_case limit = bench_peak_case();
        bench_cases(&options, &limit, 1);
        return 0;
    }
    static char names[16][64];
    static bench_case cases[16];
    static peak measured[16];
    size_t n = 0;
    for (size_t i = 0; i < n_peaks; i++) {
        if (!peaks[i].supported()) continue;
        snprintf(names[n], sizeof names[n], "%s (%s)", peaks[i].name, peaks[i].tier);
        measured[n] = peaks[i];
        cases[n] =
            (bench_case){names[n], peak_work(&peaks[i]), peaks[i].unit, run_peak, &measured[n]};
        n++;
    }
    cases[n++] = (bench_case){"memory read", peak_memory_bytes(), "byte", peak_memory_run, NULL};
    bench_cases(&options, cases, n);
    return 0;
}
