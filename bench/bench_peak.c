/* The peaks of this machine, on all threads and on one. Tiers above the one that SEMID_ISA allows
 * are measured too: they are what the machine has. */
#include "bench/bench.h"
#include "bench/peaks.h"

#include "base/threads.h"

#include <stdio.h>

static void run_peak(void *user) {
    peak_run(user);
}

int main(int argc, char **argv) {
    bench_options options = bench_begin("peak", "", argc, argv);
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
