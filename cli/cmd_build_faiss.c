/* A table and a call: FAISS itself is loaded by the step (retrieval/faiss_library.h). Where the ids
 * are not given, those in the file of the vectors count, as in eval.
 */
#include "cli/command_files.h"
#include "cli/source_options.h"
#include "pipeline/build_faiss.h"

static const option options[] = {
    {.name = "emb",
     .type = OPTION_PATH,
     .offset = offsetof(build_faiss_params, emb),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .help = "Item vectors: .npy, .npz, .pt, .safetensors or .parquet; FILE:NAME is one array of a "
             "file"},
    OPTION_CONCAT(build_faiss_params),
    OPTION_CONCAT_WEIGHTS(build_faiss_params),
    OPTION_CONCAT_NORMALIZE(build_faiss_params),
    {.name = "ids",
     .type = OPTION_PATH,
     .offset = offsetof(build_faiss_params, ids),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Item ids, one per row: .npy, .pt, .txt or .parquet",
     .unset = "the ids in the file of the vectors"},
    {.name = "outdir",
     .type = OPTION_PATH,
     .offset = offsetof(build_faiss_params, outdir),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .required = true,
     .help = "Folder for index.faiss, ids.npy and index.meta.json"},
    {.name = "normalize",
     .type = OPTION_FLAG,
     .offset = offsetof(build_faiss_params, normalize),
     .default_value = "true",
     .help = "Scale the vectors to length 1, so that the inner product is the cosine"},
    {.name = "factory",
     .type = OPTION_STRING,
     .offset = offsetof(build_faiss_params, factory),
     .metavar = "TEXT",
     .default_value = "Flat",
     .help = "FAISS factory string, such as Flat, IVF256,Flat or HNSW32"},
    {0}};

static semid_status add_files(const void *params, command_files *files, semid_error *err) {
    static const char *const names[] = {"index.faiss", "ids.npy", "index.meta.json", NULL};
    const build_faiss_params *p = params;
    return command_files_in(&files->writes, p->outdir, names, err);
}

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_build_faiss(params, ctx, report, err);
}

const command cmd_build_faiss = {
    .name = "build-faiss",
    .summary = "Index the item vectors for nearest-neighbour search",
    .description = "Writes a FAISS index with the inner product as its metric, which Python's "
                   "faiss.read_index opens, and the ids of its rows. Index types that need "
                   "training (IVF, PQ ...) learn from a seeded sample of the vectors.",
    .examples = "semid build-faiss --emb items_emb.npy --ids items_emb.ids.npy --outdir out/faiss\n"
                "semid build-faiss --emb items_emb.npy --ids items_emb.ids.npy --outdir out/faiss "
                "--factory IVF256,Flat",
    .options = options,
    .params_size = sizeof(build_faiss_params),
    .run = run,
    .add_files = add_files};
