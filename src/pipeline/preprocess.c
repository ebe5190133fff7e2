#include "pipeline/preprocess.h"

#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path_list.h"
#include "pipeline/output_check.h"
#include "pipeline/preprocess_sql.h"
#include "table/record_scan.h"

#include <string.h>
#include <unistd.h>

/* The stages, with what they leave in preprocess_sql.h: read reviews, number users and items, drop
 * duplicates, k-core, split; then read the descriptions of the items that are left; write. Each
 * stage reports how many rows it dropped and why, so that the figures add up from the lines of the
 * input to the rows of the output.
 *
 * The k-core is repeated to its fixpoint: dropping a rare item may make a user rare, and so on.
 * Every pass drops at least one row or is the last one.
 *
 * The outputs are written under temporary names and renamed together at the end: a table of one run
 * never lies beside one of another. */

static const char *const PART_NAMES[] = {"train", "valid", "test"};
enum { N_PARTS = 3, ITEMS = N_PARTS, N_TABLES }; /* the parts and the items */
static const char *const OUTPUTS[] = {"train.parquet", "valid.parquet", "test.parquet",
                                      "items.parquet", "stats.json",    NULL};

typedef struct preprocessing {
    const preprocess_params *params;
    sql_db db;
    path_list reviews, meta;
    int64_t n_rated; /* rows that have all they need and the rating */
    json_t *report;
    text_store *texts;
    char *paths[N_TABLES], *temp_paths[N_TABLES];
} preprocessing;

/* ---- files ---- */

static semid_status check_extensions(const path_list *files, const char *const *extensions,
                                     semid_error *err) {
    for (size_t i = 0; i < files->n_paths; i++) {
        size_t n = strlen(files->paths[i]), k = 0;
        for (; extensions[k]; k++) {
            size_t m = strlen(extensions[k]);
            if (n >= m && strcasecmp(files->paths[i] + n - m, extensions[k]) == 0) break;
        }
        if (!extensions[k])
            FAIL(SEMID_ERR_ARGUMENT, "%s: expected a name ending in %s, %s or %s", files->paths[i],
                 extensions[0], extensions[1], extensions[2]);
    }
    return SEMID_OK;
}

static semid_status find_files(preprocessing *j, semid_error *err) {
    static const char *const jsonl[] = {".jsonl", ".jsonl.gz", ".jsonl.zst", NULL};
    static const char *const csv[] = {".csv", ".csv.gz", ".csv.zst", NULL};
    const preprocess_params *p = j->params;
    TRY(path_list_expand(&j->meta, p->meta, jsonl, err));
    TRY(check_extensions(&j->meta, jsonl, err));

    if (p->reviews) {
        TRY(path_list_expand(&j->reviews, p->reviews, jsonl, err));
        return check_extensions(&j->reviews, jsonl, err);
    }

    /* in the order of the parts: the number of a file is its part */
    const char *parts[] = {p->train_csv, p->valid_csv, p->test_csv};
    TRY(mem_calloc(&j->reviews.paths, N_PARTS, sizeof(char *), err));
    for (size_t i = 0; i < N_PARTS; i++) {
        TRY(file_check_readable(parts[i], err));
        TRY(mem_strdup(&j->reviews.paths[i], parts[i], err));
        j->reviews.n_paths++;
    }
    return check_extensions(&j->reviews, csv, err);
}

/* ---- reading ---- */

static semid_status set_int(json_t *object, const char *key, int64_t value, semid_error *err) {
    return json_set(object, key, json_integer(value), err);
}

/* Lines read, and the bad ones by file. */
static semid_status report_lines(json_t *object, const record_scan *scan, const path_list *files,
                                 int64_t *n_good, semid_error *err) {
    int64_t good = 0, bad = 0;
    json_t *by_file = json_array();
    for (size_t i = 0; i < files->n_paths; i++) {
        const record_counts *c = record_scan_counts(scan, i);
        good += (int64_t)c->n_good;
        bad += (int64_t)c->n_bad;
        if (c->n_bad == 0) continue;

        json_t *lines = json_array();
        for (size_t k = 0; k < c->n_bad && k < RECORD_FIRST_BAD; k++)
            json_array_append_new(lines, json_integer((json_int_t)c->first_bad[k]));
        json_array_append_new(by_file,
                              json_pack("{s:s, s:I, s:o}", "file", files->paths[i], "count",
                                        (json_int_t)c->n_bad, "first_lines", lines));
        log_warn("%s: %llu malformed lines skipped, the first at line %llu", files->paths[i],
                 (unsigned long long)c->n_bad, (unsigned long long)c->first_bad[0]);
    }
    *n_good = good;

    semid_status status = SEMID_OK;
    TRY_GOTO(set_int(object, "files", (int64_t)files->n_paths, err));
    TRY_GOTO(set_int(object, "rows", good, err));
    TRY_GOTO(set_int(object, "bad_lines", bad, err));
    if (bad > 0) TRY_GOTO(json_set(object, "bad_lines_by_file", json_incref(by_file), err));
done:
    json_decref(by_file);
    return status;
}

