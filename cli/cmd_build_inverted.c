/* A table and a call. The index is written into the folder of the method, where eval looks for it
 * beside codebooks.npz; its layout is in docs/formats.md.
 */
#include "cli/command_files.h"
#include "pipeline/build_inverted.h"

static const option options[] = {
    {.name = "items",
     .type = OPTION_PATH,
     .offset = offsetof(build_inverted_params, items),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .help = "Table of semantic IDs that export wrote (.parquet, .csv or .jsonl): item_id and "
             "c1..cL, or token"},
    {.name = "outdir",
     .type = OPTION_PATH,
     .offset = offsetof(build_inverted_params, outdir),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .required = true,
     .help = "Folder for inverted.sid and inverted.meta.json, usually the method's folder"},
    {.name = "id-col",
     .type = OPTION_STRING,
     .offset = offsetof(build_inverted_params, id_col),
     .metavar = "NAME",
     .default_value = "item_id",
     .help = "Column with the item ids"},
    {0}};

static semid_status add_files(const void *params, command_files *files, semid_error *err) {
    static const char *const names[] = {"inverted.sid", "inverted.meta.json", NULL};
    const build_inverted_params *p = params;
    return command_files_in(&files->writes, p->outdir, names, err);
}

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_build_inverted(params, ctx, report, err);
}

const command cmd_build_inverted = {
    .name = "build-inverted",
    .summary = "Index the items by semantic ID",
    .description = "Writes inverted.sid, which maps a semantic ID, or a prefix of one, to its "
                   "items. The file is memory-mapped and used as it is.",
    .examples = "semid build-inverted --items out/rqkmeans/items.parquet --outdir out/rqkmeans",
    .options = options,
    .params_size = sizeof(build_inverted_params),
    .run = run,
    .add_files = add_files};
