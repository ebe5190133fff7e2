#include "cli/options.h"
#include "pipeline/encode.h"

static const option options[] = {
    {.name = "load",
     .type = OPTION_PATH,
     .offset = offsetof(encode_params, load),
     .metavar = "FILE",
     .required = true,
     .help = "Codebooks from `train`: codebooks.npz"},
    {.name = "in",
     .type = OPTION_PATH,
     .offset = offsetof(encode_params, in),
     .metavar = "FILE",
     .required = true,
     .help = "Vectors: .npy, .npz, .pt, .safetensors or .parquet"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = offsetof(encode_params, out),
     .metavar = "FILE",
     .required = true,
     .help = "Codes to write: codes.npy, int32 [N,L]"},
    {.name = "beam",
     .type = OPTION_INT,
     .offset = offsetof(encode_params, beam),
     .metavar = "B",
     .default_value = "1",
     .min = 1,
     .max = 1024,
     .help = "Keep the B best partial codes a level instead of the nearest codeword alone: less "
             "error, for B times the work"},
    {.name = "balance",
     .type = OPTION_FLAG,
     .offset = offsetof(encode_params, balance),
     .help = "Use all codewords about equally, at a little more error"},
    {.name = "unique",
     .type = OPTION_FLAG,
     .offset = offsetof(encode_params, unique),
     .help = "No two rows share a code: where they would, the last level is a least-error "
             "assignment of distinct codewords, and a prefix with too many rows spills over above"},
    {.name = "encode-batch-size",
     .type = OPTION_INT,
     .offset = offsetof(encode_params, batch_size),
     .metavar = "N",
     .default_value = "8192",
     .min = 1,
     .max = 1e7,
     .help = "Rows worked on at a time; the codes do not depend on it"},
    {.name = "skip-bad-rows",
     .type = OPTION_FLAG,
     .offset = offsetof(encode_params, skip_bad_rows),
     .help = "Leave out rows with NaN or Inf instead of failing; codes.rows.npy lists the others"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_encode(params, ctx, report, err);
}

const command cmd_encode = {
    .name = "encode",
    .summary = "Vectors to codes with trained codebooks",
    .description =
        "Each level takes the codeword nearest to what the levels before left over, ties to the "
        "lowest index. The codebooks are never changed, and a file of any size is streamed: memory "
        "does not grow with the number of rows.\n\n"
        "With --balance or --unique the rows are encoded as one catalogue, whose codes are held in "
        "memory.",
    .examples =
        "semid encode --load out/rqkmeans/codebooks.npz --in new_items.npy --out codes.npy\n"
        "semid encode --load out/rqkmeans/codebooks.npz --in items.npy --out codes.npy "
        "--unique",
    .options = options,
    .params_size = sizeof(encode_params),
    .run = run};
