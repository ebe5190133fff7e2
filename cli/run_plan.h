/* cli/run_plan.h - the steps of a `semid run`, and the parameters of each. */
#ifndef CLI_RUN_PLAN_H
#define CLI_RUN_PLAN_H

#include "cli/options.h"
#include "run/run.h"

typedef struct run_params {
    const char *out, *config;
    const char *reviews, *meta;                   /* raw files ... */
    const char *train_csv, *valid_csv, *test_csv; /* ... or official splits ... */
    const char *data;                             /* ... or a folder that preprocess wrote ... */
    const char *in, *ids;                         /* ... or vectors */
    string_list concat, concat_weights;           /* joined to the vectors of either kind */
    const char *model, *core;
    string_list methods, set;
    bool force, dry_run;
} run_params;

typedef struct run_plan {
    run_step *steps;
    const command **commands; /* of each step */
    size_t n_steps, capacity_steps, capacity_commands;
    string_list strings; /* paths that params of steps point to */
    const run_params *params;
    const json_t *config;
    const char *items, *train, *valid, *test; /* Parquet; NULL: there is none */
    const char *emb, *ids;                    /* ids NULL: emb carries them */
    const char *concat, *concat_weights;      /* with commas; NULL: none */
} run_plan;

/* `params` and `config` (NULL allowed; borrowed) must outlive the plan. */
semid_status run_plan_make(run_plan *plan, const run_params *params, const json_t *config,
                           semid_error *err);
void run_plan_release(run_plan *plan);

#endif
