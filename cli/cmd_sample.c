/* A table and a call: input for demos, tests and benchmarks, in the schema of preprocess. How the
 * catalogue is generated is described in src/sample.
 */
#include "cli/command_files.h"
#include "sample/sample.h"

#define AT(field) offsetof(sample_params, field)

static const option options[] = {
    {.name = "out",
     .type = OPTION_PATH,
     .offset = AT(out),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .required = true,
     .help = "Folder for reviews.jsonl and meta.jsonl"},
    {.name = "items",
     .type = OPTION_INT,
     .offset = AT(items),
     .metavar = "N",
     .default_value = "3000",
     .min = 100,
     .max = 1e7,
     .help = "Number of items"},
    {.name = "users",
     .type = OPTION_INT,
     .offset = AT(users),
     .metavar = "N",
     .default_value = "0",
     .min = 0,
     .max = 1e9,
     .help = "Number of users, who write nine reviews each on average; 0: two users per item"},
    {.name = "bad-lines",
     .type = OPTION_INT,
     .offset = AT(bad_lines),
     .metavar = "N",
     .default_value = "3",
     .min = 0,
     .max = 1e6,
     .help = "Malformed lines in each file"},
    {0}};

static semid_status add_files(const void *params, command_files *files, semid_error *err) {
    static const char *const names[] = {"reviews.jsonl", "meta.jsonl", NULL};
    const sample_params *p = params;
    return command_files_in(&files->writes, p->out, names, err);
}

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_sample(params, ctx, report, err);
}

const command cmd_sample = {
    .name = "sample",
    .summary = "Generate a catalogue to try things with",
    .description =
        "Writes a synthetic catalogue and its reviews in the raw schema of Amazon Reviews 2023: "
        "industrial products in product lines of one brand and many sizes, and users with "
        "preferences who move from a product to related ones. It has the faults of real files: "
        "missing titles, descriptions, prices and items, HTML in texts, repeated purchases and "
        "malformed lines. The same seed gives the same bytes.",
    .examples = "semid sample --items 3000 --out demo/raw",
    .options = options,
    .params_size = sizeof(sample_params),
    .run = run,
    .add_files = add_files,
};