typedef struct scan_progress {
    progress bar;
    record_scan *scan;
} scan_progress;

static void show_progress(void *user) {
    scan_progress *p = user;
    progress_add(&p->bar, record_scan_consumed(p->scan) - p->bar.state.done);
}

/* Runs the statement that reads the records, with a bar over the bytes of their files. */
static semid_status run_scan(preprocessing *j, record_scan *scan, const char *label,
                             const path_list *files,
                             semid_status (*load)(sql_db *db, semid_error *err), semid_error *err) {
    scan_progress p = {.scan = scan};
    size_t n_bytes = 0;
    for (size_t i = 0; i < files->n_paths; i++) n_bytes += (size_t)file_bytes(files->paths[i]);

    progress_begin(&p.bar, label, "bytes", n_bytes);
    j->db.on_tick = show_progress;
    j->db.tick_user = &p;
    semid_status status = record_scan_finish(scan, load(&j->db, err), err);
    j->db.on_tick = NULL;
    /* the last tick was before the end */
    show_progress(&p);
    progress_end(&p.bar);
    return status;
}

static semid_status read_reviews(preprocessing *j, semid_error *err) {
    static const record_field fields[] = {
        {"user_id", false}, {"parent_asin", false}, {"timestamp", false}, {"rating", false}};
    record_spec spec = {.files = &j->reviews,
                        .format = j->params->reviews ? RECORD_JSONL : RECORD_CSV,
                        .fields = fields,
                        .n_fields = sizeof fields / sizeof *fields,
                        .strict = j->params->strict};

    int64_t n_rows, n_complete, n_rated;
    double min_rating = j->params->min_rating;
    record_scan *scan = NULL;
    TRY(record_scan_open(&scan, &j->db, "read_reviews", &spec, err));
    semid_status status = run_scan(j, scan, "reviews", &j->reviews, preprocess_load_reviews, err);
    if (status != SEMID_OK) goto done;

    const char *path = j->reviews.paths[0], *keys = record_scan_keys(scan);
    json_t *object = json_object();
    TRY_GOTO(json_set(j->report, "reviews", object, err));
    TRY_GOTO(report_lines(object, scan, &j->reviews, &n_rows, err));
    TRY_GOTO(preprocess_count_reviews(&j->db, min_rating, &n_complete, &n_rated, err));

    /* what each condition drops, in the order in which they are applied */
    TRY_GOTO(set_int(object, "rows_missing_fields", n_rows - n_complete, err));
    if (n_rows > n_complete)
        log_warn("%lld of %lld rows have no user_id, parent_asin or timestamp and are dropped",
                 (long long)(n_rows - n_complete), (long long)n_rows);
    TRY_GOTO(set_int(object, "rows_below_min_rating", n_complete - n_rated, err));
    TRY_GOTO(set_int(object, "rows_kept", n_rated, err));

    if (n_rows == 0) FAIL_GOTO(SEMID_ERR_DATA, "%s: expected interactions, found no rows", path);
    if (n_complete == 0)
        FAIL_GOTO(SEMID_ERR_FORMAT,
                  "%s: none of %lld rows has user_id, parent_asin and a whole number as timestamp; "
                  "found %s",
                  path, (long long)n_rows, *keys ? keys : "other columns");
    if (n_rated == 0)
        FAIL_GOTO(SEMID_ERR_DATA, "--min-rating %g: none of %lld rows is left", min_rating,
                  (long long)n_complete);
    j->n_rated = n_rated;
done:
    record_scan_close(scan);
    return status;
}

