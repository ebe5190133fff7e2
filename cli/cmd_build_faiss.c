#include "cli/options.h"
#include "cli/source_options.h"
#include "pipeline/build_faiss.h"

static const option options[] = {
    {.name = "emb",
     .type = OPTION_PATH,
     .offset = offsetof(build_faiss_params, emb),
     .metavar = "FILE",
     .required = true,
     .help = "Item vectors (.npy, .npz, .pt, .safetensors or .parquet, or FILE:NAME)"},
    OPTION_CONCAT(build_faiss_params),
    OPTION_CONCAT_WEIGHTS(build_faiss_params),
    OPTION_CONCAT_NORMALIZE(build_faiss_params),
    {.name = "ids",
     .type = OPTION_PATH,
     .offset = offsetof(build_faiss_params, ids),
     .metavar = "FILE",
     .help = "Item ids, one a row (.npy, .pt, .txt or .parquet); default: those that the vectors' "
             "file carries"},
    {.name = "outdir",
     .type = OPTION_PATH,
     .offset = offsetof(build_faiss_params, outdir),
     .metavar = "DIR",
     .required = true,
     .help = "Folder for index.faiss, ids.npy and index.meta.json"},
    {.name = "normalize",
     .type = OPTION_FLAG,
     .offset = offsetof(build_faiss_params, normalize),
     .default_value = "true",
     .help = "Scale the vectors to unit length, so that the inner product is the cosine"},
    {.name = "factory",
     .type = OPTION_STRING,
     .offset = offsetof(build_faiss_params, factory),
     .metavar = "TEXT",
     .default_value = "Flat",
     .help = "FAISS factory string, such as Flat, IVF256,Flat or HNSW32"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_build_faiss(params, ctx, report, err);
}

const command cmd_build_faiss = {
    .name = "build-faiss",
    .summary = "Index the item vectors for nearest-neighbour search",
    .description =
        "Writes a FAISS index with the inner product as its metric, which Python's "
        "faiss.read_index opens, and the ids of its rows. Kinds of index that need training "
        "(IVF, PQ ...) learn from a seeded sample of the vectors.",
    .examples = "semid build-faiss --emb items_emb.npy --ids items_emb.ids.npy --outdir out/faiss\n"
                "semid build-faiss --emb items_emb.npy --ids items_emb.ids.npy --outdir out/faiss "
                "--factory IVF256,Flat",
    .options = options,
    .params_size = sizeof(build_faiss_params),
    .run = run};
