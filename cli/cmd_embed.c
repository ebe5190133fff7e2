#include "cli/commands.h"
#include "pipeline/embed.h"

#define AT(field) offsetof(embed_params, field)

static const option options[] = {
    {.name = "data",
     .type = OPTION_PATH,
     .offset = AT(data),
     .metavar = "FILES",
     .required = true,
     .help = "Items in Parquet: a file, a folder, a glob, or several with commas"},
    {.name = "model",
     .type = OPTION_PATH,
     .offset = AT(model),
     .metavar = "DIR",
     .required = true,
     .help = "Model folder as Hugging Face and sentence-transformers lay it out"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = AT(out),
     .metavar = "FILE",
     .required = true,
     .help = "Vectors, .npy, .pt or .safetensors; the ids go beside them as X.ids.npy"},
    {.name = "id-col",
     .type = OPTION_STRING,
     .offset = AT(id_col),
     .metavar = "NAME",
     .default_value = "item_id",
     .help = "Column that names the item"},
    {.name = "ts-col",
     .type = OPTION_STRING,
     .offset = AT(ts_col),
     .metavar = "NAME",
     .default_value = "timestamp",
     .help = "Column that says which row of an item is the newest, if there is one"},
    {.name = "text-cols",
     .type = OPTION_LIST,
     .offset = AT(text_cols),
     .metavar = "NAMES",
     .default_value = "title,description",
     .help = "Columns that make the text, joined by \" [SEP] \""},
    {.name = "prefix",
     .type = OPTION_STRING,
     .offset = AT(prefix),
     .metavar = "TEXT",
     .help = "Put before every text, as E5 wants \"passage: \"; not given: what the model folder "
             "names as its default prompt"},
    {.name = "batch-size",
     .type = OPTION_INT,
     .offset = AT(batch_size),
     .metavar = "N",
     .default_value = "256",
     .min = 1,
     .max = 65536,
     .help = "Texts in flight: what a kill can lose"},
    {.name = "max-len",
     .type = OPTION_INT,
     .offset = AT(max_len),
     .metavar = "N",
     .default_value = "128",
     .min = 3,
     .max = 65536,
     .help = "Tokens a text may have, prefix, [CLS] and [SEP] counted; the rest is cut off"},
    {.name = "pooling",
     .type = OPTION_CHOICE,
     .offset = AT(pooling),
     .default_value = "auto",
     .choices = "auto|mean|cls|pooler",
     .help = "How the tokens' vectors become one; auto: as the model folder says"},
    {.name = "normalize",
     .type = OPTION_TRISTATE,
     .offset = AT(normalize),
     .help = "Scale vectors to length 1, or not; neither given: as the model folder says"},
    {.name = "dtype",
     .type = OPTION_CHOICE,
     .offset = AT(dtype),
     .default_value = "f32",
     .choices = "f32|bf16|int8",
     .help = "Numbers in which the model's weights are multiplied; int8 is the fastest where there "
             "is no AVX512_BF16"},
    {.name = "resume",
     .type = OPTION_FLAG,
     .offset = AT(resume),
     .help = "Keep the rows that an interrupted run left in FILE.partial"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_embed(params, ctx, report, err);
}

const command cmd_embed = {
    .name = "embed",
    .summary = "Turn the texts of items into vectors",
    .description =
        "Encodes one text an item with a model of the BERT family (BERT, MiniLM, BGE, E5, GTE; "
        ""
        "MPNet; RoBERTa, XLM-RoBERTa). A row an item, ordered by the item's newest timestamp; an "
        "item without "
        "text gets "
        "\"[EMPTY]\" and is counted. Texts are packed one behind the other, so that nothing is "
        "computed for padding. A vector depends on its text alone: batch size and threads do not "
        "change a byte.",
    .examples = "semid embed --data items.parquet --model .deps/models/all-MiniLM-L6-v2 "
                "--out items_emb.npy\n"
                "semid embed --data items.parquet --model DIR --out items_emb.pt --resume\n"
                "semid embed --data items.parquet --model multilingual-e5-small --prefix "
                "'passage: ' --out items_emb.npy",
    .options = options,
    .params_size = sizeof(embed_params),
    .run = run,
};
