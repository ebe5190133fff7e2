/* A table and a call. The options that decide codes (beam, balance, unique, bad rows) are those of
 * train, from encode_options.h, so that the same options give the same codes in both commands.
 */
#include "cli/encode_options.h"
#include "cli/options.h"
#include "cli/source_options.h"
#include "pipeline/encode.h"

static const option options[] = {
    {.name = "load",
     .type = OPTION_PATH,
     .offset = offsetof(encode_params, load),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .help = "Codebooks that train wrote: codebooks.npz"},
    {.name = "in",
     .type = OPTION_PATH,
     .offset = offsetof(encode_params, in),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .help =
         "Vectors: .npy, .npz, .pt, .safetensors or .parquet; FILE:NAME is one array of a file"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = offsetof(encode_params, out),
     .metavar = "FILE",
     .file = FILE_WRITTEN,
     .required = true,
     .help = "Codes to write: codes.npy, int32 [N,L]"},
    OPTION_CONCAT(encode_params),
    OPTION_CONCAT_WEIGHTS(encode_params),
    OPTION_CONCAT_NORMALIZE(encode_params),
    OPTION_BEAM(encode_params),
    {.name = "balance",
     .type = OPTION_FLAG,
     .offset = offsetof(encode_params, balance),
     .help = "Use all codewords about equally often, at slightly more error"},
    OPTION_UNIQUE(encode_params),
    {.name = "encode-batch-size",
     .type = OPTION_INT,
     .offset = offsetof(encode_params, batch_size),
     .metavar = "N",
     .default_value = "8192",
     .min = 1,
     .max = 1e7,
     .help = "Rows encoded at once; the codes do not depend on it"},
    OPTION_SKIP_BAD_ROWS(encode_params),
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_encode(params, ctx, report, err);
}

const command cmd_encode = {
    .name = "encode",
    .summary = "Turn vectors into codes with trained codebooks",
    .description = "Each level takes the codeword nearest to the residual of the levels before it; "
                   "of equally near ones, the one with the lowest index. The codebooks are never "
                   "changed. A file of any size is streamed: memory does not grow with the number "
                   "of rows.\n\nWith --balance or --unique the rows are encoded as one catalogue, "
                   "and their codes are held in memory (--unique: about 150 bytes per row).",
    .examples =
        "semid encode --load out/rqkmeans/codebooks.npz --in new_items.npy --out codes.npy\n"
        "semid encode --load out/rqkmeans/codebooks.npz --in items.npy --out codes.npy "
        "--unique",
    .options = options,
    .params_size = sizeof(encode_params),
    .run = run};
