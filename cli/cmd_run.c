/* `semid run`: reads the config file, plans the steps (run_plan.c) and runs those that are due
 * (run/run.c). All options of all steps are checked while the plan is made, and all outputs before
 * the first step starts, so that a mistake in the last step does not show after hours. */
#include "base/file.h"
#include "base/json_file.h"
#include "base/json_report.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/run_plan.h"

#include <string.h>

#define AT(field) offsetof(run_params, field)

static const option options[] = {
    {.name = "out",
     .type = OPTION_PATH,
     .offset = AT(out),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .required = true,
     .help = "Folder for all output"},
    {.name = "reviews",
     .type = OPTION_PATH,
     .offset = AT(reviews),
     .metavar = "FILES",
     .file = FILE_READ,
     .help = "Start from raw reviews (.jsonl, .jsonl.gz, .jsonl.zst: files, glob or folder)"},
    {.name = "meta",
     .type = OPTION_PATH,
     .offset = AT(meta),
     .metavar = "FILES",
     .file = FILE_READ,
     .help = "Raw item records, with --reviews or --train-csv"},
    {.name = "train-csv",
     .type = OPTION_PATH,
     .offset = AT(train_csv),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Start from the official splits: the train file"},
    {.name = "valid-csv",
     .type = OPTION_PATH,
     .offset = AT(valid_csv),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "The valid file of the official splits"},
    {.name = "test-csv",
     .type = OPTION_PATH,
     .offset = AT(test_csv),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "The test file of the official splits"},
    {.name = "data",
     .type = OPTION_PATH,
     .offset = AT(data),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .help = "Start from a folder that preprocess wrote"},
    {.name = "in",
     .type = OPTION_PATH,
     .offset = AT(in),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Start from vectors instead of texts; to evaluate them, give --reviews, --train-csv "
             "or --data as well"},
    {.name = "ids",
     .type = OPTION_PATH,
     .offset = AT(ids),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Item ids of --in",
     .unset = "the ids in the file of the vectors"},
    {.name = "concat",
     .type = OPTION_LIST,
     .offset = AT(concat),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "More vectors of the same items, appended row by row, for train, build-faiss "
             "and eval"},
    {.name = "concat-weights",
     .type = OPTION_LIST,
     .offset = AT(concat_weights),
     .metavar = "W,W,...",
     .help = "One weight per file, --in included",
     .unset = "equal weights"},
    {.name = "model",
     .type = OPTION_PATH,
     .offset = AT(model),
     .metavar = "DIR",
     .file = FILE_READ,
     .help = "Model folder for embed, such as scripts/get-model downloads; short for --set "
             "embed.model=DIR"},
    {.name = "core",
     .type = OPTION_STRING,
     .offset = AT(core),
     .metavar = "N",
     .help = "Keep users and items with at least N rows, 0 keeps all; short for --set "
             "preprocess.core=N"},
    {.name = "methods",
     .type = OPTION_LIST,
     .offset = AT(methods),
     .metavar = "NAMES",
     .default_value = "rqkmeans,rqvae,vqvae",
     .help = "Methods to train, index and compare"},
    {.name = "config",
     .type = OPTION_PATH,
     .offset = AT(config),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "JSON file: options of steps and methods, {\"preprocess\": {\"core\": 0}}, and "
             "options of run itself by their names; the command line overrides it"},
    {.name = "set",
     .type = OPTION_LIST,
     .offset = AT(set),
     .metavar = "STEP.KEY=VALUE",
     .help = "Any option of a step, or of train for one method: train.K=512 rqvae.epochs=50"},
    {.name = "force", .type = OPTION_FLAG, .offset = AT(force), .help = "Run every step again"},
    {.name = "dry-run",
     .type = OPTION_FLAG,
     .offset = AT(dry_run),
     .help = "Print which steps are due, and why, without running them"},
    {0}};

/* ---- the configuration ---- */

/* The options of run itself in the config file; its objects are sections, see run_plan.c. */
static semid_status read_own_options(const json_t *config, const char *path, run_params *own,
                                     semid_error *err) {
    const char *key;
    json_t *value;
    if (!json_is_object(config)) FAIL(STATUS_USAGE, "%s: expected a JSON object", path);

    json_object_foreach((json_t *)(uintptr_t)config, key, value) {
        if (json_is_object(value)) continue;
        json_t *one;
        TRY(json_made(&one, json_pack("{s:O}", key, value), err));
        semid_status status = options_from_json(&cmd_run, one, own, err);
        json_decref(one);
        if (status != SEMID_OK) return error_prefix(err, "%s", path);
    }
    return SEMID_OK;
}

/* Take over from `own` what the command line did not give. Strings and lists remain owned by `own`,
 * so p's lists must not be released after this. */
static void fill_from(run_params *p, const run_params *own) {
    for (const option *o = options; o->name; o++) {
        void *to = (char *)p + o->offset;
        const void *from = (const char *)own + o->offset;
        if (!option_is_set(o, own)) continue;

        if (o->type == OPTION_LIST) { /* a list that is only the default gives way */
            string_list *list = to;
            if (list->is_default || !list->n_items) memcpy(to, from, sizeof *list);
        } else if (o->type == OPTION_FLAG) {
            *(bool *)to |= *(const bool *)from;
        } else if (!option_is_set(o, p)) {
            *(const char **)to = *(const char *const *)from;
        }
    }
}

/* ---- the run ---- */

/* report["files"]: the folders under --out that exist now. */
static semid_status add_folders(const run_params *p, json_t *report, semid_error *err) {
    static const char *const names[] = {"data",  "emb",   "faiss",   "rqkmeans",
                                        "rqvae", "vqvae", "results", "records"};
    json_t *folders = json_object();
    TRY(json_set(report, "files", folders, err));

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path;
        semid_status status = SEMID_OK;
        TRY(path_join(&path, p->out, names[i], err));
        if (path_is_dir(path)) status = json_set(folders, names[i], json_string(path), err);
        mem_free(path);
        TRY(status);
    }
    return SEMID_OK;
}

