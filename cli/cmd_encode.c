#include "cli/encode_options.h"
#include "cli/options.h"
#include "cli/source_options.h"
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
     .help = "Vectors: .npy, .npz, .pt, .safetensors or .parquet, or FILE:NAME"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = offsetof(encode_params, out),
     .metavar = "FILE",
     .required = true,
     .help = "Codes to write: codes.npy, int32 [N,L]"},
    OPTION_CONCAT(encode_params),
    OPTION_CONCAT_WEIGHTS(encode_params),
    OPTION_CONCAT_NORMALIZE(encode_params),
    OPTION_BEAM(encode_params),
    {.name = "balance",
     .type = OPTION_FLAG,
     .offset = offsetof(encode_params, balance),
     .help = "Use all codewords about equally, at a little more error"},
    OPTION_UNIQUE(encode_params),
    {.name = "encode-batch-size",
     .type = OPTION_INT,
     .offset = offsetof(encode_params, batch_size),
     .metavar = "N",
     .default_value = "8192",
     .min = 1,
     .max = 1e7,
     .help = "Rows worked on at a time; the codes do not depend on it"},
    OPTION_SKIP_BAD_ROWS(encode_params),
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
        "memory (--unique: some 150 bytes a row).",
    .examples =
        "semid encode --load out/rqkmeans/codebooks.npz --in new_items.npy --out codes.npy\n"
        "semid encode --load out/rqkmeans/codebooks.npz --in items.npy --out codes.npy "
        "--unique",
    .options = options,
    .params_size = sizeof(encode_params),
    .run = run};
