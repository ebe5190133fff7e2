#include "pipeline/preprocess_sql.h"

#include <math.h>

/* What each stage leaves is a table that the next one reads and drops: the tables of a large data
 * set do not fit into memory together, but each of them can spill to disk. Texts are kept out of
 * everything but the last stage, where they are taken from a store on disk, since a description
 * that is repeated in each row of its item would make most of what is sorted.
 *
 * The order of the input decides which of two duplicates stays and in which order rows of one time
 * stand. `ord` carries it (file and line), so that scans may deliver rows in any order, by all
 * threads; every later order is explicit. */

/* `sql` is released in any case. */
static semid_status load_unordered(sql_db *db, sql_text *sql, semid_error *err) {
    semid_status status = sql_run_text(db, "SET preserve_insertion_order = false", err);
    if (status != SEMID_OK) {
        sql_text_release(sql);
        return status;
    }
    status = sql_run(db, sql, err);
    semid_status again = sql_run_text(db, "SET preserve_insertion_order = true", NULL);
    return status != SEMID_OK ? status : again;
}

/* Text as a number; what does not parse, NaN and infinities are NULL. */
static void add_number(sql_text *sql, const char *column) {
    sql_add(sql, "CASE WHEN isfinite(TRY_CAST(%s AS DOUBLE)) THEN TRY_CAST(%s AS DOUBLE) END AS %s",
            column, column, column);
}

/* ---- interactions ---- */

semid_status preprocess_load_reviews(sql_db *db, semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql, "CREATE TABLE reviews AS SELECT * FROM (SELECT ord, user_id, parent_asin AS "
                  "item_id, TRY_CAST(timestamp AS BIGINT) AS timestamp, ");
    add_number(&sql, "rating");
    sql_add(&sql, " FROM read_reviews()) "
                  "WHERE user_id <> '' AND item_id <> '' AND timestamp IS NOT NULL");
    return load_unordered(db, &sql, err);
}

static void add_rated(sql_text *sql, double min_rating) {
    if (min_rating > 0)
        sql_add(sql, "(SELECT * FROM reviews WHERE rating >= %.17g)", min_rating);
    else
        sql_add(sql, "reviews");
}

semid_status preprocess_count_reviews(sql_db *db, double min_rating, int64_t *n_complete,
                                      int64_t *n_rated, semid_error *err) {
    sql_text sql = {0};
    int64_t counts[2];
    sql_add(&sql, "SELECT (SELECT count(*) FROM reviews), (SELECT count(*) FROM ");
    add_rated(&sql, min_rating);
    sql_add(&sql, ")");
    TRY(sql_int64s(db, &sql, counts, 2, err));
    *n_complete = counts[0];
    *n_rated = counts[1];
    return SEMID_OK;
}

static semid_status number_strings(sql_db *db, const char *table, const char *column,
                                   const char *number, double min_rating, semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql,
            "CREATE TABLE %s AS SELECT %s, row_number() OVER ()::INTEGER AS %s FROM "
            "(SELECT DISTINCT %s FROM ",
            table, column, number, column);
    add_rated(&sql, min_rating);
    sql_add(&sql, ")");
    return sql_run(db, &sql, err);
}

semid_status preprocess_number(sql_db *db, double min_rating, semid_error *err) {
    TRY(number_strings(db, "user_names", "user_id", "u", min_rating, err));
    TRY(number_strings(db, "item_names", "item_id", "i", min_rating, err));

    /* ord holds the number of the file above 40 bits of the line */
    sql_text sql = {0};
    sql_add(&sql, "CREATE TABLE coded AS SELECT (ord >> 40)::INTEGER AS file, u, i, "
                  "timestamp, rating FROM ");
    add_rated(&sql, min_rating);
    sql_add(&sql, " JOIN user_names USING (user_id) JOIN item_names USING (item_id) "
                  "ORDER BY timestamp, ord");

    TRY(sql_run(db, &sql, err));
    return sql_run_text(db, "DROP TABLE reviews", err);
}

semid_status preprocess_dedup_rows(sql_db *db, int dedup, semid_error *err) {
    if (dedup == PREPROCESS_DEDUP_NONE)
        return sql_run_text(db, "CREATE TABLE core AS SELECT rowid AS n, u, i FROM coded", err);
    sql_text sql = {0};
    sql_add(&sql, "CREATE TABLE core AS SELECT %s(rowid) AS n, u, i FROM coded GROUP BY u, i",
            dedup == PREPROCESS_DEDUP_FIRST ? "min" : "max");
    return sql_run(db, &sql, err);
}

