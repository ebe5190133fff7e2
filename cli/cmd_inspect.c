/* The printed report: the health of each level as a table, then, with --prefix, the items under it,
 * one per line. Codes repeat where items share one and are printed once; titles are cut so that an
 * item stays on its line. */
#include "base/utf8.h"
#include "cli/health_table.h"
#include "cli/options.h"
#include "pipeline/inspect.h"

#include <string.h>

enum { MAX_TITLE_BYTES = 100 };

#define AT(field) .offset = offsetof(inspect_params, field)

static const option options[] = {
    {.name = "dir",
     .type = OPTION_PATH,
     AT(dir),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .required = true,
     .positional = true,
     .help = "Folder that train wrote"},
    {.name = "prefix",
     .type = OPTION_STRING,
     AT(prefix),
     .metavar = "CODES",
     .help = "List the items whose codes start with this prefix, such as 12-203"},
    {.name = "items",
     .type = OPTION_PATH,
     AT(items),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Parquet file with the titles of the items, as preprocess writes it"},
    {.name = "ids",
     .type = OPTION_PATH,
     AT(ids),
     .metavar = "FILE",
     .file = FILE_READ,
     .help = "Item ids of the rows",
     .unset = "the ids in items.parquet of the folder, else row numbers"},
    {.name = "id-col",
     .type = OPTION_STRING,
     AT(id_col),
     .metavar = "NAME",
     .default_value = "item_id",
     .help = "Column with the item ids"},
    {.name = "title-col",
     .type = OPTION_STRING,
     AT(title_col),
     .metavar = "NAME",
     .default_value = "title",
     .help = "Column with the titles"},
    {.name = "limit",
     .type = OPTION_INT,
     AT(limit),
     .metavar = "N",
     .default_value = "50",
     .min = 1,
     .max = 1e9,
     .help = "Maximum number of items to list"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    return step_inspect(params, ctx, report, err);
}

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static long long whole(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

static int widest(const json_t *items, const char *key) {
    size_t i, most = 0;
    json_t *item;
    json_array_foreach(items, i, item) {
        size_t n = strlen(text(item, key));
        if (n > most) most = n;
    }
    return (int)most;
}

/* At most MAX_TITLE_BYTES of `s`, not ending inside a UTF-8 character. */
static int line_bytes(const char *s) {
    size_t n = strlen(s);
    return (int)(n <= MAX_TITLE_BYTES ? n : utf8_boundary(s, MAX_TITLE_BYTES));
}

/* Items in the order of their codes; a code that repeats is left blank. */
static void print_prefix(const json_t *prefix, FILE *out) {
    const json_t *items = json_object_get(prefix, "items");
    int code_width = widest(items, "code"), id_width = widest(items, "item_id");
    const char *last = "";
    size_t i;
    json_t *item;

    fprintf(out, "\n%s: %lld items, %lld distinct codes\n\n", text(prefix, "prefix"),
            whole(prefix, "n_items"), whole(prefix, "n_codes"));
    json_array_foreach(items, i, item) {
        const char *code = text(item, "code");
        const char *title = text(item, "title"); /* "" without --items: ids are not padded then */
        fprintf(out, "%-*s  %-*s%s%.*s\n", code_width, strcmp(code, last) == 0 ? "" : code,
                *title ? id_width : 0, text(item, "item_id"), *title ? "  " : "", line_bytes(title),
                title);
        last = code;
    }

    long long rest = whole(prefix, "n_items") - (long long)json_array_size(items);
    if (rest > 0) fprintf(out, "... and %lld more (--limit)\n", rest);
}

static void print(const json_t *report, FILE *out) {
    const json_t *prefix = json_object_get(report, "prefix");
    fprintf(out, "%s: %s%s%lld x %lld codewords of %lld dimensions\n\n", text(report, "folder"),
            text(report, "method"), *text(report, "method") ? ", " : "", whole(report, "L"),
            whole(report, "K"), whole(report, "dim"));
    health_table_print(report, out);
    if (prefix) print_prefix(prefix, out);
}

const command cmd_inspect = {
    .name = "inspect",
    .summary = "Show quality figures of trained codes, and the items under a prefix",
    .description =
        "For each level: used codewords, perplexity (of their use, and given the levels before "
        "it), Gini coefficient, share of the most used codeword, error after the level and share "
        "of the variance explained. For the whole codes: collisions, largest number of items with "
        "one code, entropy.\n\nWith --prefix also the items whose codes start with it, ordered by "
        "code.",
    .examples = "semid inspect outputs/rqvae\n"
                "semid inspect outputs/rqvae --prefix 12-203 --items data/items.parquet\n"
                "semid inspect outputs/rqvae --json",
    .options = options,
    .params_size = sizeof(inspect_params),
    .run = run,
    .print = print,
};
