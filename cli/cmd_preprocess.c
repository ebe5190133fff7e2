/* The printed report is a table of rows, users and items: before the k-core, after it, and of each
 * split. Below it is what was lost on the way there: malformed lines, missing fields, duplicates.
 * The whole report is in stats.json.
 */
#include "cli/command_files.h"
#include "pipeline/preprocess.h"

#define FIELD(name) offsetof(preprocess_params, name)

static const option options[] = {
    {.name = "reviews",
     .type = OPTION_PATH,
     .offset = FIELD(reviews),
     .metavar = "FILES",
     .file = FILE_READ,
     .help = "Raw reviews, .jsonl, .jsonl.gz or .jsonl.zst: a file, folder, glob or comma list; "
             "keys user_id, parent_asin, timestamp, rating"},
    {.name = "train-csv",
     .type = OPTION_PATH,
     .offset = FIELD(train_csv),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Instead of --reviews: the train split of the official benchmark, .csv, .csv.gz or "
             ".csv.zst, with the columns user_id, parent_asin, rating, timestamp; other columns "
             "are ignored"},
    {.name = "valid-csv",
     .type = OPTION_PATH,
     .offset = FIELD(valid_csv),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "The valid split of the official benchmark"},
    {.name = "test-csv",
     .type = OPTION_PATH,
     .offset = FIELD(test_csv),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "The test split of the official benchmark"},
    {.name = "meta",
     .type = OPTION_PATH,
     .offset = FIELD(meta),
     .metavar = "FILES",
     .file = FILE_READ,
     .required = true,
     .help = "Item records, .jsonl, .jsonl.gz or .jsonl.zst; keys parent_asin, title, description, "
             "features, categories, store, price"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = FIELD(out),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .required = true,
     .help = "Folder for train.parquet, valid.parquet, test.parquet, items.parquet, stats.json"},
    {.name = "core",
     .type = OPTION_INT,
     .offset = FIELD(core),
     .metavar = "K",
     .default_value = "5",
     .min = 0,
     .max = 1e9,
     .help =
         "Keep users and items with at least K rows, repeated until nothing changes; 0 keeps all"},
    {.name = "min-rating",
     .type = OPTION_REAL,
     .offset = FIELD(min_rating),
     .metavar = "R",
     .default_value = "0",
     .min = 0,
     .max = 1e9,
     .help = "Keep only rows with a rating of at least R; 0 keeps all"},
    {.name = "dedup",
     .type = OPTION_CHOICE,
     .offset = FIELD(dedup),
     .default_value = "first",
     .choices = "first|last|none",
     .help = "Which of several rows of the same user and item to keep, in order of time; none: all "
             "of them"},
    {.name = "split",
     .type = OPTION_CHOICE,
     .offset = FIELD(split),
     .default_value = "last-out",
     .choices = "last-out|time",
     .help = "last-out: each user's last row is test, the one before it valid; time: the newest "
             "rows of all users are test, those before them valid"},
    {.name = "valid-frac",
     .type = OPTION_REAL,
     .offset = FIELD(valid_frac),
     .metavar = "F",
     .default_value = "0.1",
     .min = 0,
     .max = 0.999,
     .help = "With --split time: share of the rows in valid"},
    {.name = "test-frac",
     .type = OPTION_REAL,
     .offset = FIELD(test_frac),
     .metavar = "F",
     .default_value = "0.1",
     .min = 0,
     .max = 0.999,
     .help = "With --split time: share of the rows in test"},
    {.name = "valid-ts",
     .type = OPTION_INT,
     .offset = FIELD(valid_ts),
     .metavar = "TIMESTAMP",
     .default_value = "0",
     .help = "With --split time: rows from this timestamp on are valid, in the unit of the input; "
             "0: use --valid-frac"},
    {.name = "test-ts",
     .type = OPTION_INT,
     .offset = FIELD(test_ts),
     .metavar = "TIMESTAMP",
     .default_value = "0",
     .help = "With --split time: rows from this timestamp on are test; 0: use --test-frac"},
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
     .help = "Limit of the memory used, at least 100MB; what does not fit is spilled into --out; "
             "0: most of the memory of the machine"},
    {0}};

static semid_status add_files(const void *params, command_files *files, semid_error *err) {
    static const char *const names[] = {"train.parquet", "valid.parquet", "test.parquet",
                                        "items.parquet", "stats.json",    NULL};
    const preprocess_params *p = params;
    return command_files_in(&files->writes, p->out, names, err);
}

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
    .summary = "Turn raw reviews and item records into split tables",
    .description =
        "Reads reviews and item records in the schema of Amazon Reviews 2023, filters, removes "
        "duplicates, reduces to the k-core and splits into train, valid and test.\n\nThe order: "
        "--min-rating; stable sort by timestamp; --dedup; --core to its fixpoint; --split. Files "
        "are read in the order of their paths. Rows without user_id, parent_asin or timestamp are "
        "dropped and counted; malformed lines are skipped and listed in stats.json. Split files "
        "(--train-csv ...) are only sorted by timestamp, nothing else is changed.\n\nitems.parquet "
        "has one row per remaining item, ordered by item id, from the first line of --meta with "
        "its parent_asin; lists stay lists; a price that is not a number becomes null.",
    .examples =
        "semid preprocess --reviews Books.jsonl.gz --meta meta_Books.jsonl.gz --out data\n"
        "semid preprocess --reviews raw/reviews --meta raw/meta --core 0 --split time --out "
        "data\n"
        "semid preprocess --train-csv Books.train.csv --valid-csv Books.valid.csv --test-csv "
        "Books.test.csv --meta meta_Books.jsonl.gz --out data",
    .options = options,
    .params_size = sizeof(preprocess_params),
    .run = run,
    .print = print,
    .add_files = add_files};
