#include "table/item_codes.h"

#include "base/memory.h"
#include "table/sql.h"

#include <math.h>
#include <string.h>

/* The table of semantic IDs, in three formats with one set of columns. Rows keep their order both
 * ways: a file is scanned in order, and a temporary table is written in the order in which rows
 * were appended, so that row i of the table is row i of the embeddings.
 *
 * Loading is strict, because a wrong code is worse than none: codes are read as DOUBLE, so that 1.5
 * is refused and not rounded, and CSV is read as text, so that the id 007 is not 7.
 *
 * Saving goes through a temporary table that is filled chunk by chunk; COPY then writes it. */

/* ---- the three formats ---- */

typedef enum table_format { TABLE_PARQUET, TABLE_CSV, TABLE_JSONL } table_format;

static semid_status format_of(table_format *out, const char *path, semid_error *err) {
    char extension[16];
    path_extension(path, extension);
    if (strcmp(extension, "parquet") == 0)
        *out = TABLE_PARQUET;
    else if (strcmp(extension, "csv") == 0)
        *out = TABLE_CSV;
    else if (strcmp(extension, "jsonl") == 0)
        *out = TABLE_JSONL;
    else
        FAIL(SEMID_ERR_ARGUMENT, "%s: expected a name ending in .parquet, .csv or .jsonl", path);
    return SEMID_OK;
}

semid_status item_codes_check_path(const char *path, semid_error *err) {
    table_format unused;
    return format_of(&unused, path, err);
}

/* The call that reads the file; for JSONL without its closing bracket, so that the types of columns
 * can be added. */
static void add_relation(sql_text *sql, const char *path, table_format format) {
    static const char *const readers[] = {"read_parquet(", "read_csv(", "read_json("};
    static const char *const options[] = {
        ")", ", header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')",
        ", format = 'newline_delimited'"};
    sql_add(sql, "%s", readers[format]);
    sql_add_string(sql, path);
    sql_add(sql, "%s", options[format]);
}

/* A comma, the level's column and `suffix`, for each level. */
static void add_levels(sql_text *sql, size_t n_levels, const char *suffix) {
    for (size_t l = 0; l < n_levels; l++) {
        if (n_levels == 1)
            sql_add(sql, ", token%s", suffix);
        else
            sql_add(sql, ", c%zu%s", l + 1, suffix);
    }
}

/* ---- loading ---- */

static semid_status find_columns(size_t *n_levels, sql_db *db, const char *path,
                                 table_format format, const char *id_col, semid_error *err) {
    sql_text relation = {0};
    sql_schema schema = {0};
    semid_status status = SEMID_OK;

    add_relation(&relation, path, format);
    if (format == TABLE_JSONL) sql_add(&relation, ")");
    TRY_GOTO(sql_describe(&schema, db, &relation, err));
    TRY_GOTO(sql_schema_require(&schema, id_col, path, err));

    /* 1 for token, else how many of c1, c2, ... there are without a gap. */
    *n_levels = sql_schema_type(&schema, "token") ? 1 : 0;
    for (bool found = *n_levels == 0; found; *n_levels += found) {
        char name[32];
        snprintf(name, sizeof name, "c%zu", *n_levels + 1);
        found = sql_schema_type(&schema, name) != NULL;
    }
    if (*n_levels == 0) status = sql_schema_require(&schema, "token (nor c1, c2, ...)", path, err);
done:
    sql_schema_release(&schema);
    return status;
}

typedef struct code_reader {
    const char *path;
    ids list;
    semid_codes codes;
    size_t capacity; /* rows of codes.data */
} code_reader;

static semid_status read_chunk(void *user, const sql_rows *rows, semid_error *err) {
    code_reader *r = user;
    size_t n_levels = r->codes.n_levels, first = r->codes.n_rows;
    TRY(mem_reserve(&r->codes.data, &r->capacity, first + rows->n_rows, n_levels * sizeof(int32_t),
                    err));
    TRY(sql_append_ids(&r->list, rows, 0, r->path, err));

    for (size_t l = 0; l < n_levels; l++) {
        sql_column c = sql_rows_column(rows, l + 1);
        const double *values = c.data;
        for (size_t i = 0; i < rows->n_rows; i++) {
            double v = sql_is_null(&c, i) ? NAN : values[i];
            if (!(v >= 0 && v <= INT32_MAX && v == floor(v)))
                FAIL(SEMID_ERR_DATA, "%s: row %zu, level %zu: expected a code, found %g", r->path,
                     first + i, l + 1, v);
            r->codes.data[(first + i) * n_levels + l] = (int32_t)v;
        }
    }
    r->codes.n_rows += rows->n_rows;
    return SEMID_OK;
}