static semid_status read_meta(preprocessing *j, semid_error *err) {
    static const record_field fields[] = {{"parent_asin", false},    {"title", false},
                                          {"description", true},     {"features", true},
                                          {"categories", true},      {"store", false},
                                          {"price", false},          {"main_category", false},
                                          {"average_rating", false}, {"rating_number", false}};
    record_spec spec = {.files = &j->meta,
                        .format = RECORD_JSONL,
                        .fields = fields,
                        .n_fields = sizeof fields / sizeof *fields,
                        .strict = j->params->strict};

    int64_t n_rows, counts[3];
    record_scan *scan = NULL;
    TRY(record_scan_open(&scan, &j->db, "read_meta", &spec, err));
    semid_status status = run_scan(j, scan, "meta", &j->meta, preprocess_load_meta, err);
    if (status != SEMID_OK) goto done;

    json_t *object = json_object();
    TRY_GOTO(json_set(j->report, "meta", object, err));
    TRY_GOTO(report_lines(object, scan, &j->meta, &n_rows, err));
    TRY_GOTO(preprocess_count_meta(&j->db, counts, err));

    TRY_GOTO(set_int(object, "rows_missing_fields", n_rows - counts[0], err));
    TRY_GOTO(set_int(object, "items", counts[1], err));
    TRY_GOTO(set_int(object, "items_used", counts[2], err));

    if (n_rows == 0)
        FAIL_GOTO(SEMID_ERR_DATA, "%s: expected records of items, found no rows", j->meta.paths[0]);
    if (counts[0] == 0)
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: none of %lld rows has parent_asin; found %s",
                  j->meta.paths[0], (long long)n_rows, record_scan_keys(scan));
done:
    record_scan_close(scan);
    return status;
}

/* ---- filtering and splitting ---- */

static semid_status report_counts(json_t *parent, const char *key, const core_counts *c,
                                  semid_error *err) {
    json_t *object = json_object();
    TRY(json_set(parent, key, object, err));
    TRY(set_int(object, "rows", c->rows, err));
    TRY(set_int(object, "users", c->users, err));
    return set_int(object, "items", c->items, err);
}

static semid_status core_to_fixpoint(preprocessing *j, core_counts *counts, semid_error *err) {
    int64_t k = j->params->train_csv ? 0 : j->params->core, n_passes = 0;
    core_counts before = *counts; /* for the message */
    for (int64_t rows = -1; k > 1 && rows != counts->rows;) {
        rows = counts->rows;
        TRY(preprocess_core_pass(&j->db, k, err));
        TRY(preprocess_count_core(&j->db, counts, err));
        n_passes++;
        log_info("%lld-core, pass %lld: %lld rows, %lld users, %lld items", (long long)k,
                 (long long)n_passes, (long long)counts->rows, (long long)counts->users,
                 (long long)counts->items);
    }

    TRY(report_counts(j->report, "after_core", counts, err));
    TRY(set_int(json_object_get(j->report, "after_core"), "passes", n_passes, err));
    if (counts->rows == 0)
        FAIL(
            SEMID_ERR_DATA,
            "--core %lld: nothing is left of %lld rows, %lld users and %lld items; use a lower one",
            (long long)k, (long long)before.rows, (long long)before.users, (long long)before.items);
    return SEMID_OK;
}

static semid_status report_split(preprocessing *j, semid_error *err) {
    const char *name = j->params->train_csv                      ? "files"
                       : j->params->split == PREPROCESS_LAST_OUT ? "last-out"
                                                                 : "time";
    TRY(json_set(j->report, "split", json_string(name), err));

    for (int part = 0; part < N_PARTS; part++) {
        part_counts c;
        TRY(preprocess_count_part(&j->db, part, &c, err));
        core_counts counts = {c.rows, c.users, c.items};
        TRY(report_counts(j->report, PART_NAMES[part], &counts, err));
        if (c.rows == 0) continue;
        json_t *object = json_object_get(j->report, PART_NAMES[part]);
        TRY(set_int(object, "ts_min", c.first_timestamp, err));
        TRY(set_int(object, "ts_max", c.last_timestamp, err));
    }

    /* what no method can answer, and what none has seen */
    int64_t cold[2];
    TRY(preprocess_count_cold(&j->db, cold, err));
    TRY(set_int(j->report, "test_rows_user_without_history", cold[0], err));
    return set_int(j->report, "test_rows_item_unseen_in_train_valid", cold[1], err);
}

/* ---- writing ---- */

static semid_status write_table(preprocessing *j, int table, semid_error *err) {
    TRY(path_join(&j->paths[table], j->params->out, OUTPUTS[table], err));
    TRY(file_temp_path(&j->temp_paths[table], j->paths[table], err));
    log_info("writing %s", j->paths[table]);

    const char *temp = j->temp_paths[table];
    semid_status status = table == ITEMS ? preprocess_write_items(&j->db, temp, err)
                                         : preprocess_write_part(&j->db, table, temp, err);
    return status == SEMID_OK ? status : sql_error_in_temp(temp, j->paths[table], err);
}

