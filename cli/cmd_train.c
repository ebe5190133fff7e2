/* A step of `semid run` that can continue where it was stopped: with networks, which write
 * checkpoints. The printed report is the table of each level's health, once more for the rows that
 * were held out. */
#include "cli/command_files.h"
#include "cli/encode_options.h"
#include "cli/health_table.h"
#include "cli/options.h"
#include "cli/source_options.h"
#include "semid/model.h"
#include "train/train.h"

#define AT(field) .offset = offsetof(train_params, field)

static const option options[] = {
    {.name = "in",
     .type = OPTION_PATH,
     AT(in),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .positional = true,
     .help = "Vectors to learn from: .npy, .npz, .pt, .safetensors or .parquet; FILE:NAME is one "
             "array of a file"},
    {.name = "out",
     .type = OPTION_PATH,
     AT(out),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .required = true,
     .help = "Folder for codebooks.npz, codes.npy, metrics.json and model.safetensors"},
    OPTION_CONCAT(train_params),
    OPTION_CONCAT_WEIGHTS(train_params),
    OPTION_CONCAT_NORMALIZE(train_params),
    {.name = "method",
     .type = OPTION_CHOICE,
     AT(method),
     .choices = "rqkmeans|rqvae|vqvae",
     .default_value = "rqkmeans",
     .help = "How the codewords are learned"},
    {.name = "L",
     .type = OPTION_INT,
     AT(L),
     .metavar = "N",
     .default_value = "0",
     .min = 0,
     .max = 64,
     .help = "Number of levels; 0: as many as --init or --load has, else 4 (vqvae: always 1)"},
    {.name = "K",
     .type = OPTION_INT,
     AT(K),
     .metavar = "N",
     .default_value = "0",
     .min = 0,
     .max = 1 << 24,
     .help = "Codewords per level; 0: as many as --init or --load has, else 256 (vqvae: 4096, at "
             "most an eighth of the training rows)"},
    {.name = "max-train",
     .type = OPTION_INT,
     AT(max_train),
     .metavar = "N",
     .default_value = "0",
     .min = 0,
     .max = 4e9,
     .help = "Learn from a random sample of this many rows; 0: all rows"},
    {.name = "memory-limit",
     .type = OPTION_BYTES,
     AT(memory_limit),
     .metavar = "SIZE",
     .default_value = "0",
     .min = 100e6, /* the program and its blocks of rows take most of that */
     .help = "Limit of the memory used, at least 100MB; rows that do not fit are read again in "
             "every pass, with the same result; with --hidden or --pca their latents must fit; 0: "
             "most of "
             "the memory of the machine"},
    {.name = "holdout",
     .type = OPTION_REAL,
     AT(holdout),
     .metavar = "SHARE",
     .default_value = "0",
     .min = 0,
     .max = 0.9,
     .help = "Hold out this share of the rows, chosen at random, from training, and report the "
             "figures of those rows as well"},
    {.name = "pca",
     .type = OPTION_INT,
     AT(pca),
     .metavar = "D",
     .default_value = "0",
     .min = 0,
     .max = SEMID_MODEL_MAX_WIDTH,
     .help = "Quantize the first D principal components of the vectors; 0: the vectors themselves"},
    {.name = "pca-whiten",
     .type = OPTION_FLAG,
     AT(pca_whiten),
     .help = "With --pca: divide each component by its standard deviation"},
    {.name = "init",
     .type = OPTION_PATH,
     AT(init),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Start from these codewords (codebooks.npz) instead of k-means++ or k-means"},
    {.name = "load",
     .type = OPTION_PATH,
     AT(load),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Continue from this trained codebook (codebooks.npz)"},
    {.name = "train",
     .type = OPTION_FLAG,
     AT(train),
     .default_value = "true",
     .help = "Learn; --no-train only encodes and measures with the codebook of --load"},
    {.name = "iters",
     .type = OPTION_INT,
     AT(iters),
     .metavar = "N",
     .default_value = "25",
     .min = 0,
     .max = 1e6,
     .help = "rqkmeans: maximum number of iterations per level"},
    {.name = "tol",
     .type = OPTION_REAL,
     AT(tol),
     .metavar = "X",
     .default_value = "1e-4",
     .min = 0,
     .max = 1,
     .help = "rqkmeans: stop when an iteration lowers the error by less than this share"},
    {.name = "shrink",
     .type = OPTION_FLAG,
     AT(shrink),
     .default_value = "true",
     .help = "rqkmeans: pull codewords of few rows towards the mean, which lowers the error of "
             "unseen rows and keeps deep levels in use; off: plain means"},
    {.name = "epochs",
     .type = OPTION_INT,
     AT(epochs),
     .metavar = "N",
     .default_value = "-1",
     .min = -1,
     .max = 1e6,
     .help = "rqvae, vqvae: passes over the training rows; -1: 20, with --hidden as many as give "
             "4000 steps, at least 20"},
    {.name = "batch-size",
     .type = OPTION_INT,
     AT(batch_size),
     .metavar = "N",
     .default_value = "512",
     .min = 1,
     .max = 1 << 24,
     .help = "rqvae, vqvae: rows per step"},
    {.name = "dist-chunk",
     .type = OPTION_INT,
     AT(dist_chunk),
     .metavar = "N",
     .default_value = "0",
     .min = 0,
     .max = 1 << 24,
     .help = "rqvae, vqvae: rows whose distances are computed at once; 0: the whole batch"},
    {.name = "beta",
     .type = OPTION_REAL,
     AT(beta),
     .metavar = "X",
     .default_value = "0.25",
     .min = 0,
     .max = 1e6,
     .help = "rqvae, vqvae: weight of the commitment loss; with --entropy-reg, a larger weight "
             "favours near codewords over even use"},
    {.name = "decay",
     .type = OPTION_REAL,
     AT(decay),
     .metavar = "X",
     .default_value = "0.99",
     .min = 0,
     .max = 0.999999,
     .help = "rqvae, vqvae: share of the moving averages that each step keeps"},
    {.name = "entropy-reg",
     .type = OPTION_REAL,
     AT(entropy_reg),
     .metavar = "X",
     .default_value = "0",
     .min = 0,
     .max = 1e6,
     .help = "rqvae, vqvae: reward for even use of the codewords during training, in units of the "
             "loss; a good first value is a tenth of recon"},
    {.name = "hidden",
     .type = OPTION_LIST,
     AT(hidden),
     .metavar = "N,N,...",
     .help = "rqvae, vqvae: train networks before and after the quantizer, with hidden layers of "
             "these widths from the vectors to the latents, such as 512,256,128"},
    {.name = "latent",
     .type = OPTION_INT,
     AT(latent),
     .metavar = "N",
     .default_value = "0",
     .min = 0,
     .max = SEMID_MODEL_MAX_WIDTH,
     .help = "With --hidden: dimension of the latents, which are quantized; 0: 32"},
    {.name = "gradient",
     .type = OPTION_CHOICE,
     AT(gradient),
     .choices = "ste|rotation",
     .default_value = "ste",
     .help = "With --hidden: how the gradient passes the quantizer: unchanged (ste), or rotated "
             "and scaled by the map from the latent to its quantized value (rotation)"},
    {.name = "codebook-update",
     .type = OPTION_CHOICE,
     AT(codebook_update),
     .choices = "ema|grad",
     .default_value = "ema",
     .help = "With --hidden: codewords follow moving averages (ema), or the gradient of the loss "
             "(grad)"},
    {.name = "lr",
     .type = OPTION_REAL,
     AT(lr),
     .metavar = "X",
     .default_value = "1e-3",
     .min = 1e-12,
     .max = 10,
     .help = "With --hidden: learning rate of AdamW; it decreases to 0 along half a cosine"},
    {.name = "weight-decay",
     .type = OPTION_REAL,
     AT(weight_decay),
     .metavar = "X",
     .default_value = "0.5",
     .min = 0,
     .max = 100,
     .help = "With --hidden: weight decay of AdamW; a larger one lowers the error of unseen rows, "
             "a smaller one that of the training rows"},
    {.name = "checkpoint-seconds",
     .type = OPTION_REAL,
     AT(checkpoint_seconds),
     .metavar = "N",
     .default_value = "10",
     .min = 0,
     .max = 1e9,
     .help = "With --hidden: after an epoch, write checkpoint.safetensors into --out if this many "
             "seconds have passed since the last one"},
    {.name = "resume",
     .type = OPTION_FLAG,
     AT(resume),
     .help = "With --hidden: continue from checkpoint.safetensors in --out if there is one; the "
             "result is the same as without the interruption"},
    {.name = "encode",
     .type = OPTION_PATH,
     AT(encode),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Vectors to encode",
     .unset = "the vectors of --in"},
    OPTION_BEAM(train_params),
    {.name = "balance",
     .type = OPTION_FLAG,
     AT(balance),
     .help = "Use all codewords about equally often, at slightly more error; rqkmeans also learns "
             "them that way (rqvae, vqvae: see --entropy-reg)"},
    OPTION_UNIQUE(train_params),
    {.name = "encode-batch-size",
     .type = OPTION_INT,
     AT(encode_batch_size),
     .metavar = "N",
     .default_value = "16384",
     .min = 1,
     .max = 1 << 24,
     .help = "Rows encoded at once; the codes do not depend on it"},
    {.name = "allow-fewer",
     .type = OPTION_FLAG,
     AT(allow_fewer),
     .help = "Lower K to the number of distinct rows if that is smaller"},
    OPTION_SKIP_BAD_ROWS(train_params),
    {0}};

static semid_status add_files(const void *params, command_files *files, semid_error *err) {
    static const char *const always[] = {"codebooks.npz", "codes.npy", "metrics.json", NULL};
    static const char *const with_model[] = {"model.safetensors", NULL};
    const train_params *p = params;
    TRY(command_files_in(&files->writes, p->out, always, err));
    if (p->pca == 0 && p->hidden.n_items == 0) return SEMID_OK;
    return command_files_in(&files->writes, p->out, with_model, err);
}

static bool *resume_flag(void *params) {
    train_params *p = params;
    return p->hidden.n_items > 0 ? &p->resume : NULL;
}

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_train(params, ctx, report, err);
}

/* What --balance or --unique did. */
static void print_change(const json_t *change, const char *what, FILE *out) {
    if (!change) return;
    fprintf(out, "%s: %lld rows moved (%.2f%%), %+.2f%% error\n", what,
            (long long)json_integer_value(json_object_get(change, "moved")),
            100 * json_number_value(json_object_get(change, "moved_ratio")),
            100 * json_number_value(json_object_get(change, "mse_added_ratio")));
}

static void print(const json_t *report, FILE *out) {
    const json_t *held = json_object_get(report, "holdout");

    fprintf(
        out, "%s: %lld rows learned from in %.1f s, %lld encoded in %.1f s\n\n",
        json_string_value(json_object_get(report, "method")),
        (long long)json_integer_value(json_object_get(report, "train_rows")),
        json_number_value(json_object_get(json_object_get(report, "timings"), "train")),
        (long long)json_integer_value(json_object_get(json_object_get(report, "codes"), "rows")),
        json_number_value(json_object_get(json_object_get(report, "timings"), "encode")));
    health_table_print(report, out);
    print_change(json_object_get(report, "balance"), "balanced use of codewords", out);
    print_change(json_object_get(report, "unique"), "distinct codes", out);

    if (!held) return;
    fprintf(out, "\nrows held out from training:\n\n");
    health_table_print(held, out);
}

const command cmd_train = {
    .name = "train",
    .summary = "Learn codebooks from vectors and encode the catalogue with them",
    .description =
        "Learns L levels of K codewords: level by level with k-means (rqkmeans), all levels "
        "together with moving averages (rqvae), or one level with moving averages (vqvae). With "
        "--hidden, networks are trained together with the codebooks: an encoder maps vectors to "
        "latents, which are quantized, and a decoder maps them back (model.safetensors); errors "
        "are then those of the decoded vectors. --pca does the same with a linear map. (There is "
        "no option that rotates the vectors: the codewords would rotate with them, and the codes "
        "would stay the same.)\n\nWrites codebooks.npz (key codebooks: [L,K,d], vqvae [K,d], "
        "float32), "
        "codes.npy ([N,L] int32, equal to what semid encode writes with the same options) and "
        "metrics.json (options, figures of the training, quality figures of every level).",
    .examples =
        "semid train --in emb.npy --out outputs/rqkmeans\n"
        "semid train --in emb.npy --out outputs/rqvae --method rqvae --L 3 --K 256\n"
        "semid train --in emb.npy --out outputs/vqvae --method vqvae --holdout 0.2\n"
        "semid train --in emb.npy --out outputs/tiger --method rqvae --hidden 512,256,128\n"
        "semid train --in text.npy --concat image.npy --concat-weights 1,0.5 --out outputs/two\n"
        "semid train --in emb.npy --out outputs/pca --pca 64\n"
        "semid train --in new.npy --out outputs/new --no-train --load "
        "outputs/rqkmeans/codebooks.npz",
    .options = options,
    .params_size = sizeof(train_params),
    .run = run,
    .print = print,
    .add_files = add_files,
    .resume_flag = resume_flag,
};
