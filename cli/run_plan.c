/*
 * `semid run` as a list of calls of other commands. A step is a command with filled parameters; its
 * files and the flag to resume it come from the command (command_files.h), so that the plan knows
 * only what must go from one step to the next:
 *
 *   preprocess -> embed -> for each method: train -> export -> build-inverted
 *                       -> build-faiss -> eval of all methods
 *
 * Parameters are set in this order, the later ones winning: defaults, the section of the config
 * file named like the step, that of the method (train only), --set STEP.KEY, --set METHOD.KEY. Then
 * come the options that the run decides itself, because one step writes what the next one reads:
 * if the user has set one of those, it is an error, not silently lost.
 *
 * Which of the steps are due is found later, by run/run.c.
 */
#include "cli/run_plan.h"

#include "base/file.h"
#include "base/memory.h"
#include "cli/command_files.h"
#include "cli/commands.h"

#include <string.h>

/* An option that the run itself decides. */
typedef struct decided {
    const char *name, *value; /* value NULL: left as it is */
    bool is_short;            /* an option of run that is short for this one: it overrides */
} decided;

/* ---- strings that live as long as the plan ---- */

static semid_status keep_path(run_plan *plan, const char **out, const char *folder,
                              const char *name, semid_error *err) {
    char *path;
    TRY(path_join(&path, folder, name, err));
    *out = path;
    return string_list_take(&plan->strings, path, err);
}

/* As the command line takes a list; NULL for an empty one. */
static semid_status join(run_plan *plan, const char **out, const string_list *list,
                         semid_error *err) {
    char *text = NULL;
    for (size_t i = 0; i < list->n_items; i++) {
        char *longer;
        semid_status status =
            mem_format(&longer, err, "%s%s%s", text ? text : "", text ? "," : "", list->items[i]);
        mem_free(text);
        TRY(status);
        text = longer;
    }
    *out = text;
    return text ? string_list_take(&plan->strings, text, err) : SEMID_OK;
}

/* ---- the parameters of a step ---- */

static bool is_in_section(const char *assignment, const char *section) {
    size_t n = strlen(section);
    return strncmp(assignment, section, n) == 0 && assignment[n] == '.';
}

/* --set section.key=value. Lists arrive split at commas, so an item without '=' is a further value
 * of the key before it. */
static semid_status apply_assignments(const run_plan *plan, const command *cmd, const char *section,
                                      void *params, semid_error *err) {
    const string_list *set = &plan->params->set;
    char key[64] = ""; /* "" while the values are of another section */

    for (size_t i = 0; i < set->n_items; i++) {
        const char *text = set->items[i], *value = strchr(text, '=');
        if (value) {
            bool ours = is_in_section(text, section);
            const char *name = text + strlen(section) + 1;
            snprintf(key, sizeof key, "%.*s", ours ? (int)(value - name) : 0, ours ? name : "");
            value++;
        } else {
            value = text;
        }

        if (!*key) continue;
        if (options_set(cmd, params, key, value, err) != SEMID_OK)
            return error_prefix(err, "--set %s", text);
    }

    options_end_layer(cmd->options, params);
    return SEMID_OK;
}

static semid_status apply_section(const run_plan *plan, const command *cmd, const char *section,
                                  void *params, semid_error *err) {
    const json_t *given = json_object_get(plan->config, section);
    if (given && options_from_json(cmd, given, params, err) != SEMID_OK)
        return error_prefix(err, "%s: %s", plan->params->config, section);
    options_end_layer(cmd->options, params);
    return SEMID_OK;
}

/* A decided value that the user set to something else is a mistake to report. */
static semid_status refuse_decided(const command *cmd, const decided *list, const json_t *before,
                                   const json_t *after, semid_error *err) {
    for (; list->name; list++) {
        if (!list->value || list->is_short) continue;
        const json_t *a = json_object_get(before, list->name);
        const json_t *b = json_object_get(after, list->name);
        if (a == b || (a && b && json_equal(a, b))) continue;
        FAIL(STATUS_USAGE, "%s.%s: run decides this itself", cmd->name, list->name);
    }
    return SEMID_OK;
}

