#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

/* Progress is reported at the start, at the end and at most ten times a second between, measured by
 * a clock that never goes back. Adding to it is cheap enough for every batch, not for every row. */

static const double REPORT_INTERVAL_S = 0.1;

void log_message(semid_log_level level, const char *fmt, ...) {
    log_sink sink = context_sink();
    if (!sink.message) return;

    char line[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    sink.message(sink.user, level, line);
}

double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void report(progress *p, double now) {
    p->last_report_s = now;
    p->state.elapsed_s = now - p->start_s;
    log_sink sink = context_sink();
    if (sink.progress) sink.progress(sink.user, &p->state);
}

void progress_begin(progress *p, const char *label, const char *unit, size_t total) {
    double now = clock_seconds();
    *p = (progress){.state = {.label = label, .unit = unit, .total = total}, .start_s = now};
    report(p, now);
}

void progress_add(progress *p, size_t n) {
    p->state.done += n;
    double now = clock_seconds();
    if (now - p->last_report_s >= REPORT_INTERVAL_S) report(p, now);
}

void progress_end(progress *p) {
    p->state.finished = true;
    report(p, clock_seconds());
}
