#include "cli/run_plan.h"

#include "base/file.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "train/train.h"

#include <string.h>

/* An option that the run itself decides, because steps hand files to each other. */
typedef struct decided {
    const char *name, *value; /* value NULL: left alone */
    bool is_short;            /* a short way to give the option: it overrides what is configured */
} decided;

/* Options that name what a step writes; every other path is something it reads. */
static const char *const WRITTEN[] = {"out", "outdir", "outputs-dir", "rows"};

/* ---- strings that live as long as the plan ---- */

static semid_status keep(string_list *list, char *text, semid_error *err) {
    semid_status status =
        mem_resize(&list->items, list->n_items, list->n_items + 1, sizeof(char *), err);
    if (status == SEMID_OK)
        list->items[list->n_items++] = text;
    else
        mem_free(text);
    return status;
}

static semid_status keep_path(run_plan *plan, const char **out, const char *folder,
                              const char *name, semid_error *err) {
    char *path;
    TRY(path_join(&path, folder, name, err));
    *out = path;
    return keep(&plan->strings, path, err);
}

/* A path under --out: "emb/items_emb.npy". */
static semid_status out_path(run_plan *plan, const char **out, const char *folder, const char *name,
                             semid_error *err) {
    const char *under;
    TRY(keep_path(plan, &under, plan->params->out, folder, err));
    return keep_path(plan, out, under, name, err);
}

static semid_status add_string(string_list *list, const char *text, semid_error *err) {
    char *copy;
    TRY(mem_strdup(&copy, text, err));
    return keep(list, copy, err);
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
    return text ? keep(&plan->strings, text, err) : SEMID_OK;
}

/* ---- what a step is told: defaults, then the file, then the command line ---- */

static bool same_section(const char *assignment, const char *section) {
    size_t n = strlen(section);
    return strncmp(assignment, section, n) == 0 && assignment[n] == '.';
}

/* --set section.key=value. A part without '=' goes on with the list before it, since lists come
 * split at commas. */