static semid_status fill_params(const run_plan *plan, const command *cmd, const char *method,
                                const decided *list, void *params, semid_error *err) {
    bool for_method = method && strcmp(cmd->name, "train") == 0;
    json_t *before = NULL, *after = NULL;
    semid_status status = SEMID_OK;

    TRY_GOTO(options_set_defaults(cmd->options, params, err));
    TRY_GOTO(options_to_json(cmd->options, params, &before, err));

    TRY_GOTO(apply_section(plan, cmd, cmd->name, params, err));
    if (for_method) TRY_GOTO(apply_section(plan, cmd, method, params, err));
    TRY_GOTO(apply_assignments(plan, cmd, cmd->name, params, err));
    if (for_method) TRY_GOTO(apply_assignments(plan, cmd, method, params, err));

    /* what differs from the defaults now was set by the user */
    TRY_GOTO(options_to_json(cmd->options, params, &after, err));
    TRY_GOTO(refuse_decided(cmd, list, before, after, err));
    for (const decided *d = list; d->name; d++)
        if (d->value) TRY_GOTO(options_set(cmd, params, d->name, d->value, err));

    if (options_check_required(cmd, params, err) != SEMID_OK)
        status = error_prefix(err, "%s", cmd->name);
done:
    json_decref(before);
    json_decref(after);
    return status;
}

static semid_status add_step(run_plan *plan, const char *command_name, const char *method,
                             const decided *list, semid_error *err) {
    const command *cmd = command_find(command_name);
    if (!cmd) FAIL(SEMID_ERR_INTERNAL, "there is no command %s", command_name);

    size_t n = plan->n_steps;
    TRY(mem_reserve(&plan->steps, &plan->capacity_steps, n + 1, sizeof(run_step), err));
    TRY(mem_reserve(&plan->commands, &plan->capacity_commands, n + 1, sizeof(command *), err));
    run_step *s = &plan->steps[n];
    *s = (run_step){.call = cmd->run};
    plan->commands[n] = cmd;
    plan->n_steps++; /* from here on, run_plan_release frees it */

    TRY(mem_format(&s->name, err, "%s%s%s", cmd->name, method ? "-" : "", method ? method : ""));
    TRY(mem_calloc(&s->params, 1, cmd->params_size, err));
    TRY(fill_params(plan, cmd, method, list, s->params, err));
    TRY(options_to_json(cmd->options, s->params, &s->options, err));

    command_files files;
    TRY(command_files_collect(&files, cmd, s->params, err));
    s->inputs = files.reads;
    s->outputs = files.writes;
    s->resume = cmd->resume_flag ? cmd->resume_flag(s->params) : NULL;
    return SEMID_OK;
}

/* ---- the pipeline ---- */

/* The tables that preprocess writes into `dir`. */
static semid_status name_tables(run_plan *plan, const char *dir, semid_error *err) {
    TRY(keep_path(plan, &plan->train, dir, "train.parquet", err));
    TRY(keep_path(plan, &plan->valid, dir, "valid.parquet", err));
    TRY(keep_path(plan, &plan->test, dir, "test.parquet", err));
    return keep_path(plan, &plan->items, dir, "items.parquet", err);
}

static semid_status plan_preprocess(run_plan *plan, semid_error *err) {
    const run_params *p = plan->params;
    const char *dir;
    TRY(keep_path(plan, &dir, p->out, "data", err));
    TRY(name_tables(plan, dir, err));

    const decided list[] = {{.name = "reviews", .value = p->reviews},
                            {.name = "meta", .value = p->meta},
                            {.name = "train-csv", .value = p->train_csv},
                            {.name = "valid-csv", .value = p->valid_csv},
                            {.name = "test-csv", .value = p->test_csv},
                            {.name = "out", .value = dir},
                            {.name = "core", .value = p->core, .is_short = true},
                            {0}};
    return add_step(plan, "preprocess", NULL, list, err);
}

static semid_status use_data_folder(run_plan *plan, semid_error *err) {
    TRY(name_tables(plan, plan->params->data, err));
    const char *const needed[] = {plan->train, plan->valid, plan->test, plan->items};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        TRY(file_check_readable(needed[i], err));
    return SEMID_OK;
}

static semid_status plan_embed(run_plan *plan, semid_error *err) {
    TRY(keep_path(plan, &plan->emb, plan->params->out, "emb/items_emb.npy", err));
    TRY(keep_path(plan, &plan->ids, plan->params->out, "emb/items_emb.ids.npy", err));
    const decided list[] = {{.name = "data", .value = plan->items},
                            {.name = "model", .value = plan->params->model, .is_short = true},
                            {.name = "out", .value = plan->emb},
                            {.name = "resume", .value = "true"},
                            {0}};
    return add_step(plan, "embed", NULL, list, err);
}

