/* The printed report is one row per method, of the figures that fit on a screen; the whole report
 * is in the CSV and JSON files. Columns are as wide as their widest value, so the table is laid out
 * from the values themselves: every cell is formatted twice, once to be measured. */
#include "base/file.h"
#include "base/memory.h"
#include "cli/command_files.h"
#include "cli/source_options.h"
#include "pipeline/eval.h"

#include <string.h>

#define AT(field) offsetof(eval_params, field)

static const option options[] = {
    {.name = "train",
     .type = OPTION_PATH,
     .offset = AT(train),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .help = "Interactions that make up the user profiles (Parquet: user_id, item_id, timestamp)"},
    {.name = "valid",
     .type = OPTION_PATH,
     .offset = AT(valid),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "More such interactions; on equal timestamps those of --train come first"},
    {.name = "test",
     .type = OPTION_PATH,
     .offset = AT(test),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .help = "Interactions to predict: each row is one held-out item"},
    {.name = "items-emb",
     .type = OPTION_PATH,
     .offset = AT(items_emb),
     .metavar = "FILE",
     .file = FILE_READ,
     .required = true,
     .help = "Item vectors: .npy, .npz, .pt, .safetensors or .parquet; FILE:NAME is one array of a "
             "file"},
    OPTION_CONCAT(eval_params),
    OPTION_CONCAT_WEIGHTS(eval_params),
    OPTION_CONCAT_NORMALIZE(eval_params),
    {.name = "items-ids",
     .type = OPTION_PATH,
     .offset = AT(items_ids),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Item ids, one per row of --items-emb",
     .unset = "the ids in the file of the vectors"},
    {.name = "methods",
     .type = OPTION_LIST,
     .offset = AT(methods),
     .metavar = "NAMES",
     .required = true,
     .help = "Folders in --outputs-dir, each with codebooks.npz and inverted.sid"},
    {.name = "outputs-dir",
     .type = OPTION_PATH,
     .offset = AT(outputs_dir),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .default_value = "outputs",
     .help = "Folder that contains the methods' folders"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = AT(out),
     .metavar = "FILE",
     .file = FILE_WRITTEN,
     .default_value = "results/offline_eval.csv",
     .help = "Table of results, .csv; the whole report is written beside it as .json"},
    {.name = "rows",
     .type = OPTION_PATH,
     .offset = AT(rows),
     .metavar = "FILE",
     .file = FILE_WRITTEN,
     .help = "Also write every evaluated row: method, user, item, query_code, n_cand, rank"},
    {.name = "expand",
     .type = OPTION_CHOICE,
     .offset = AT(expand),
     .default_value = "beam",
     .choices = "exact|hamming1|prefix|neighbors|beam",
     .help = "Which codes give candidates besides the query's own code"},
    {.name = "expand-rq-M",
     .type = OPTION_INT,
     .offset = AT(expand_rq_m),
     .metavar = "N",
     .default_value = "2",
     .min = 1,
     .max = 1024,
     .help =
         "neighbors: codewords tried per level of a residual quantizer, the chosen one included"},
    {.name = "expand-vq-T",
     .type = OPTION_INT,
     .offset = AT(expand_vq_t),
     .metavar = "N",
     .default_value = "3",
     .min = 1,
     .max = 1024,
     .help = "neighbors: codewords tried of a plain quantizer (VQ), the chosen one included"},
    {.name = "candidates",
     .type = OPTION_INT,
     .offset = AT(candidates),
     .metavar = "N",
     .default_value = "1000",
     .min = 1,
     .max = 1e9,
     .help = "prefix, beam: number of items to find before the search stops"},
    {.name = "beam",
     .type = OPTION_INT,
     .offset = AT(beam),
     .metavar = "N",
     .default_value = "64",
     .min = 1,
     .max = 1e6,
     .help = "beam: partial codes kept per level"},
    {.name = "on-empty",
     .type = OPTION_CHOICE,
     .offset = AT(on_empty),
     .default_value = "full",
     .choices = "full|skip",
     .help =
         "For rows without candidates: search the whole catalogue (full), or count a miss (skip)"},
    {.name = "reference",
     .type = OPTION_FLAG,
     .offset = AT(reference),
     .help = "Reproduce the numbers of the reference implementation: --expand neighbors, "
             "--on-empty full, profiles as queries, equal scores in order of descending row, its "
             "sample for --max-test"},
    {.name = "faiss-index",
     .type = OPTION_PATH,
     .offset = AT(faiss_index),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Inner-product index of the items, searched for rows without candidates"},
    {.name = "faiss-ids",
     .type = OPTION_PATH,
     .offset = AT(faiss_ids),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Ids of the rows of --faiss-index",
     .unset = "ids.npy beside the index"},
    {.name = "use-faiss-rerank",
     .type = OPTION_FLAG,
     .offset = AT(use_faiss_rerank),
     .help = "Rank candidates by the vectors that --faiss-index stores"},
    {.name = "max-test",
     .type = OPTION_INT,
     .offset = AT(max_test),
     .metavar = "N",
     .default_value = "0",
     .min = 0,
     .max = 4e9,
     .help = "Evaluate a random sample of N test rows, drawn with --seed; 0: all rows"},
    {.name = "profile",
     .type = OPTION_CHOICE,
     .offset = AT(profile),
     .default_value = "lastN",
     .choices = "mean|last|lastN",
     .help =
         "Items whose mean vector is a user's profile: all of them, the last one, or the last N"},
    {.name = "lastN",
     .type = OPTION_INT,
     .offset = AT(last_n),
     .metavar = "N",
     .default_value = "5",
     .min = 1,
     .max = 1e6,
     .help = "Number of items in a lastN profile"},
    {.name = "topk",
     .type = OPTION_LIST,
     .offset = AT(topk),
     .metavar = "NUMBERS",
     .default_value = "10,50,100",
     .help = "Values of k for Recall@k and NDCG@k"},
    {.name = "mask-history",
     .type = OPTION_FLAG,
     .offset = AT(mask_history),
     .help =
         "Remove the items of the user's history from the candidates, except the held-out item"},
    {0}};

static semid_status add_files(const void *params, command_files *files, semid_error *err) {
    static const char *const names[] = {"codebooks.npz", "metrics.json", "items.parquet",
                                        "inverted.sid", NULL};
    const eval_params *p = params;
    TRY(command_files_beside(&files->writes, p->out, ".json", err));

    /* --outputs-dir itself is no input: it also holds what other methods wrote */
    for (size_t i = 0; i < p->methods.n_items; i++) {
        char *folder;
        TRY(path_join(&folder, p->outputs_dir, p->methods.items[i], err));
        semid_status status = command_files_in(&files->reads, folder, names, err);
        mem_free(folder);
        TRY(status);
    }
    return SEMID_OK;
}

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_eval(params, ctx, report, err);
}