static semid_status run_configured(const run_params *p, const json_t *config,
                                   const step_context *ctx, json_t **report, semid_error *err) {
    step_timer timer = step_begin();
    run_plan plan = {0};
    json_t *figures = NULL;
    char *records = NULL;
    semid_status status = SEMID_OK;

    TRY_GOTO(run_plan_make(&plan, p, config, err));
    TRY_GOTO(path_join(&records, p->out, "records", err));
    const run_settings settings = {.record_dir = records, .force = p->force, .dry_run = p->dry_run};
    TRY_GOTO(run_steps(plan.steps, plan.n_steps, &settings, ctx, &figures, err));

    TRY_GOTO(add_folders(p, figures, err));
    TRY_GOTO(step_end(timer, figures, err));
    *report = figures;
    figures = NULL;
done:
    json_decref(figures);
    run_plan_release(&plan);
    mem_free(records);
    return status;
}

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    run_params p = *(const run_params *)params, own = {0};
    json_t *config = NULL;
    semid_status status = SEMID_OK;

    if (p.config) {
        TRY_GOTO(json_file_load(&config, p.config, err));
        TRY_GOTO(read_own_options(config, p.config, &own, err));
        fill_from(&p, &own);
    }
    status = run_configured(&p, config, ctx, report, err);
done:
    options_release(options, &own);
    json_decref(config);
    return status;
}

/* The table of the evaluation, then where everything is. */
static void print(const json_t *report, FILE *out) {
    size_t i;
    const char *key;
    json_t *step, *value;
    json_array_foreach(json_object_get(report, "steps"), i, step) {
        const json_t *figures = json_object_get(step, "report");
        const char *name = json_string_value(json_object_get(step, "step"));
        if (strcmp(name, cmd_eval.name) != 0 || !figures) continue;
        cmd_eval.print(figures, out);
        fputc('\n', out);
    }

    json_object_foreach(json_object_get(report, "files"), key, value)
        fprintf(out, "%-10s %s\n", key, json_string_value(value));
}

const command cmd_run = {
    .name = "run",
    .summary = "Run every step from raw files to the evaluation, resumable",
    .description =
        "Runs the whole pipeline: preprocess and embed; train, export and build-inverted for each "
        "method; build-faiss and eval. All output is in --out, and results/offline_eval.csv "
        "compares the methods. A step is skipped if its inputs, outputs, options and version are "
        "those of its last run; a run that was stopped continues where it stopped.",
    .examples = "semid run --reviews reviews.jsonl.gz --meta meta.jsonl.gz --model DIR --out out\n"
                "semid run --data out/data --in vectors.npy --ids ids.txt --out out2 "
                "--methods rqkmeans\n"
                "semid run --config run.json --out out --set train.K=512 rqvae.epochs=50 --dry-run",
    .options = options,
    .params_size = sizeof(run_params),
    .run = run,
    .print = print,
};