/* All is on disk before the first file gets its name. */
static semid_status commit(preprocessing *j, semid_error *err) {
    char *path = NULL;
    file_out stats = {0};
    semid_status status = SEMID_OK;
    TRY_GOTO(path_join(&path, j->params->out, "stats.json", err));
    TRY_GOTO(file_out_open(&stats, path, err));
    json_dumpf(j->report, stats.stream, JSON_INDENT(1));
    file_out_write(&stats, "\n", 1);
    for (int i = 0; i < N_TABLES; i++) TRY_GOTO(file_temp_sync(j->temp_paths[i], j->paths[i], err));

    for (int i = 0; i < N_TABLES; i++) {
        TRY_GOTO(file_temp_commit(j->temp_paths[i], j->paths[i], err));
        mem_free(j->temp_paths[i]);
        j->temp_paths[i] = NULL;
    }
    TRY_GOTO(file_out_commit(&stats, err));
done:
    file_out_release(&stats);
    mem_free(path);
    return status;
}

/* ---- the step ---- */

static semid_status preprocess(preprocessing *j, semid_error *err) {
    const preprocess_params *p = j->params;
    TRY(json_made(&j->report, json_object(), err));
    TRY(find_files(j, err));
    TRY(dir_create(p->out, err));
    TRY(sql_open(&j->db, p->memory_limit, p->out, err));

    TRY(read_reviews(j, err));

    core_counts counts;
    log_info("ordering rows, numbering users and items");
    TRY(preprocess_number(&j->db, p->min_rating, err));
    TRY(preprocess_dedup_rows(&j->db, p->train_csv ? PREPROCESS_DEDUP_NONE : p->dedup, err));
    TRY(preprocess_count_core(&j->db, &counts, err));
    TRY(set_int(j->report, "duplicates_dropped", j->n_rated - counts.rows, err));
    TRY(report_counts(j->report, "before_core", &counts, err));

    TRY(core_to_fixpoint(j, &counts, err));
    log_info("splitting %lld rows", (long long)counts.rows);
    TRY(preprocess_split_rows(&j->db, p, counts.rows, err));
    TRY(report_split(j, err));

    /* Several threads hold a part of the long texts each while they sort and write; where memory is
     * short, one works alone. The files are the same. */
    const uint64_t enough_bytes = (uint64_t)4 << 30;
    if (p->memory_limit > 0 && p->memory_limit < enough_bytes)
        TRY(sql_run_text(&j->db, "SET threads = 1", err));

    TRY(read_meta(j, err));
    TRY(preprocess_collect_items(&j->db, err));

    TRY(write_table(j, ITEMS, err));
    TRY(preprocess_store_texts(&j->db, p->out, &j->texts, err));
    for (int part = 0; part < N_PARTS; part++) TRY(write_table(j, part, err));
    return commit(j, err);
}

semid_status step_preprocess(const preprocess_params *params, const step_context *ctx,
                             json_t **report, semid_error *err) {
    (void)ctx;
    step_timer timer = step_begin();
    preprocessing j = {.params = params};
    int n_csv = !!params->train_csv + !!params->valid_csv + !!params->test_csv;
    if (params->reviews && n_csv > 0)
        FAIL(STATUS_USAGE, "expected --reviews or the split files, found both");
    if (!params->reviews && n_csv != 3)
        FAIL(STATUS_USAGE,
             "expected --reviews, or --train-csv, --valid-csv and --test-csv together");
    if (n_csv > 0 && params->min_rating > 0)
        FAIL(STATUS_USAGE, "--min-rating: split files are taken as they are");

    if ((params->valid_ts != 0) != (params->test_ts != 0))
        FAIL(STATUS_USAGE, "expected --valid-ts and --test-ts together");
    if (params->valid_ts > params->test_ts)
        FAIL(STATUS_USAGE, "--valid-ts: expected at most --test-ts (%lld), found %lld",
             (long long)params->test_ts, (long long)params->valid_ts);
    if (params->test_ts != 0 && params->split != PREPROCESS_TIME)
        FAIL(STATUS_USAGE, "--valid-ts and --test-ts need --split time");
    if (params->valid_frac + params->test_frac >= 1)
        FAIL(STATUS_USAGE, "--valid-frac and --test-frac: expected a sum below 1, found %g",
             params->valid_frac + params->test_frac);

    TRY(output_check_folder(params->out, OUTPUTS, err));

    bool folder_existed = path_exists(params->out);
    semid_status status = preprocess(&j, err);
    for (int i = 0; i < N_TABLES; i++) {
        file_temp_discard(j.temp_paths[i]);
        mem_free(j.paths[i]);
    }
    sql_close(&j.db);
    text_store_close(j.texts);
    path_list_release(&j.reviews);
    path_list_release(&j.meta);
    if (status != SEMID_OK && !folder_existed) rmdir(params->out); /* if empty */

    if (status == SEMID_OK) status = step_end(timer, j.report, err);
    if (status == SEMID_OK) *report = json_incref(j.report);
    json_decref(j.report);
    return status;
}