/* ---- the table ---- */

static const char *text_of(const json_t *value, char buf[32]) {
    if (json_is_string(value)) return json_string_value(value);
    if (json_is_integer(value))
        snprintf(buf, 32, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(buf, 32, json_real_value(value) < 10 ? "%.4f" : "%.1f", json_real_value(value));
    else
        snprintf(buf, 32, "-");
    return buf;
}

static int width_of(const json_t *methods, const char *key) {
    size_t width = strlen(key), i;
    json_t *row;
    char buf[32];
    json_array_foreach((json_t *)(uintptr_t)methods, i, row) {
        size_t n = strlen(text_of(json_object_get(row, key), buf));
        if (n > width) width = n;
    }
    return (int)width;
}

static bool is_shown(const char *key) {
    static const char *const shown[] = {
        "method",        "MRR",           "evaluated",   "cold_start_skipped",
        "avg_cand_size", "fallback_rows", "ms_per_query"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (strcmp(key, shown[i]) == 0) return true;
    bool at_k = strncmp(key, "Recall@", 7) == 0 || strncmp(key, "NDCG@", 5) == 0;
    return at_k && !strstr(key, "_without");
}

static void print_row(const json_t *methods, const json_t *row, bool header, FILE *out) {
    const char *key, *gap = "";
    json_t *value;
    char buf[32];
    json_object_foreach((json_t *)(uintptr_t)json_array_get(methods, 0), key, value) {
        if (!is_shown(key)) continue;
        const char *text = header ? key : text_of(json_object_get(row, key), buf);
        bool left = strcmp(key, "method") == 0;
        fprintf(out, "%s%*s", gap, left ? -width_of(methods, key) : width_of(methods, key), text);
        gap = "  ";
    }
    fputc('\n', out);
}

static void print(const json_t *report, FILE *out) {
    const json_t *methods = json_object_get(report, "methods");
    const json_t *ceiling = json_object_get(report, "ceiling");
    const char *key;
    json_t *value;
    char buf[32];

    print_row(methods, NULL, true, out);
    for (size_t i = 0; i < json_array_size(methods); i++)
        print_row(methods, json_array_get(methods, i), false, out);

    fprintf(out, "\nceiling (the whole catalogue searched):");
    json_object_foreach((json_t *)(uintptr_t)ceiling, key, value)
        fprintf(out, " %s %s", key, text_of(value, buf));

    fprintf(out, "\n%s items, query: %s\nsaved to %s\n",
            text_of(json_object_get(report, "items"), buf),
            json_string_value(json_object_get(json_array_get(methods, 0), "query_space")),
            json_string_value(json_object_get(report, "out")));
}

const command cmd_eval = {
    .name = "eval",
    .summary = "Measure how well semantic IDs find the users' next items",
    .description =
        "For each test row, the user's profile (the normalised mean of the vectors of the last "
        "items) is quantized in the space in which the codebooks were trained. The items with that "
        "code, and with the codes that --expand adds, are the candidates. They are ranked by inner "
        "product with the profile, and the metrics are computed from the rank of the held-out "
        "item.\n\nA row is cold, "
        "and skipped, if the user has no history in the catalogue or the held-out item is not in "
        "it. The "
        "ceiling is the result of searching the whole catalogue for every row. --max-test draws "
        "rows without replacement, every set being equally likely, with --seed; with --reference "
        "it takes the rows of DataFrame.sample(N, random_state=42).",
    .examples = "semid eval --train train.parquet --valid valid.parquet --test test.parquet "
                "--items-emb items_emb.npy --items-ids items_emb.ids.npy --methods rqkmeans vqvae\n"
                "semid eval ... --methods rqkmeans --expand neighbors --expand-rq-M 4 --rows "
                "rows.csv\n"
                "semid eval ... --methods rqkmeans --use-faiss-rerank --faiss-index "
                "faiss/index.faiss",
    .options = options,
    .params_size = sizeof(eval_params),
    .run = run,
    .print = print,
    .add_files = add_files,
};
