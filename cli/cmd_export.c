/* A table and a call: the step that joins what training wrote by row number, codes and ids, to the
 * table that all further steps read by column name.
 */
#include "cli/options.h"
#include "pipeline/export.h"

static const option options[] = {
    {.name = "codes",
     .type = OPTION_PATH,
     .offset = offsetof(export_params, codes),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .help = "codes.npy: int32 or int64, [N] or [N,L]"},
    {.name = "ids",
     .type = OPTION_PATH,
     .offset = offsetof(export_params, ids),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .help = "The N item ids: .npy, .pt, .parquet or .txt"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = offsetof(export_params, out),
     .metavar = "FILE",
     .file = FILE_WRITTEN,
     .required = true,
     .help = "Table to write, by extension: .parquet, .csv or .jsonl"},
    {.name = "id-col",
     .type = OPTION_STRING,
     .offset = offsetof(export_params, id_col),
     .metavar = "NAME",
     .default_value = "item_id",
     .help = "Name of the column with the item ids"},
    {.name = "concat-col",
     .type = OPTION_FLAG,
     .offset = offsetof(export_params, concat_col),
     .help = "Add the column code_str, the codes joined by dashes: 12-203-7-91"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_export(params, ctx, report, err);
}

const command cmd_export = {
    .name = "export",
    .summary = "Join codes and ids in one table of semantic IDs",
    .description =
        "Writes one row per item: its id, then c1..cL, or token if there is only one level.",
    .examples = "semid export --codes out/rqkmeans/codes.npy --ids data/X.ids.npy --out "
                "out/rqkmeans/items.parquet\n"
                "semid export --codes codes.npy --ids ids.txt --out items.csv --concat-col",
    .options = options,
    .params_size = sizeof(export_params),
    .run = run};