/* The file of the vectors, where it carries ids. */
static semid_status find_ids(run_plan *plan, const char **out, semid_error *err) {
    char *file, extension[16];
    const char *name;
    TRY(path_split_name(&file, &name, plan->emb, err));
    TRY(string_list_take(&plan->strings, file, err));

    /* .npy, .npz and .safetensors hold vectors alone */
    path_extension(file, extension);
    if (strcmp(extension, "pt") != 0 && strcmp(extension, "parquet") != 0)
        FAIL(STATUS_USAGE,
             "--in %s: expected --ids FILE as well, since only .pt and .parquet "
             "files carry ids",
             plan->emb);
    *out = file;
    return SEMID_OK;
}

static semid_status plan_method(run_plan *plan, const char *method, semid_error *err) {
    const char *dir, *codes, *items, *ids = plan->ids;
    TRY(keep_path(plan, &dir, plan->params->out, method, err));
    TRY(keep_path(plan, &codes, dir, "codes.npy", err));
    TRY(keep_path(plan, &items, dir, "items.parquet", err));

    const decided train[] = {
        {.name = "in", .value = plan->emb},
        {.name = "concat", .value = plan->concat, .is_short = true},
        {.name = "concat-weights", .value = plan->concat_weights, .is_short = true},
        {.name = "out", .value = dir},
        {.name = "method", .value = method},
        {0}};
    TRY(add_step(plan, "train", method, train, err));

    /* codes have the rows of the vectors, so the ids of the vectors are theirs */
    if (!ids) TRY(find_ids(plan, &ids, err));
    const decided export[] = {{.name = "codes", .value = codes},
                              {.name = "ids", .value = ids},
                              {.name = "out", .value = items},
                              {0}};
    TRY(add_step(plan, "export", method, export, err));

    const decided index[] = {
        {.name = "items", .value = items}, {.name = "outdir", .value = dir}, {0}};
    return add_step(plan, "build-inverted", method, index, err);
}

static semid_status plan_faiss(run_plan *plan, const char *dir, semid_error *err) {
    const decided list[] = {
        {.name = "emb", .value = plan->emb},
        {.name = "concat", .value = plan->concat, .is_short = true},
        {.name = "concat-weights", .value = plan->concat_weights, .is_short = true},
        {.name = "ids", .value = plan->ids},
        {.name = "outdir", .value = dir},
        {0}};
    return add_step(plan, "build-faiss", NULL, list, err);
}

static semid_status plan_eval(run_plan *plan, const char *faiss_dir, semid_error *err) {
    const run_params *p = plan->params;
    const char *index, *index_ids, *csv, *names;
    TRY(join(plan, &names, &p->methods, err));
    TRY(keep_path(plan, &index, faiss_dir, "index.faiss", err));
    TRY(keep_path(plan, &index_ids, faiss_dir, "ids.npy", err));
    TRY(keep_path(plan, &csv, p->out, "results/offline_eval.csv", err));

    const decided list[] = {
        {.name = "train", .value = plan->train},
        {.name = "valid", .value = plan->valid},
        {.name = "test", .value = plan->test},
        {.name = "items-emb", .value = plan->emb},
        {.name = "concat", .value = plan->concat, .is_short = true},
        {.name = "concat-weights", .value = plan->concat_weights, .is_short = true},
        {.name = "items-ids", .value = plan->ids},
        {.name = "faiss-index", .value = index},
        {.name = "faiss-ids", .value = index_ids},
        {.name = "outputs-dir", .value = p->out},
        {.name = "methods", .value = names},
        {.name = "out", .value = csv},
        {0}};
    return add_step(plan, "eval", NULL, list, err);
}

static semid_status plan_steps(run_plan *plan, semid_error *err) {
    const run_params *p = plan->params;
    const char *faiss_dir;
    TRY(join(plan, &plan->concat, &p->concat, err));
    TRY(join(plan, &plan->concat_weights, &p->concat_weights, err));
    TRY(keep_path(plan, &faiss_dir, p->out, "faiss", err));

    if (p->reviews || p->train_csv) TRY(plan_preprocess(plan, err));
    if (p->data) TRY(use_data_folder(plan, err));

    plan->emb = p->in;
    plan->ids = p->ids;
    if (!p->in) TRY(plan_embed(plan, err));

    for (size_t i = 0; i < p->methods.n_items; i++)
        TRY(plan_method(plan, p->methods.items[i], err));
    TRY(plan_faiss(plan, faiss_dir, err));

    /* vectors alone, without interactions, cannot be evaluated */
    return plan->train ? plan_eval(plan, faiss_dir, err) : SEMID_OK;
}

