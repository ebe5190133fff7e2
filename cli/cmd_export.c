#include "cli/options.h"
#include "pipeline/export.h"

static const option options[] = {{.name = "codes",
                                  .type = OPTION_PATH,
                                  .offset = offsetof(export_params, codes),
                                  .metavar = "FILE",
                                  .required = true,
                                  .help = "codes.npy: int32 or int64, [N] or [N,L]"},
                                 {.name = "ids",
                                  .type = OPTION_PATH,
                                  .offset = offsetof(export_params, ids),
                                  .metavar = "FILE",
                                  .required = true,
                                  .help = "The N item ids: .npy, .pt, .parquet or .txt"},
                                 {.name = "out",
                                  .type = OPTION_PATH,
                                  .offset = offsetof(export_params, out),
                                  .metavar = "FILE",
                                  .required = true,
                                  .help = "Table to write, by extension: .parquet, .csv or .jsonl"},
                                 {.name = "id-col",
                                  .type = OPTION_STRING,
                                  .offset = offsetof(export_params, id_col),
                                  .metavar = "NAME",
                                  .default_value = "item_id",
                                  .help = "Name of the column of ids"},
                                 {.name = "concat-col",
                                  .type = OPTION_FLAG,
                                  .offset = offsetof(export_params, concat_col),
                                  .help = "Add code_str, the codes joined by dashes: 12-203-7-91"},
                                 {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_export(params, ctx, report, err);
}

const command cmd_export = {
    .name = "export",
    .summary = "Codes and ids to one table of semantic IDs",
    .description =
        "Writes a row for each item: its id, then c1..cL, or token when there is one code "
        "an item.",
    .examples = "semid export --codes out/rqkmeans/codes.npy --ids data/X.ids.npy --out "
                "out/rqkmeans/items.parquet\n"
                "semid export --codes codes.npy --ids ids.txt --out items.csv --concat-col",
    .options = options,
    .params_size = sizeof(export_params),
    .run = run};