semid_status preprocess_count_core(sql_db *db, core_counts *out, semid_error *err) {
    sql_text sql = {0};
    int64_t counts[3];
    sql_add(&sql, "SELECT count(*), count(DISTINCT u), count(DISTINCT i) FROM core");
    TRY(sql_int64s(db, &sql, counts, 3, err));
    *out = (core_counts){counts[0], counts[1], counts[2]};
    return SEMID_OK;
}

static semid_status drop_rare(sql_db *db, const char *column, int64_t k, semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql,
            "CREATE OR REPLACE TABLE core AS SELECT core.* FROM core SEMI JOIN (SELECT %s FROM "
            "core GROUP BY %s HAVING count(*) >= %lld) USING (%s)",
            column, column, (long long)k, column);
    return sql_run(db, &sql, err);
}

semid_status preprocess_core_pass(sql_db *db, int64_t k, semid_error *err) {
    TRY(drop_rare(db, "u", k, err));
    return drop_rare(db, "i", k, err);
}

/* ---- split ---- */

semid_status preprocess_split_rows(sql_db *db, const preprocess_params *p, int64_t n_rows,
                                   semid_error *err) {
    sql_text sql = {0};
    bool by_share = !p->train_csv && p->split == PREPROCESS_TIME && p->test_ts == 0;
    sql_add(&sql, "CREATE TABLE split AS SELECT n, u, i, timestamp, rating, (");

    /* the part of a row as an expression over the columns below */
    if (p->train_csv) {
        sql_add(&sql, "file");
    } else if (p->split == PREPROCESS_LAST_OUT) {
        sql_add(&sql, "CASE row_number() OVER (PARTITION BY u ORDER BY n DESC) WHEN 1 THEN 2 "
                      "WHEN 2 THEN 1 ELSE 0 END");
    } else if (p->test_ts != 0) {
        sql_add(&sql, "CASE WHEN timestamp >= %lld THEN 2 WHEN timestamp >= %lld THEN 1 ELSE 0 END",
                (long long)p->test_ts, (long long)p->valid_ts);
    } else {
        /* shares of the rows; the smallest of errors must not cost one */
        int64_t n_test = (int64_t)floor((double)n_rows * p->test_frac + 1e-9);
        int64_t n_valid = (int64_t)floor((double)n_rows * p->valid_frac + 1e-9);
        sql_add(&sql, "CASE WHEN time_order > %lld THEN 2 WHEN time_order > %lld THEN 1 ELSE 0 END",
                (long long)(n_rows - n_test), (long long)(n_rows - n_test - n_valid));
    }

    sql_add(&sql, ")::TINYINT AS part FROM (SELECT n, core.u, core.i, file, timestamp, rating");

    /* rows of one time are told apart by what they say, not by their order in the input */
    if (by_share)
        sql_add(&sql,
                ", row_number() OVER (ORDER BY timestamp, user_id, item_id, n) AS time_order");
    sql_add(&sql, " FROM core JOIN coded ON n = coded.rowid");
    if (by_share)
        sql_add(&sql, " JOIN user_names ON core.u = user_names.u JOIN item_names ON core.i = "
                      "item_names.i");
    sql_add(&sql, ")");

    TRY(sql_run(db, &sql, err));
    TRY(sql_run_text(db, "DROP TABLE coded", err));
    return sql_run_text(db, "DROP TABLE core", err);
}

semid_status preprocess_count_part(sql_db *db, int part, part_counts *out, semid_error *err) {
    sql_text sql = {0};
    int64_t c[5];
    sql_add(&sql,
            "SELECT count(*), count(DISTINCT u), count(DISTINCT i), min(timestamp), "
            "max(timestamp) FROM split WHERE part = %d",
            part);
    TRY(sql_int64s(db, &sql, c, 5, err));
    *out = (part_counts){c[0], c[1], c[2], c[3], c[4]};
    return SEMID_OK;
}