static semid_status apply_assignments(const run_plan *plan, const command *cmd, const char *section,
                                      void *params, semid_error *err) {
    const string_list *set = &plan->params->set;
    char key[64] = "";
    for (size_t i = 0; i < set->n_items; i++) {
        const char *text = set->items[i], *value = strchr(text, '=');
        if (value) {
            bool ours = same_section(text, section);
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

/* What stands under a method's name is for its training. */
static semid_status apply_user(const run_plan *plan, const command *cmd, const char *method,
                               void *params, semid_error *err) {
    if (strcmp(cmd->name, "train") != 0) method = NULL;
    TRY(apply_section(plan, cmd, cmd->name, params, err));
    if (method) TRY(apply_section(plan, cmd, method, params, err));
    TRY(apply_assignments(plan, cmd, cmd->name, params, err));
    if (method) TRY(apply_assignments(plan, cmd, method, params, err));
    return SEMID_OK;
}

/* A value that the user gave and the run would overwrite is a mistake to name, not to swallow. */
static semid_status refuse_decided(const command *cmd, const decided *list, const json_t *before,
                                   const json_t *after, semid_error *err) {
    for (; list->name; list++) {
        if (!list->value || list->is_short) continue;
        const json_t *a = json_object_get(before, list->name);
        const json_t *b = json_object_get(after, list->name);
        if (a == b || (a && b && json_equal(a, b))) continue;
        FAIL(SEMID_ERR_USAGE, "%s.%s: run decides this itself", cmd->name, list->name);
    }
    return SEMID_OK;
}

static semid_status fill_params(const run_plan *plan, const command *cmd, const char *method,
                                const decided *list, void *params, semid_error *err) {
    json_t *before = NULL, *after = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(options_set_defaults(cmd->options, params, err));
    TRY_GOTO(options_to_json(cmd->options, params, &before, err));
    TRY_GOTO(apply_user(plan, cmd, method, params, err));
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

/* ---- steps ---- */

static bool is_written(const char *option_name) {
    for (size_t i = 0; i < sizeof WRITTEN / sizeof *WRITTEN; i++)
        if (strcmp(WRITTEN[i], option_name) == 0) return true;
    return false;
}

/* A file, of which a name behind it may choose one array. */
static semid_status add_input(run_step *s, const char *spec, semid_error *err) {
    char *file;
    const char *name;
    TRY(path_split_name(&file, &name, spec, err));
    return keep(&s->inputs, file, err);
}

static semid_status add_inputs(run_step *s, const string_list *specs, semid_error *err) {
    for (size_t i = 0; i < specs->n_items; i++) TRY(add_input(s, specs->items[i], err));
    return SEMID_OK;
}

static semid_status collect_inputs(const command *cmd, run_step *s, semid_error *err) {
    for (const option *o = cmd->options; o->name; o++) {
        const void *value = (const char *)s->params + o->offset;
        if (is_written(o->name) || !option_is_set(o, s->params)) continue;
        if (o->type == OPTION_PATH) TRY(add_input(s, *(const char *const *)value, err));
        if (strcmp(o->name, "concat") == 0) TRY(add_inputs(s, value, err));
    }
    return SEMID_OK;
}

static semid_status add_step(run_plan *plan, const char *command_name, const char *method,
                             const decided *list, run_step **out, semid_error *err) {
    const command *cmd = command_find(command_name);
    if (!cmd) FAIL(SEMID_ERR_INTERNAL, "there is no command %s", command_name);
    size_t n = plan->n_steps;
    TRY(mem_reserve(&plan->steps, &plan->capacity_steps, n + 1, sizeof(run_step), err));
    TRY(mem_reserve(&plan->commands, &plan->capacity_commands, n + 1, sizeof(command *), err));
    run_step *s = &plan->steps[n];
    *s = (run_step){.call = cmd->run};
    plan->commands[n] = cmd;
    plan->n_steps++;
    TRY(mem_format(&s->name, err, "%s%s%s", cmd->name, method ? "-" : "", method ? method : ""));
    TRY(mem_calloc(&s->params, 1, cmd->params_size, err));
    TRY(fill_params(plan, cmd, method, list, s->params, err));
    TRY(options_to_json(cmd->options, s->params, &s->options, err));
    *out = s;
    return collect_inputs(cmd, s, err);
}

/* Files of a folder as outputs or inputs of a step; NULL-ended names. */
static semid_status add_files(string_list *list, const char *folder, const char *const *names,
                              semid_error *err) {
    for (; *names; names++) {
        char *path;
        TRY(path_join(&path, folder, *names, err));
        TRY(keep(list, path, err));
    }
    return SEMID_OK;
}

/* ---- the pipeline ---- */

static semid_status plan_preprocess(run_plan *plan, semid_error *err) {
    static const char *const files[] = {"train.parquet", "valid.parquet", "test.parquet",
                                        "items.parquet", "stats.json",    NULL};
    const run_params *p = plan->params;
    const char *dir;
    run_step *s;
    TRY(keep_path(plan, &dir, p->out, "data", err));
    const decided list[] = {{.name = "reviews", .value = p->reviews},
                            {.name = "meta", .value = p->meta},
                            {.name = "train-csv", .value = p->train_csv},
                            {.name = "valid-csv", .value = p->valid_csv},
                            {.name = "test-csv", .value = p->test_csv},
                            {.name = "out", .value = dir},
                            {.name = "core", .value = p->core, .is_short = true},
                            {0}};
    TRY(add_step(plan, "preprocess", NULL, list, &s, err));
    TRY(add_files(&s->outputs, dir, files, err));
    TRY(keep_path(plan, &plan->train, dir, "train.parquet", err));
    TRY(keep_path(plan, &plan->valid, dir, "valid.parquet", err));
    TRY(keep_path(plan, &plan->test, dir, "test.parquet", err));
    return keep_path(plan, &plan->items, dir, "items.parquet", err);
}

static semid_status use_data_folder(run_plan *plan, semid_error *err) {
    const char *dir = plan->params->data;
    TRY(keep_path(plan, &plan->train, dir, "train.parquet", err));
    TRY(keep_path(plan, &plan->valid, dir, "valid.parquet", err));
    TRY(keep_path(plan, &plan->test, dir, "test.parquet", err));
    TRY(keep_path(plan, &plan->items, dir, "items.parquet", err));
    const char *const needed[] = {plan->train, plan->valid, plan->test, plan->items};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        TRY(file_check_readable(needed[i], err));
    return SEMID_OK;
}

static semid_status plan_embed(run_plan *plan, semid_error *err) {
    run_step *s;
    TRY(out_path(plan, &plan->emb, "emb", "items_emb.npy", err));
    TRY(out_path(plan, &plan->ids, "emb", "items_emb.ids.npy", err));
    const decided list[] = {{.name = "data", .value = plan->items},
                            {.name = "model", .value = plan->params->model, .is_short = true},
                            {.name = "out", .value = plan->emb},
                            {.name = "resume", .value = "true"},
                            {0}};
    TRY(add_step(plan, "embed", NULL, list, &s, err));
    TRY(add_string(&s->outputs, plan->emb, err));
    TRY(add_string(&s->outputs, plan->ids, err));
    char *pooling;
    const char *model = json_string_value(json_object_get(s->options, "model"));
    TRY(path_join(&pooling, model, "1_Pooling", err));
    if (path_is_dir(pooling)) return keep(&s->inputs, pooling, err);
    mem_free(pooling);
    return SEMID_OK;
}

static semid_status plan_method(run_plan *plan, const char *method, semid_error *err) {
    static const char *const trained[] = {"codebooks.npz", "codes.npy", "metrics.json", NULL};
    static const char *const networks[] = {"model.safetensors", NULL};
    static const char *const indexed[] = {"inverted.sid", "inverted.meta.json", NULL};
    const char *dir, *codes, *items;
    run_step *s;
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
    TRY(add_step(plan, "train", method, train, &s, err));
    TRY(add_files(&s->outputs, dir, trained, err));
    const train_params *told = s->params;
    if (told->pca > 0) TRY(add_files(&s->outputs, dir, networks, err));
    if (told->hidden.n_items > 0) {
        s->resume = &((train_params *)s->params)->resume;
        TRY(add_files(&s->outputs, dir, networks, err));
    }
    const decided export[] = {{.name = "codes", .value = codes},
                              {.name = "ids", .value = plan->ids},
                              {.name = "out", .value = items},
                              {0}};
    TRY(add_step(plan, "export", method, export, &s, err));
    TRY(add_string(&s->outputs, items, err));
    const decided index[] = {
        {.name = "items", .value = items}, {.name = "outdir", .value = dir}, {0}};
    TRY(add_step(plan, "build-inverted", method, index, &s, err));
    return add_files(&s->outputs, dir, indexed, err);
}

static semid_status plan_faiss(run_plan *plan, const char **dir, semid_error *err) {
    static const char *const files[] = {"index.faiss", "ids.npy", "index.meta.json", NULL};
    run_step *s;
    TRY(keep_path(plan, dir, plan->params->out, "faiss", err));
    const decided list[] = {
        {.name = "emb", .value = plan->emb},
        {.name = "concat", .value = plan->concat, .is_short = true},
        {.name = "concat-weights", .value = plan->concat_weights, .is_short = true},
        {.name = "ids", .value = plan->ids},
        {.name = "outdir", .value = *dir},
        {0}};
    TRY(add_step(plan, "build-faiss", NULL, list, &s, err));
    return add_files(&s->outputs, *dir, files, err);
}

static semid_status plan_eval(run_plan *plan, const string_list *methods, const char *faiss_dir,
                              semid_error *err) {
    static const char *const read[] = {"codebooks.npz", "metrics.json", "items.parquet",
                                       "inverted.sid", NULL};
    const char *index, *index_ids, *csv, *json, *names;
    run_step *s;
    TRY(join(plan, &names, methods, err));
    TRY(keep_path(plan, &index, faiss_dir, "index.faiss", err));
    TRY(keep_path(plan, &index_ids, faiss_dir, "ids.npy", err));
    TRY(out_path(plan, &csv, "results", "offline_eval.csv", err));
    TRY(out_path(plan, &json, "results", "offline_eval.json", err));
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
        {.name = "outputs-dir", .value = plan->params->out},
        {.name = "methods", .value = names},
        {.name = "out", .value = csv},
        {0}};
    TRY(add_step(plan, "eval", NULL, list, &s, err));
    TRY(add_string(&s->outputs, csv, err));
    TRY(add_string(&s->outputs, json, err));
    for (size_t i = 0; i < methods->n_items; i++) {
        const char *dir;
        TRY(keep_path(plan, &dir, plan->params->out, methods->items[i], err));
        TRY(add_files(&s->inputs, dir, read, err));
    }
    return SEMID_OK;
}

/* ---- the whole ---- */

static semid_status unknown_section(const char *where, const char *found, const char *const *known,
                                    size_t n_known, semid_error *err) {
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(found, ".="), found);
    const char *near = nearest_word(word, known, n_known);
    if (near)
        FAIL(SEMID_ERR_USAGE, "%s: there is no section \"%s\"; did you mean %s?", where, word,
             near);
    FAIL(SEMID_ERR_USAGE, "%s: expected the name of a step or a method before a dot, found \"%s\"",
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
        bool found = !json_is_object(value); /* run's own options were taken before */
        for (size_t i = 0; i < n_known; i++) found |= strcmp(known[i], key) == 0;
        if (!found) return unknown_section(plan->params->config, key, known, n_known, err);
    }
    const string_list *set = &plan->params->set;
    for (size_t j = 0; j < set->n_items; j++) {
        bool found = j > 0 && !strchr(set->items[j], '=');
        for (size_t i = 0; i < n_known; i++) found |= same_section(set->items[j], known[i]);
        if (!found) return unknown_section("--set", set->items[j], known, n_known, err);
    }
    return SEMID_OK;
}

static semid_status check_methods(const string_list *methods, semid_error *err) {
    static const char *const known[] = {"rqkmeans", "rqvae", "vqvae"};
    for (size_t i = 0; i < methods->n_items; i++) {
        bool found = false;
        for (size_t k = 0; k < 3; k++) found |= strcmp(methods->items[i], known[k]) == 0;
        for (size_t j = 0; j < i; j++)
            if (strcmp(methods->items[i], methods->items[j]) == 0)
                FAIL(SEMID_ERR_USAGE, "--methods: %s is named twice", methods->items[i]);
        if (!found)
            FAIL(SEMID_ERR_USAGE, "--methods: expected rqkmeans, rqvae or vqvae, found \"%s\"",
                 methods->items[i]);
    }
    return SEMID_OK;
}

static semid_status check_inputs(const run_params *p, semid_error *err) {
    int tables = (p->reviews != NULL) + (p->train_csv != NULL) + (p->data != NULL);
    if (tables > 1)
        FAIL(SEMID_ERR_USAGE, "expected one of --reviews, --train-csv and --data, found %d",
             tables);
    if (tables == 0 && !p->in)
        FAIL(SEMID_ERR_USAGE, "nothing to start from: give --reviews and --meta, --train-csv, "
                              "--valid-csv, --test-csv and --meta, --data, or --in");
    if (p->ids && !p->in) FAIL(SEMID_ERR_USAGE, "--ids goes with --in");
    return SEMID_OK;
}

static semid_status plan_steps(run_plan *plan, const string_list *methods, semid_error *err) {
    const run_params *p = plan->params;
    const char *faiss_dir;
    TRY(join(plan, &plan->concat, &p->concat, err));
    TRY(join(plan, &plan->concat_weights, &p->concat_weights, err));
    if (p->reviews || p->train_csv) TRY(plan_preprocess(plan, err));
    if (p->data) TRY(use_data_folder(plan, err));
    plan->emb = p->in;
    plan->ids = p->ids;
    if (!p->in) TRY(plan_embed(plan, err));
    for (size_t i = 0; i < methods->n_items; i++) TRY(plan_method(plan, methods->items[i], err));
    TRY(plan_faiss(plan, &faiss_dir, err));
    return plan->train ? plan_eval(plan, methods, faiss_dir, err) : SEMID_OK;
}

semid_status run_plan_make(run_plan *plan, const run_params *params, const json_t *config,
                           semid_error *err) {
    *plan = (run_plan){.params = params, .config = config};
    semid_status status = SEMID_OK;
    TRY_GOTO(check_inputs(params, err));
    TRY_GOTO(check_methods(&params->methods, err));
    TRY_GOTO(check_sections(plan, err));
    TRY_GOTO(plan_steps(plan, &params->methods, err));
done:
    if (status != SEMID_OK) run_plan_release(plan);
    return status;
}

static void release_list(string_list *list) {
    for (size_t i = 0; i < list->n_items; i++) mem_free(list->items[i]);
    mem_free(list->items);
    *list = (string_list){0};
}

void run_plan_release(run_plan *plan) {
    for (size_t i = 0; i < plan->n_steps; i++) {
        run_step *s = &plan->steps[i];
        if (s->params) options_release(plan->commands[i]->options, s->params);
        mem_free(s->params);
        mem_free(s->name);
        json_decref(s->options);
        release_list(&s->inputs);
        release_list(&s->outputs);
    }
    mem_free(plan->steps);
    mem_free(plan->commands);
    release_list(&plan->strings);
    *plan = (run_plan){0};
}
