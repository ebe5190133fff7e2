/* A table and a call. The step keeps finished rows in OUT.partial and checks itself whether they
 * are still valid, so `semid run` always passes --resume and needs no resume_flag here.
 */
#include "base/file.h"
#include "base/memory.h"
#include "cli/command_files.h"
#include "pipeline/embed.h"

#define AT(field) offsetof(embed_params, field)

static const option options[] = {
    {.name = "data",
     .type = OPTION_PATH,
     .offset = AT(data),
     .metavar = "FILES",
     .file = FILE_READ,
     .required = true,
     .help = "Items in Parquet: a file, a folder, a glob, or a comma list of them"},
    {.name = "model",
     .type = OPTION_PATH,
     .offset = AT(model),
     .metavar = "DIR",
     .file = FILE_READ,
     .required = true,
     .help = "Model folder in the layout of Hugging Face and sentence-transformers"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = AT(out),
     .metavar = "FILE",
     .file = FILE_WRITTEN,
     .required = true,
     .help = "Vectors: .npy, .pt or .safetensors; the ids are written beside them as X.ids.npy"},
    {.name = "id-col",
     .type = OPTION_STRING,
     .offset = AT(id_col),
     .metavar = "NAME",
     .default_value = "item_id",
     .help = "Column with the item ids"},
    {.name = "ts-col",
     .type = OPTION_STRING,
     .offset = AT(ts_col),
     .metavar = "NAME",
     .default_value = "timestamp",
     .help = "Column with the timestamps, which say which row of an item is the newest; it may be "
             "missing"},
    {.name = "text-cols",
     .type = OPTION_LIST,
     .offset = AT(text_cols),
     .metavar = "NAMES",
     .default_value = "title,description",
     .help = "Columns that make up the text, joined by \" [SEP] \""},
    {.name = "prefix",
     .type = OPTION_STRING,
     .offset = AT(prefix),
     .metavar = "TEXT",
     .help = "Put this before every text; E5 models need \"passage: \"",
     .unset = "the default prompt of the model folder, if it names one"},
    {.name = "batch-size",
     .type = OPTION_INT,
     .offset = AT(batch_size),
     .metavar = "N",
     .default_value = "256",
     .min = 1,
     .max = 65536,
     .help = "Texts encoded at once; a run that is killed loses at most this many"},
    {.name = "max-len",
     .type = OPTION_INT,
     .offset = AT(max_len),
     .metavar = "N",
     .default_value = "128",
     .min = 3,
     .max = 65536,
     .help =
         "Maximum number of tokens per text, with prefix, [CLS] and [SEP]; longer texts are cut"},
    {.name = "pooling",
     .type = OPTION_CHOICE,
     .offset = AT(pooling),
     .default_value = "auto",
     .choices = "auto|mean|cls|pooler",
     .help = "How the vectors of the tokens become one vector; auto: as the model folder says"},
    {.name = "normalize",
     .type = OPTION_TRISTATE,
     .offset = AT(normalize),
     .help = "Scale vectors to length 1",
     .unset = "as the model folder says"},
    {.name = "dtype",
     .type = OPTION_CHOICE,
     .offset = AT(dtype),
     .default_value = "f32",
     .choices = "f32|bf16|int8",
     .help = "Number format of the products with the model's weights; int8 is the fastest on CPUs "
             "without AVX512_BF16"},
    {.name = "resume",
     .type = OPTION_FLAG,
     .offset = AT(resume),
     .help = "Keep the rows that an interrupted run left in FILE.partial"},
    {0}};

/* The list of a folder's files does not go into its subfolders, and the pooling is in one. */
static semid_status add_files(const void *params, command_files *files, semid_error *err) {
    const embed_params *p = params;
    char *pooling;
    TRY(command_files_beside(&files->writes, p->out, ".ids.npy", err));
    TRY(path_join(&pooling, p->model, "1_Pooling", err));
    if (path_is_dir(pooling)) return string_list_take(&files->reads, pooling, err);
    mem_free(pooling);
    return SEMID_OK;
}

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_embed(params, ctx, report, err);
}

const command cmd_embed = {
    .name = "embed",
    .summary = "Turn the texts of items into vectors",
    .description =
        "Encodes one text per item with a model of the BERT family (BERT, MiniLM, BGE, E5, GTE; "
        "MPNet; RoBERTa, XLM-RoBERTa). Writes one row per item, ordered by the newest timestamp of "
        "the item; an item without text is encoded as \"[EMPTY]\" and counted. Texts are packed "
        "one after the other, so that nothing is computed for padding. A vector depends on its "
        "text alone: batch size and threads do not change a byte.",
    .examples = "semid embed --data items.parquet --model .deps/models/all-MiniLM-L6-v2 "
                "--out items_emb.npy\n"
                "semid embed --data items.parquet --model DIR --out items_emb.pt --resume\n"
                "semid embed --data items.parquet --model multilingual-e5-small --prefix "
                "'passage: ' --out items_emb.npy",
    .options = options,
    .params_size = sizeof(embed_params),
    .run = run,
    .add_files = add_files,
};
