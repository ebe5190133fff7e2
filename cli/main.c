/* semid - one command for the whole pipeline from a catalogue to semantic IDs.
 *
 * Finds the command, fills its parameters (options.c), calls it, and prints its report or its
 * error. Ctrl-C asks the work to stop, which it does between two batches; a second one, or five
 * seconds without an answer, ends the process at once. */
#include "base/context.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "device/device.h"
#include "semid/version.h"
#include "table/parquet_formats.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- signals ---- */

static void on_signal(int number) {
    if (!interrupted()) {
        interrupt_request();
        alarm(5); /* in case a step does not stop */
        if (number != SIGALRM) return;
    }
    file_out_remove_unfinished();
    _exit(128 + (number == SIGALRM ? SIGTERM : number));
}

static void install_signal_handlers(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- output ---- */

static void print_usage(FILE *out) {
    fprintf(out, "semid %s: from a catalogue to semantic IDs\n\nusage: semid COMMAND [options]\n\n",
            semid_version());
    for (const command *const *c = all_commands; *c; c++)
        fprintf(out, "  %-16s %s\n", (*c)->name, (*c)->summary);
    fprintf(out, "\n`semid COMMAND --help` says more; `semid --version` prints the version.\n");
}

/* One figure per line; those of a nested object with its name in front: "unique.moved". */
static void print_figures(const json_t *figures, const char *prefix) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)figures, key, value) {
        char name[64];
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_object(value)) {
            print_figures(value, name);
            continue;
        }

        /* json_dumps would put a string in quotes */
        char *text = json_is_string(value)
                         ? strdup(json_string_value(value))
                         : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        printf("%-24s %s\n", name, text ? text : "");
        free(text);
    }
}

static semid_status print_report(const command *cmd, const json_t *report, bool as_json,
                                 semid_error *err) {
    if (report && as_json) {
        json_dumpf(report, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
        fputc('\n', stdout);
    } else if (report && cmd->print) {
        cmd->print(report, stdout);
    } else if (report) {
        print_figures(report, "");
    }

    if (fflush(stdout) != 0 || ferror(stdout)) FAIL(SEMID_ERR_IO, "standard output: cannot write");
    return SEMID_OK;
}

/* ---- one command ---- */

static semid_status run_command(const command *cmd, const void *params, const common_params *common,
                                semid_error *err) {
    const device *on;
    if (device_find(&on, common->device, err) != SEMID_OK) return STATUS_USAGE;

    threads_set((int)common->threads);
    terminal_install(common->quiet, common->verbose);
    parquet_register_formats();

    step_context ctx = {.seed = (uint64_t)common->seed, .device = on->name};
    json_t *report = NULL;
    semid_status status = cmd->run(params, &ctx, &report, err);
    terminal_finish();
    if (status == SEMID_OK) status = print_report(cmd, report, common->json, err);
    json_decref(report);
    return status;
}

static semid_status parse_and_run(const command *cmd, int argc, char **argv, void *params,
                                  semid_error *err) {
    common_params common = {0};
    TRY(options_set_defaults(common_options, &common, err));
    TRY(options_set_defaults(cmd->options, params, err));
    TRY(options_parse(cmd, argc, argv, params, &common, err));

    if (common.help) {
        options_print_help(cmd, stdout);
        return SEMID_OK;
    }
    TRY(options_check_required(cmd, params, err));
    return run_command(cmd, params, &common, err);
}

/* ---- the program ---- */

enum { EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

static int report_unknown_command(const char *name) {
    const char *words[64];
    size_t n = 0;
    for (const command *const *c = all_commands; *c; c++) words[n++] = (*c)->name;

    const char *near = nearest_word(name, words, n);
    if (near)
        fprintf(stderr, "semid: unknown command \"%s\"; did you mean %s?\n", name, near);
    else
        fprintf(stderr, "semid: unknown command \"%s\"; see semid --help\n", name);
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("semid %s\n", semid_version());
        return 0;
    }

    bool help = strcmp(argv[1], "help") == 0; /* "semid help" or "semid help COMMAND" */
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (help && argc == 2)) {
        print_usage(stdout);
        return 0;
    }

    const char *name = argv[help ? 2 : 1];
    const command *cmd = command_find(name);
    if (!cmd) return report_unknown_command(name);
    if (help) {
        options_print_help(cmd, stdout);
        return 0;
    }

    install_signal_handlers();
    semid_error err = {0};
    void *params = NULL;
    semid_status status = mem_calloc(&params, 1, cmd->params_size, &err);
    if (status == SEMID_OK) status = parse_and_run(cmd, argc - 2, argv + 2, params, &err);
    if (status != SEMID_OK) fprintf(stderr, "semid %s: %s\n", cmd->name, err.message);
    if (params) options_release(cmd->options, params);
    mem_free(params);

    if (status == SEMID_OK) return 0;
    if (status == SEMID_ERR_INTERRUPTED) return EXIT_INTERRUPTED;
    return status == STATUS_USAGE ? EXIT_USAGE : 1;
}
