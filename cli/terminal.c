/* Messages and progress on standard error. On a terminal, progress is one line that is drawn over
 * and over: label, bar, count, rate and remaining time. Elsewhere (a file, a pipe, TERM=dumb) it is
 * a plain line every ten seconds and one at the end, so that logs stay readable. A message clears
 * the bar first; the next progress call draws it again.
 *
 * Progress is reported at most ten times per second and by one thread at a time (base/log.h), so
 * the state here needs no lock. */
#include "cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double PLAIN_INTERVAL_S = 10;

static struct {
    bool quiet, verbose, tty, bar_open;
    double last_plain_s;
} terminal;

static void clear_bar(void) {
    if (terminal.bar_open) fputs("\r\033[K", stderr);
    terminal.bar_open = false;
}

static void on_message(void *user, semid_log_level level, const char *line) {
    (void)user;
    if (level == SEMID_LOG_DEBUG && !terminal.verbose) return;
    if (level != SEMID_LOG_WARNING && terminal.quiet) return;
    clear_bar();
    fprintf(stderr, "%s%s\n", level == SEMID_LOG_WARNING ? "warning: " : "", line);
}

static void format_count(char *buf, size_t n_buf, double x) {
    if (x >= 1e6)
        snprintf(buf, n_buf, "%.1fM", x / 1e6);
    else if (x >= 1e4)
        snprintf(buf, n_buf, "%.0fk", x / 1e3);
    else
        snprintf(buf, n_buf, "%.0f", x);
}

static void format_seconds(char *buf, size_t n_buf, double s) {
    long t = (long)(s + 0.5);
    if (s < 10)
        snprintf(buf, n_buf, "%.1f s", s);
    else if (t < 60)
        snprintf(buf, n_buf, "%ld s", t);
    else if (t < 3600)
        snprintf(buf, n_buf, "%ldm%02lds", t / 60, t % 60);
    else
        snprintf(buf, n_buf, "%ldh%02ldm", t / 3600, t / 60 % 60);
}

/* "1200/3000 items, 12.1k/s, ETA 3.4 s"; of a finished one the time taken instead. */
static void describe(char *line, size_t n_line, const semid_progress *s) {
    char done[32], total[32], rate[32], time[32];
    double per_s = s->elapsed_s > 0 ? (double)s->done / s->elapsed_s : 0;
    bool eta = !s->finished && s->total > s->done && per_s > 0;

    format_count(done, sizeof done, (double)s->done);
    format_count(total, sizeof total, (double)s->total);
    format_count(rate, sizeof rate, per_s);
    format_seconds(time, sizeof time, eta ? (double)(s->total - s->done) / per_s : s->elapsed_s);

    int n = snprintf(line, n_line, "%s%s%s %s, %s/s", done, s->total ? "/" : "",
                     s->total ? total : "", s->unit, rate);
    if (s->part_unit && per_s > 0) { /* a second rate, as that of tokens beside texts */
        format_count(rate, sizeof rate, (double)s->n_parts / s->elapsed_s);
        n += snprintf(line + n, n_line - (size_t)n, " (%s %s/s)", rate, s->part_unit);
    }
    snprintf(line + n, n_line - (size_t)n, ", %s%s", eta ? "ETA " : "", time);
}

static void draw_bar(const semid_progress *s, const char *text) {
    enum { WIDTH = 24 };
    size_t filled = s->total ? (size_t)(WIDTH * (double)s->done / (double)s->total) : 0;
    if (filled > WIDTH) filled = WIDTH;

    fprintf(stderr, "\r\033[K%-12s ", s->label); /* over the previous line */
    if (s->total) {
        fputc('[', stderr);
        for (size_t i = 0; i < WIDTH; i++) fputc(i < filled ? '#' : '.', stderr);
        fputs("] ", stderr);
    }
    fputs(text, stderr);

    terminal.bar_open = !s->finished;
    if (s->finished) fputc('\n', stderr);
    fflush(stderr);
}

static void on_progress(void *user, const semid_progress *s) {
    char text[160];
    (void)user;
    if (terminal.quiet) return;
    describe(text, sizeof text, s);
    if (terminal.tty) {
        draw_bar(s, text);
        return;
    }

    if (s->done == 0 && !s->finished) terminal.last_plain_s = 0;
    if (s->total && s->done >= s->total && !s->finished) return; /* the finished state follows */
    bool due = s->elapsed_s - terminal.last_plain_s >= PLAIN_INTERVAL_S;
    if (!due && !s->finished) return;
    terminal.last_plain_s = s->elapsed_s;
    fprintf(stderr, "%s: %s\n", s->label, text);
}

void terminal_install(bool quiet, bool verbose) {
    terminal.quiet = quiet;
    terminal.verbose = verbose;
    const char *term = getenv("TERM");
    terminal.tty = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    context_set_sink((log_sink){.message = on_message, .progress = on_progress});
}

void terminal_finish(void) {
    if (terminal.bar_open) fputc('\n', stderr);
    terminal.bar_open = false;
}
