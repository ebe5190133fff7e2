#include "cli/options.h"
#include "pipeline/build_inverted.h"

static const option options[] = {
    {.name = "items",
     .type = OPTION_PATH,
     .offset = offsetof(build_inverted_params, items),
     .metavar = "FILE",
     .required = true,
     .help = "Semantic-ID table from `export` (.parquet, .csv or .jsonl): item_id and c1..cL or "
             "token"},
    {.name = "outdir",
     .type = OPTION_PATH,
     .offset = offsetof(build_inverted_params, outdir),
     .metavar = "DIR",
     .required = true,
     .help = "Folder for inverted.sid and inverted.meta.json, usually the method's folder"},
    {.name = "id-col",
     .type = OPTION_STRING,
     .offset = offsetof(build_inverted_params, id_col),
     .metavar = "NAME",
     .default_value = "item_id",
     .help = "Column that holds the item ids"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_build_inverted(params, ctx, report, err);
}

const command cmd_build_inverted = {
    .name = "build-inverted",
    .summary = "Index the items of every semantic ID",
    .description = "Writes inverted.sid, one file that is used where it lies in memory: from a "
                   "semantic ID, or a prefix of one, to its items.",
    .examples = "semid build-inverted --items out/rqkmeans/items.parquet --outdir out/rqkmeans",
    .options = options,
    .params_size = sizeof(build_inverted_params),
    .run = run};
