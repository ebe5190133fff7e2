/* table/sql.h - statements over an in-memory DuckDB: opening, running, reading results in chunks.
 */
#ifndef TABLE_SQL_H
#define TABLE_SQL_H

#include "base/file.h"
#include "base/path_list.h"
#include "formats/ids.h"
#include "table/duckdb_api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- text of a statement ----
 * Grows piece by piece; a failed allocation is noted and reported by the call that runs it. */
typedef struct sql_text {
    char *text;
    size_t n_bytes, capacity;
    bool failed;
} sql_text;

void sql_add(sql_text *sql, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sql_add_string(sql_text *sql, const char *value); /* 'it''s' */
void sql_add_name(sql_text *sql, const char *name);    /* "it""s" */
/* ['a','b'], the file list that DuckDB's readers take. */
void sql_add_paths(sql_text *sql, const path_list *files);
void sql_add_parquet(sql_text *sql, const char *path); /* read_parquet('it''s') */
void sql_text_release(sql_text *sql);

/* ---- the database ---- */

typedef struct sql_db {
    const duckdb_functions *api;
    duckdb_database database;
    duckdb_connection connection;
    char *temp_dir; /* made by DuckDB when something spills, removed by sql_close */
    /* Called repeatedly while a statement runs, by the thread that waits for it; NULL: none. */
    void (*on_tick)(void *user);
    void *tick_user;
} sql_db;

/* memory_limit_bytes is for the whole process; 0: DuckDB's default, 80 % of the machine. What does
 * not fit spills to a folder inside temp_parent (NULL: $TMPDIR, else /tmp). DuckDB gets as many
 * threads as the current context. */
semid_status sql_open(sql_db *db, uint64_t memory_limit_bytes, const char *temp_parent,
                      semid_error *err);
void sql_close(sql_db *db); /* accepts zeroed ones */

/* Run one statement, ignoring its rows. `sql` is released in any case. */
semid_status sql_run(sql_db *db, sql_text *sql, semid_error *err);
/* The same for a statement without inserted values. */
semid_status sql_run_text(sql_db *db, const char *statement, semid_error *err);
/* One row of n integers; NULL becomes 0. */
semid_status sql_int64s(sql_db *db, sql_text *sql, int64_t *out, size_t n, semid_error *err);

/* Write the rows of a SELECT to a file in the format of its extension: parquet, csv or jsonl. Pass
 * a temporary path and rename it (file_temp_path): a failure leaves a partial file. `select` is
 * released in any case. */
semid_status sql_copy(sql_db *db, sql_text *select, const char *path, semid_error *err);

/* Put the file's name before DuckDB's message unless it is part of it. Returns err's status. */
semid_status sql_error_in(const char *path, semid_error *err);
/* The same for a statement that wrote to file_temp_path's name: the message names `path`. */
semid_status sql_error_in_temp(const char *temp_path, const char *path, semid_error *err);

/* ---- rows ----
 *     sql_rows rows; sql_query(&rows, ...);
 *     while ((status = sql_next(&rows, err)) == SEMID_OK && rows.n_rows > 0) ... */
typedef struct sql_rows {
    sql_db *db;
    duckdb_prepared_statement statement;
    duckdb_result result;
    duckdb_data_chunk chunk;
    size_t n_columns, n_rows; /* of the current chunk; n_rows 0 at the end */
} sql_rows;

/* Start a query whose rows are produced as they are fetched. `sql` is released in any case. */
semid_status sql_query(sql_rows *rows, sql_db *db, sql_text *sql, semid_error *err);
semid_status sql_next(sql_rows *rows, semid_error *err);
void sql_rows_close(sql_rows *rows); /* accepts zeroed ones */

/* Run a query and call `take` for each chunk, until one fails. `sql` is released in any case. */
typedef semid_status (*sql_chunk_fn)(void *user, const sql_rows *rows, semid_error *err);
semid_status sql_each_chunk(sql_db *db, sql_text *sql, sql_chunk_fn take, void *user,
                            semid_error *err);

/* A column of the current chunk. Lists have a child column. */
typedef struct sql_column {
    const duckdb_functions *api;
    duckdb_vector vector;
    const void *data;
    const uint64_t *validity;
} sql_column;
sql_column sql_vector_column(const duckdb_functions *api, duckdb_vector vector);
sql_column sql_rows_column(const sql_rows *rows, size_t column);
sql_column sql_list_child(const sql_column *list);
bool sql_is_null(const sql_column *c, size_t row);
/* Borrowed until the next chunk; not NUL-terminated. */
const char *sql_string(const sql_column *c, size_t row, size_t *n_bytes);
static inline int64_t sql_int64(const sql_column *c, size_t row) {
    return ((const int64_t *)c->data)[row];
}

/* Append an id column (VARCHAR) of the current chunk to a list; SEMID_ERR_DATA "<file>: row N has
 * no id" for NULL. */
semid_status sql_append_ids(ids *list, const sql_rows *rows, size_t column, const char *file,
                            semid_error *err);

/* ---- names of columns ---- */

/* Column names and types of a relation ("read_parquet(...)", a table), whose text is released in
 * any case. */
typedef struct sql_schema {
    char **names, **types; /* types as DuckDB writes them: VARCHAR, FLOAT[] */
    size_t n_columns;
} sql_schema;
semid_status sql_describe(sql_schema *out, sql_db *db, sql_text *relation, semid_error *err);
/* The type of a column, or NULL if there is no such column. */
const char *sql_schema_type(const sql_schema *schema, const char *name);
/* SEMID_ERR_FORMAT "<file>: no column x; found a, b" if there is no such column. */
semid_status sql_schema_require(const sql_schema *schema, const char *name, const char *file,
                                semid_error *err);
void sql_schema_release(sql_schema *schema);

#endif