semid_status item_codes_load(ids *list, semid_codes *codes, const char *path, const char *id_col,
                             semid_error *err) {
    semid_status status = SEMID_OK;
    table_format format;
    code_reader r = {.path = path};
    sql_text sql = {0};
    sql_db db;
    TRY(file_check_readable(path, err));
    TRY(format_of(&format, path, err));
    TRY(sql_open(&db, 0, NULL, err));
    TRY_GOTO(find_columns(&r.codes.n_levels, &db, path, format, id_col, err));

    sql_add(&sql, "SELECT ");
    sql_add_name(&sql, id_col);
    sql_add(&sql, "::VARCHAR");
    add_levels(&sql, r.codes.n_levels, "::DOUBLE");
    sql_add(&sql, " FROM ");
    add_relation(&sql, path, format);
    if (format == TABLE_JSONL) {
        /* Types given, not guessed from the first lines. */
        sql_add(&sql, ", columns = {");
        sql_add_name(&sql, id_col);
        sql_add(&sql, ": 'VARCHAR'");
        add_levels(&sql, r.codes.n_levels, ": 'DOUBLE'");
        sql_add(&sql, "})");
    }

    TRY_GOTO(sql_each_chunk(&db, &sql, read_chunk, &r, err));
    if (r.codes.n_rows == 0) FAIL_GOTO(SEMID_ERR_DATA, "%s: expected items, found no rows", path);
done:
    sql_close(&db);
    if (status == SEMID_OK) {
        *list = r.list;
        *codes = r.codes;
        return SEMID_OK;
    }
    ids_release(&r.list);
    mem_free(r.codes.data);
    return sql_error_in(path, err);
}

/* ---- saving ---- */

static semid_status fill_table(sql_db *db, const ids *list, const semid_codes *codes,
                               semid_error *err) {
    const duckdb_functions *api = db->api;
    size_t n_columns = codes->n_levels + 1, n_max = (size_t)api->duckdb_vector_size();
    semid_status status = SEMID_OK;
    duckdb_logical_type *types;
    duckdb_appender appender = NULL;

    TRY(mem_calloc(&types, n_columns, sizeof *types, err));
    for (size_t i = 0; i < n_columns; i++)
        types[i] = api->duckdb_create_logical_type(i ? DUCKDB_TYPE_INTEGER : DUCKDB_TYPE_VARCHAR);
    duckdb_data_chunk chunk = api->duckdb_create_data_chunk(types, n_columns);
    if (api->duckdb_appender_create(db->connection, NULL, "codes", &appender) != DuckDBSuccess)
        FAIL_GOTO(SEMID_ERR_INTERNAL, "DuckDB: %s", api->duckdb_appender_error(appender));

    for (size_t first = 0; first < codes->n_rows; first += n_max) {
        size_t n = codes->n_rows - first < n_max ? codes->n_rows - first : n_max;
        api->duckdb_data_chunk_reset(chunk);
        duckdb_vector id = api->duckdb_data_chunk_get_vector(chunk, 0);
        for (size_t i = 0; i < n; i++) {
            size_t n_bytes;
            const char *s = ids_get(list, first + i, &n_bytes);
            api->duckdb_vector_assign_string_element_len(id, i, s, n_bytes);
        }

        for (size_t l = 0; l < codes->n_levels; l++) {
            duckdb_vector column = api->duckdb_data_chunk_get_vector(chunk, l + 1);
            int32_t *out = api->duckdb_vector_get_data(column);
            for (size_t i = 0; i < n; i++) out[i] = codes->data[(first + i) * codes->n_levels + l];
        }
        api->duckdb_data_chunk_set_size(chunk, n);
        if (api->duckdb_append_data_chunk(appender, chunk) != DuckDBSuccess)
            FAIL_GOTO(SEMID_ERR_DATA, "%s", api->duckdb_appender_error(appender));
    }
done:
    /* Destroying flushes, which may fail. */
    if (appender && api->duckdb_appender_destroy(&appender) != DuckDBSuccess && status == SEMID_OK)
        status = error_set(err, SEMID_ERR_INTERNAL, "DuckDB: cannot store the codes");
    api->duckdb_destroy_data_chunk(&chunk);
    for (size_t i = 0; i < n_columns; i++) api->duckdb_destroy_logical_type(&types[i]);
    mem_free(types);
    return status;
}

semid_status item_codes_save(const ids *list, const semid_codes *codes, const char *path,
                             const char *id_col, bool concat, semid_error *err) {
    table_format format;
    sql_db db = {0};
    sql_text create = {0}, select = {0};
    char *temp_path = NULL;
    semid_status status = SEMID_OK;
    TRY(format_of(&format, path, err));
    if (list->n_ids != codes->n_rows)
        FAIL(SEMID_ERR_SHAPE, "%zu ids for codes of shape [%zu, %zu]", list->n_ids, codes->n_rows,
             codes->n_levels);
    TRY_GOTO(file_temp_path(&temp_path, path, err));
    TRY_GOTO(sql_open(&db, 0, NULL, err));

    sql_add(&create, "CREATE TEMP TABLE codes (");
    sql_add_name(&create, id_col);
    sql_add(&create, " VARCHAR");
    add_levels(&create, codes->n_levels, " INTEGER");
    sql_add(&create, ")");
    TRY_GOTO(sql_run(&db, &create, err));
    TRY_GOTO(fill_table(&db, list, codes, err));

    sql_add(&select, "SELECT *");
    if (concat) {
        sql_add(&select, ", concat_ws('-'");
        add_levels(&select, codes->n_levels, "");
        sql_add(&select, ") AS code_str");
    }
    sql_add(&select, " FROM codes");
    status = sql_copy(&db, &select, temp_path, err);
    if (status != SEMID_OK) {
        sql_error_in_temp(temp_path, path, err);
        goto done;
    }

    TRY_GOTO(file_temp_commit(temp_path, path, err));
    mem_free(temp_path);
    temp_path = NULL;
done:
    file_temp_discard(temp_path);
    sql_close(&db);
    return status;
}