/* ---- usage ---- */

static semid_status unknown_section(const char *where, const char *found, const char *const *known,
                                    size_t n_known, semid_error *err) {
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(found, ".="), found);
    const char *near = nearest_word(word, known, n_known);
    if (near)
        FAIL(STATUS_USAGE, "%s: there is no section \"%s\"; did you mean %s?", where, word, near);
    FAIL(STATUS_USAGE, "%s: expected the name of a step or a method before a dot, found \"%s\"",
         where, found);
}

static semid_status check_sections(const run_plan *plan, semid_error *err) {
    static const char *const known[] = {"preprocess",     "embed",       "train", "export",
                                        "build-inverted", "build-faiss", "eval",  "rqkmeans",
                                        "rqvae",          "vqvae"};
    const size_t n_known = sizeof known / sizeof *known;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)plan->config, key, value) {
        bool found = !json_is_object(value); /* an option of run itself, see cmd_run.c */
        for (size_t i = 0; i < n_known; i++) found |= strcmp(known[i], key) == 0;
        if (!found) return unknown_section(plan->params->config, key, known, n_known, err);
    }

    const string_list *set = &plan->params->set;
    for (size_t j = 0; j < set->n_items; j++) {
        bool found = j > 0 && !strchr(set->items[j], '='); /* a further value of a list */
        for (size_t i = 0; i < n_known; i++) found |= is_in_section(set->items[j], known[i]);
        if (!found) return unknown_section("--set", set->items[j], known, n_known, err);
    }
    return SEMID_OK;
}

static semid_status check_methods(const string_list *methods, semid_error *err) {
    static const char *const known[] = {"rqkmeans", "rqvae", "vqvae"};
    for (size_t i = 0; i < methods->n_items; i++) {
        const char *name = methods->items[i];
        bool found = false;
        for (size_t k = 0; k < 3; k++) found |= strcmp(name, known[k]) == 0;
        if (!found)
            FAIL(STATUS_USAGE, "--methods: expected rqkmeans, rqvae or vqvae, found \"%s\"", name);

        for (size_t j = 0; j < i; j++)
            if (strcmp(name, methods->items[j]) == 0)
                FAIL(STATUS_USAGE, "--methods: %s is named twice", name);
    }
    return SEMID_OK;
}

static semid_status check_inputs(const run_params *p, semid_error *err) {
    int tables = (p->reviews != NULL) + (p->train_csv != NULL) + (p->data != NULL);
    if (tables > 1)
        FAIL(STATUS_USAGE, "expected one of --reviews, --train-csv and --data, found %d", tables);
    if (tables == 0 && !p->in)
        FAIL(STATUS_USAGE, "nothing to start from: give --reviews and --meta, --train-csv, "
                           "--valid-csv, --test-csv and --meta, --data, or --in");
    if (p->ids && !p->in) FAIL(STATUS_USAGE, "--ids goes with --in");
    return SEMID_OK;
}

semid_status run_plan_make(run_plan *plan, const run_params *params, const json_t *config,
                           semid_error *err) {
    *plan = (run_plan){.params = params, .config = config};
    semid_status status = SEMID_OK;

    TRY_GOTO(check_inputs(params, err));
    TRY_GOTO(check_methods(&params->methods, err));
    TRY_GOTO(check_sections(plan, err));
    TRY_GOTO(plan_steps(plan, err));
done:
    if (status != SEMID_OK) run_plan_release(plan);
    return status;
}

void run_plan_release(run_plan *plan) {
    for (size_t i = 0; i < plan->n_steps; i++) {
        run_step *s = &plan->steps[i];
        if (s->params) options_release(plan->commands[i]->options, s->params);
        mem_free(s->params);
        mem_free(s->name);
        json_decref(s->options);
        string_list_release(&s->inputs);
        string_list_release(&s->outputs);
    }

    mem_free(plan->steps);
    mem_free(plan->commands);
    string_list_release(&plan->strings);
    *plan = (run_plan){0};
}
