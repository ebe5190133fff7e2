/* run/run.h - several steps one after the other, leaving out those whose work is done.
 *
 * A finished step leaves a record, DIR/<name>.json: version, seed, options, fingerprints of its
 * inputs and outputs, and its report. A step is up to date when its record says what would be
 * written now. So a run that was stopped goes on where it was, and a changed option repeats only
 * the steps that depend on it. A step that was stopped leaves DIR/<name>.unfinished.json, which
 * says what it was begun with: a step that can go on from its own half-done work does so if that is
 * still the same. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "pipeline/step.h"

typedef struct run_step {
    char *name; /* "train-rqvae" */
    semid_status (*call)(const void *params, const step_context *ctx, json_t **report,
                         semid_error *err);
    void *params;
    bool *resume;        /* in params: the run sets it where the step may go on from what an earlier
                            run left; NULL: it cannot, or decides for itself */
    json_t *options;     /* all options of the step */
    string_list inputs;  /* each a file, folder, glob or comma list */
    string_list outputs; /* files */
} run_step;

typedef struct run_settings {
    const char *record_dir;
    bool force;   /* nothing is up to date */
    bool dry_run; /* say what would be done */
} run_settings;

/* report: {"steps": [{"step", "state": "done" | "up to date" | "due", "why", "seconds",
 * "report"}]}. The first step that fails ends the run; its error is prefixed with its name. */
semid_status run_steps(const run_step *steps, size_t n_steps, const run_settings *settings,
                       const step_context *ctx, json_t **report, semid_error *err);

#endif
