#include "cli/options.h"
#include "pipeline/preprocess.h"

#define FIELD(name) offsetof(preprocess_params, name)

static const option options[] = {
    {.name = "reviews",
     .type = OPTION_PATH,
     .offset = FIELD(reviews),
     .metavar = "FILES",
     .help =
         "Raw reviews, .jsonl, .jsonl.gz or .jsonl.zst: a file, folder, glob or comma list; keys "
         "user_id, parent_asin, timestamp, rating"},
    {.name = "train-csv",
     .type = OPTION_PATH,
     .offset = FIELD(train_csv),
     .metavar = "FILE",
     .help = "Instead of --reviews: the train split of the official benchmark, .csv, .csv.gz or "
             ".csv.zst with user_id, parent_asin, rating, timestamp (others are not read)"},
    {.name = "valid-csv",
     .type = OPTION_PATH,
     .offset = FIELD(valid_csv),
     .metavar = "FILE",
     .help = "The valid split"},
    {.name = "test-csv",
     .type = OPTION_PATH,
     .offset = FIELD(test_csv),
     .metavar = "FILE",
     .help = "The test split"},
    {.name = "meta",
     .type = OPTION_PATH,
     .offset = FIELD(meta),
     .metavar = "FILES",
     .required = true,
     .help = "Item descriptions, .jsonl, .jsonl.gz or .jsonl.zst; keys parent_asin, title, "
             "description, features, categories, store, price"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = FIELD(out),
     .metavar = "DIR",
     .required = true,
     .help = "Folder for train.parquet, valid.parquet, test.parquet, items.parquet, stats.json"},
    {.name = "core",
     .type = OPTION_INT,
     .offset = FIELD(core),
     .metavar = "K",
     .default_value = "5",
     .min = 0,
     .max = 1e9,
     .help = "Keep users and items with at least K rows, repeated until nothing changes; 0 keeps "
             "all"},
    {.name = "min-rating",
     .type = OPTION_REAL,
     .offset = FIELD(min_rating),
     .metavar = "R",
     .default_value = "0",
     .min = 0,
     .max = 1e9,
     .help = "Keep only rows rated R or more; 0 keeps all"},
    {.name = "dedup",
     .type = OPTION_CHOICE,
     .offset = FIELD(dedup),
     .default_value = "first",
     .choices = "first|last|none",
     .help = "Which of a user's rows of the same item to keep, by time"},
    {.name = "split",
     .type = OPTION_CHOICE,
     .offset = FIELD(split),
     .default_value = "last-out",
     .choices = "last-out|time",
     .help = "last-out: each user's last row is test, the one before valid; time: the newest rows "
             "of all"},
    {.name = "valid-frac",
     .type = OPTION_REAL,
     .offset = FIELD(valid_frac),
     .metavar = "F",
     .default_value = "0.1",
     .min = 0,
     .max = 0.999,
     .help = "Share of the rows in valid with --split time"},
    {.name = "test-frac",
     .type = OPTION_REAL,
     .offset = FIELD(test_frac),
     .metavar = "F",
     .default_value = "0.1",
     .min = 0,
     .max = 0.999,
     .help = "Share of the rows in test with --split time"},
    {.name = "valid-ts",
     .type = OPTION_INT,
     .offset = FIELD(valid_ts),
     .metavar = "TIMESTAMP",
     .default_value = "0",
     .help = "With --split time: rows from this timestamp on, as the input writes it, are valid; "
             "0: the shares decide"},
    {.name = "test-ts",
     .type = OPTION_INT,
     .offset = FIELD(test_ts),
     .metavar = "TIMESTAMP",
     .default_value = "0",
     .help = "With --split time: rows from this timestamp on are test; 0: the shares decide"},
    {.name = "strict",
     .type = OPTION_FLAG,
     .offset = FIELD(strict),
     .help = "Fail at the first malformed line instead of counting and skipping it"},
    {.name = "memory-limit",
     .type = OPTION_BYTES,
     .offset = FIELD(memory_limit),
     .metavar = "SIZE",
     .default_value = "0",
     .min = 100e6, /* less than DuckDB itself takes cannot be kept */
     .help =
         "Memory to stay within, at least 100MB; more is spilled into --out while working; 0: most "
         "of the machine's"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_preprocess(params, ctx, report, err);
}

static long long get(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print_part(const json_t *report, const char *name, FILE *out) {
    const json_t *part = json_object_get(report, name);
    fprintf(out, "%-10s %12lld %12lld %12lld\n", name, get(part, "rows"), get(part, "users"),
            get(part, "items"));
}

static void print(const json_t *report, FILE *out) {
    const json_t *reviews = json_object_get(report, "reviews"),
                 *meta = json_object_get(report, "meta");
    fprintf(out, "%-10s %12s %12s %12s\n", "", "rows", "users", "items");
    print_part(report, "before_core", out);
    print_part(report, "after_core", out);
    print_part(report, "train", out);
    print_part(report, "valid", out);
    print_part(report, "test", out);
    fprintf(out,
            "%lld review rows read, %lld malformed lines, %lld without a needed field, %lld "
            "duplicates; %lld items have a description\n",
            get(reviews, "rows"), get(reviews, "bad_lines") + get(meta, "bad_lines"),
            get(reviews, "rows_missing_fields"), get(report, "duplicates_dropped"),
            get(meta, "items_used"));
}

const command cmd_preprocess = {
    .name = "preprocess",
    .summary = "Raw reviews and item descriptions to split tables",
    .description =
        "Reads reviews and item descriptions in the schema of Amazon Reviews 2023, filters, "
        "removes duplicates, reduces to the k-core and splits into train, valid and test.\n"
        "\n"
        "The order: --min-rating; stable sort by timestamp; --dedup; --core to its fixpoint; "
        "--split. Files are read in the order of their paths. Rows without user_id, parent_asin or "
        "timestamp are dropped and counted; malformed lines are skipped and listed in stats.json. "
        "Split files (--train-csv ...) are taken as they are: only their order by timestamp is "
        "made.\n"
        "\n"
        "items.parquet has a row for every item left, by item id, from the first line of --meta "
        "with its parent_asin; lists stay lists; a price that is no number is null.",
    .examples =
        "semid preprocess --reviews Books.jsonl.gz --meta meta_Books.jsonl.gz --out data\n"
        "semid preprocess --reviews raw/reviews --meta raw/meta --core 0 --split time --out "
        "data\n"
        "semid preprocess --train-csv Books.train.csv --valid-csv Books.valid.csv --test-csv "
        "Books.test.csv --meta meta_Books.jsonl.gz --out data",
    .options = options,
    .params_size = sizeof(preprocess_params),
    .run = run,
    .print = print};