semid_status preprocess_count_cold(sql_db *db, int64_t out[2], semid_error *err) {
    static const char *const columns[] = {"u", "i"};
    for (int k = 0; k < 2; k++) {
        sql_text sql = {0};
        sql_add(&sql,
                "SELECT count(*) FROM (SELECT %s FROM split WHERE part = 2) ANTI JOIN "
                "(SELECT %s FROM split WHERE part < 2) USING (%s)",
                columns[k], columns[k], columns[k]);
        TRY(sql_int64s(db, &sql, &out[k], 1, err));
    }
    return SEMID_OK;
}

/* ---- items ---- */

/* Texts only of the items that are left. */
static void add_text(sql_text *sql, const char *column) {
    sql_add(sql, "CASE WHEN kept.i IS NOT NULL THEN %s END AS %s, ", column, column);
}

/* A list of texts from raw JSON: an array as it is, anything else as its only element. */
static void add_text_list(sql_text *sql, const char *column) {
    sql_add(sql,
            "CASE WHEN kept.i IS NULL OR %s IS NULL THEN NULL WHEN %s[1] = '[' THEN from_json(%s, "
            "'[\"VARCHAR\"]') ELSE [from_json(%s, '\"VARCHAR\"')] END AS %s, ",
            column, column, column, column, column);
}

semid_status preprocess_load_meta(sql_db *db, semid_error *err) {
    TRY(sql_run_text(db,
                     "CREATE TABLE kept AS SELECT i, item_id FROM item_names SEMI JOIN split "
                     "USING (i)",
                     err));

    sql_text sql = {0};
    sql_add(&sql, "CREATE TABLE meta AS SELECT ord, parent_asin, kept.i AS i, ");
    add_text(&sql, "title");
    add_text_list(&sql, "description");
    add_text_list(&sql, "features");
    add_text_list(&sql, "categories");
    add_text(&sql, "store");
    add_number(&sql, "price");
    sql_add(&sql, ", ");
    add_text(&sql, "main_category");
    add_number(&sql, "average_rating");
    sql_add(&sql, ", TRY_CAST(rating_number AS BIGINT) AS rating_number FROM read_meta() LEFT JOIN "
                  "kept ON parent_asin = kept.item_id WHERE parent_asin <> ''");
    return load_unordered(db, &sql, err);
}

semid_status preprocess_count_meta(sql_db *db, int64_t out[3], semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql, "SELECT count(*), count(DISTINCT parent_asin), count(DISTINCT i) FROM meta");
    return sql_int64s(db, &sql, out, 3, err);
}

/* Of several records of an item the first counts. */
semid_status preprocess_collect_items(sql_db *db, semid_error *err) {
    TRY(sql_run_text(db,
                     "CREATE TABLE items AS SELECT kept.i, kept.item_id, meta.* EXCLUDE (ord, "
                     "parent_asin, i) FROM kept LEFT JOIN (SELECT * FROM meta SEMI JOIN (SELECT "
                     "min(ord) AS ord FROM meta WHERE i IS NOT NULL GROUP BY i) USING (ord)) AS "
                     "meta ON kept.i = meta.i ORDER BY kept.item_id",
                     err));
    return sql_run_text(db, "DROP TABLE meta", err);
}

/* ---- files ---- */

semid_status preprocess_write_items(sql_db *db, const char *path, semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql, "SELECT * EXCLUDE (i) FROM items");
    return sql_copy(db, &sql, path, err);
}

semid_status preprocess_store_texts(sql_db *db, const char *dir, text_store **out,
                                    semid_error *err) {
    sql_text sql = {0};
    TRY(sql_run_text(
        db, "CREATE TABLE item_rows AS SELECT i, item_id, rowid AS item_row FROM items", err));
    sql_add(&sql, "SELECT title, description FROM items");
    TRY(text_store_open(out, db, &sql, dir, err));
    return sql_run_text(db, "DROP TABLE items", err);
}

/* Narrow rows are sorted; then they get their texts. */
semid_status preprocess_write_part(sql_db *db, int part, const char *path, semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql,
            "SELECT user_id, item_id, timestamp, rating, stored_title(item_row) AS title, "
            "stored_description(item_row) AS description FROM (SELECT user_id, item_id, timestamp, "
            "rating, item_row FROM split JOIN user_names USING (u) JOIN item_rows USING (i) WHERE "
            "part = %d ORDER BY n)",
            part);
    return sql_copy(db, &sql, path, err);
}
