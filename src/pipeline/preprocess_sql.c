#include "pipeline/preprocess_sql.h"

#include <math.h>

/* Input order is given by `ord`, so the scans may deliver rows in any order. */
static semid_status load_unordered(sql_db *db, const char *statement, semid_error *err) {
    TRY(sql_run_text(db, "SET preserve_insertion_order = false", err));
    semid_status status = sql_run_text(db, statement, err);
    semid_status again = sql_run_text(db, "SET preserve_insertion_order = true", NULL);
    return status != SEMID_OK ? status : again;
}

/* Text as a number; what does not parse, NaN and infinities are NULL. */
#define NUMBER(column)                                                                             \
    "CASE WHEN isfinite(TRY_CAST(" column " AS DOUBLE)) THEN TRY_CAST(" column " AS DOUBLE) END "  \
    "AS " column

/* ---- interactions ---- */

semid_status preprocess_load_reviews(sql_db *db, semid_error *err) {
    return load_unordered(
        db,
        "CREATE TABLE reviews AS SELECT * FROM (SELECT ord, user_id, parent_asin AS item_id, "
        "TRY_CAST(timestamp AS BIGINT) AS timestamp, " NUMBER(
            "rating") " FROM read_reviews()) "
                      "WHERE user_id <> '' AND item_id <> '' AND timestamp IS NOT NULL",
        err);
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

/* The part as an expression over the columns of add_split_source. */
static void add_part(sql_text *sql, const preprocess_params *p, int64_t n_rows) {
    if (p->train_csv) {
        sql_add(sql, "file");
    } else if (p->split == PREPROCESS_LAST_OUT) {
        sql_add(sql, "CASE row_number() OVER (PARTITION BY u ORDER BY n DESC) WHEN 1 THEN 2 "
                     "WHEN 2 THEN 1 ELSE 0 END");
    } else if (p->test_ts != 0) {
        sql_add(sql, "CASE WHEN timestamp >= %lld THEN 2 WHEN timestamp >= %lld THEN 1 ELSE 0 END",
                (long long)p->test_ts, (long long)p->valid_ts);
    } else {
        int64_t n_test = (int64_t)floor((double)n_rows * p->test_frac + 1e-9);
        int64_t n_valid = (int64_t)floor((double)n_rows * p->valid_frac + 1e-9);
        sql_add(sql, "CASE WHEN place > %lld THEN 2 WHEN place > %lld THEN 1 ELSE 0 END",
                (long long)(n_rows - n_test), (long long)(n_rows - n_test - n_valid));
    }
}

static void add_split_source(sql_text *sql, bool by_place) {
    sql_add(sql,
            "SELECT n, core.u, core.i, file, timestamp, rating%s FROM core JOIN coded ON n = "
            "coded.rowid%s",
            by_place ? ", row_number() OVER (ORDER BY timestamp, user_id, item_id, n) AS place"
                     : "",
            by_place ? " JOIN user_names ON core.u = user_names.u JOIN item_names ON core.i = "
                       "item_names.i"
                     : "");
}

semid_status preprocess_split_rows(sql_db *db, const preprocess_params *p, int64_t n_rows,
                                   semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql, "CREATE TABLE split AS SELECT n, u, i, timestamp, rating, (");
    add_part(&sql, p, n_rows);
    sql_add(&sql, ")::TINYINT AS part FROM (");
    add_split_source(&sql, !p->train_csv && p->split == PREPROCESS_TIME && p->test_ts == 0);
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

/* A list of texts from raw JSON: an array as it is, anything else as its only element. */
#define TEXT_LIST(column)                                                                          \
    "CASE WHEN kept.i IS NULL OR " column " IS NULL THEN NULL WHEN " column "[1] = '[' THEN "      \
    "from_json(" column ", '[\"VARCHAR\"]') ELSE [from_json(" column                               \
    ", '\"VARCHAR\"')] END AS " column
#define TEXT(column) "CASE WHEN kept.i IS NOT NULL THEN " column " END AS " column

/* All rows, but texts only of the items that are left. */
semid_status preprocess_load_meta(sql_db *db, semid_error *err) {
    TRY(sql_run_text(db,
                     "CREATE TABLE kept AS SELECT i, item_id FROM item_names SEMI JOIN split "
                     "USING (i)",
                     err));
    return load_unordered(
        db,
        "CREATE TABLE meta AS SELECT ord, parent_asin, kept.i AS i, " TEXT("title") ", " TEXT_LIST("description") ", " TEXT_LIST("features") ", " TEXT_LIST(
            "categories") ", " TEXT("store") ", " NUMBER("price") ", " TEXT("main_category") ","
                                                                                             " " NUMBER(
                                                                                                 "a"
                                                                                                 "v"
                                                                                                 "e"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "g"
                                                                                                 "e"
                                                                                                 "_"
                                                                                                 "r"
                                                                                                 "a"
                                                                                                 "t"
                                                                                                 "i"
                                                                                                 "n"
                                                                                                 "g") ", TRY_CAST(rating_number AS BIGINT) AS rating_number FROM "
                                                                                                      "read_meta() LEFT JOIN kept ON parent_asin = kept.item_id WHERE parent_asin <> ''",
        err);
}

semid_status preprocess_count_meta(sql_db *db, int64_t out[3], semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql, "SELECT count(*), count(DISTINCT parent_asin), count(DISTINCT i) FROM meta");
    return sql_int64s(db, &sql, out, 3, err);
}

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
    TRY(sql_run_text(db, "CREATE TABLE places AS SELECT i, item_id, rowid AS place FROM items",
                     err));
    sql_add(&sql, "SELECT title, description FROM items");
    TRY(text_store_open(out, db, &sql, dir, err));
    return sql_run_text(db, "DROP TABLE items", err);
}

/* The narrow rows are sorted, then get their texts. */
semid_status preprocess_write_part(sql_db *db, int part, const char *path, semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql,
            "SELECT user_id, item_id, timestamp, rating, stored_title(place) AS title, "
            "stored_description(place) AS description FROM (SELECT user_id, item_id, timestamp, "
            "rating, place FROM split JOIN user_names USING (u) JOIN places USING (i) WHERE part = "
            "%d ORDER BY n)",
            part);
    return sql_copy(db, &sql, path, err);
}
