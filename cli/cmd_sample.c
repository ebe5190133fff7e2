#include "cli/commands.h"
#include "sample/sample.h"

#define AT(field) offsetof(sample_params, field)

static const option options[] = {
    {.name = "out",
     .type = OPTION_PATH,
     .offset = AT(out),
     .metavar = "DIR",
     .required = true,
     .help = "Folder for reviews.jsonl and meta.jsonl"},
    {.name = "items",
     .type = OPTION_INT,
     .offset = AT(items),
     .metavar = "N",
     .default_value = "3000",
     .min = 100,
     .max = 1e7,
     .help = "Items in the catalogue"},
    {.name = "users",
     .type = OPTION_INT,
     .offset = AT(users),
     .metavar = "N",
     .default_value = "0",
     .min = 0,
     .max = 1e9,
     .help = "Users who review them, nine times each on average; 0: two an item"},
    {.name = "bad-lines",
     .type = OPTION_INT,
     .offset = AT(bad_lines),
     .metavar = "N",
     .default_value = "3",
     .min = 0,
     .max = 1e6,
     .help = "Malformed lines in each file"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_sample(params, ctx, report, err);
}

const command cmd_sample = {
    .name = "sample",
    .summary = "Make a catalogue to try things with",
    .description =
        "Writes a made-up catalogue with its reviews in the raw schema of Amazon Reviews 2023: "
        "industrial products in lines of one make and many sizes, users with tastes who move from "
        "a product to what goes with it. Some of it is as untidy as real files are: missing "
        "titles, descriptions, prices and items, HTML in texts, repeated purchases and malformed "
        "lines. The same seed gives the same bytes.",
    .examples = "semid sample --items 3000 --out demo/raw",
    .options = options,
    .params_size = sizeof(sample_params),
    .run = run,
};
