#include "cli/commands.h"
#include "cli/run_plan.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/memory.h"

#include <string.h>

#define AT(field) offsetof(run_params, field)

static const option options[] = {
    {.name = "out",
     .type = OPTION_PATH,
     .offset = AT(out),
     .metavar = "DIR",
     .required = true,
     .help = "Folder for everything"},
    {.name = "reviews",
     .type = OPTION_PATH,
     .offset = AT(reviews),
     .metavar = "FILES",
     .help = "Start from raw reviews (.jsonl, .jsonl.gz, .jsonl.zst: files, glob or folder)"},
    {.name = "meta",
     .type = OPTION_PATH,
     .offset = AT(meta),
     .metavar = "FILES",
     .help = "Raw item records, with --reviews or the official splits"},
    {.name = "train-csv",
     .type = OPTION_PATH,
     .offset = AT(train_csv),
     .metavar = "FILE",
     .help = "Start from the official splits: the train file"},
    {.name = "valid-csv",
     .type = OPTION_PATH,
     .offset = AT(valid_csv),
     .metavar = "FILE",
     .help = "The valid file of the official splits"},
    {.name = "test-csv",
     .type = OPTION_PATH,
     .offset = AT(test_csv),
     .metavar = "FILE",
     .help = "The test file of the official splits"},
    {.name = "data",
     .type = OPTION_PATH,
     .offset = AT(data),
     .metavar = "DIR",
     .help = "Start from a folder that preprocess made"},
    {.name = "in",
     .type = OPTION_PATH,
     .offset = AT(in),
     .metavar = "FILE",
     .help = "Start from vectors instead of texts; evaluated if there are reviews or data as well"},
    {.name = "ids",
     .type = OPTION_PATH,
     .offset = AT(ids),
     .metavar = "FILE",
     .help = "Item ids of --in, unless that file carries them"},
    {.name = "concat",
     .type = OPTION_LIST,
     .offset = AT(concat),
     .metavar = "FILE",
     .help = "More vectors of the same items, row by row beside the first, for train, build-faiss "
             "and eval"},
    {.name = "concat-weights",
     .type = OPTION_LIST,
     .offset = AT(concat_weights),
     .metavar = "W,W,...",
     .help = "How much each file counts, the first included; default: all alike"},
    {.name = "model",
     .type = OPTION_PATH,
     .offset = AT(model),
     .metavar = "DIR",
     .help = "Model folder that makes vectors of texts, such as scripts/get-model fetches; "
             "the same as --set embed.model=DIR"},
    {.name = "core",
     .type = OPTION_STRING,
     .offset = AT(core),
     .metavar = "N",
     .help = "Keep users and items with at least N rows, 0 all; the same as "
             "--set preprocess.core=N"},
    {.name = "methods",
     .type = OPTION_LIST,
     .offset = AT(methods),
     .metavar = "NAMES",
     .default_value = "rqkmeans,rqvae,vqvae",
     .help = "Tokenizers to train, index and compare"},
    {.name = "config",
     .type = OPTION_PATH,
     .offset = AT(config),
     .metavar = "FILE",
     .help =
         "JSON: options of the steps by step or method, {\"preprocess\": {\"core\": 0}}, and of "
         "run itself by name; the command line wins"},
    {.name = "set",
     .type = OPTION_LIST,
     .offset = AT(set),
     .metavar = "STEP.KEY=VALUE",
     .help = "Any option of a step, or of train for one method: train.K=512 rqvae.epochs=50"},
    {.name = "force", .type = OPTION_FLAG, .offset = AT(force), .help = "Do every step again"},
    {.name = "dry-run",
     .type = OPTION_FLAG,
     .offset = AT(dry_run),
     .help = "Say which steps are due, and why, without doing them"},
    {0}};

/* ---- the configuration ---- */

static semid_status own_options_of(const json_t *config, const char *path, run_params *own,
                                   semid_error *err) {
    const char *key;
    json_t *value;
    if (!json_is_object(config)) FAIL(SEMID_ERR_USAGE, "%s: expected a JSON object", path);
    json_object_foreach((json_t *)(uintptr_t)config, key, value) {
        if (json_is_object(value)) continue; /* a section, see run_plan */
        json_t *one = json_pack("{s:O}", key, value);
        if (!one) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: %s", path);
        semid_status status = options_from_json(&cmd_run, one, own, err);
        json_decref(one);
        if (status != SEMID_OK) return error_prefix(err, "%s", path);
    }
    return SEMID_OK;
}

/* What the command line gave stays. The strings and lists remain those of `own`. */
static void fill_from(run_params *p, const run_params *own) {
    for (const option *o = options; o->name; o++) {
        void *to = (char *)p + o->offset;
        const void *from = (const char *)own + o->offset;
        if (!option_is_set(o, own)) continue;
        if (o->type == OPTION_LIST) {
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

static semid_status add_files(const run_params *p, json_t *report, semid_error *err) {
    static const char *const names[] = {"data",  "emb",   "faiss",   "rqkmeans",
                                        "rqvae", "vqvae", "results", "records"};
    json_t *files = json_object();
    if (json_object_set_new(report, "files", files) != 0)
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path;
        TRY(path_join(&path, p->out, names[i], err));
        if (path_is_dir(path)) json_object_set_new(files, names[i], json_string(path));
        mem_free(path);
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
    TRY_GOTO(add_files(p, figures, err));
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
        TRY_GOTO(own_options_of(config, p.config, &own, err));
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
        const command *eval = strcmp(name, "eval") == 0 ? command_find(name) : NULL;
        if (!eval || !eval->print || !figures) continue;
        eval->print(figures, out);
        fputc('\n', out);
    }
    json_object_foreach(json_object_get(report, "files"), key, value)
        fprintf(out, "%-10s %s\n", key, json_string_value(value));
}

const command cmd_run = {
    .name = "run",
    .summary = "Every step from raw files to the evaluation, resumable",
    .description =
        "Goes the whole way: preprocess, embed, then for each method train, export and "
        "build-inverted, then build-faiss and eval. Everything lies under --out, and "
        "results/offline_eval.csv compares the methods. A step whose inputs, options and version "
        "are those of its last run is skipped; a run that was stopped goes on where it was.",
    .examples = "semid run --reviews reviews.jsonl.gz --meta meta.jsonl.gz --model DIR --out out\n"
                "semid run --data out/data --in vectors.npy --ids ids.txt --out out2 "
                "--methods rqkmeans\n"
                "semid run --config run.json --out out --set train.K=512 rqvae.epochs=50 --dry-run",
    .options = options,
    .params_size = sizeof(run_params),
    .run = run,
    .print = print,
};
