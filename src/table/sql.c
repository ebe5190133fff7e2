#include "table/sql.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* DuckDB as semid uses it: one in-memory database and one connection per task, statements run by
 * polling, results read chunk by chunk.
 *
 * Statements are executed through the pending-result interface: this thread executes tasks too, so
 * between two tasks it can report progress and notice that it is cancelled. Results are streamed
 * where rows are consumed as they come (sql_query), and materialised where a statement is run for
 * its effect (sql_run).
 *
 * Order: DuckDB keeps that of ORDER BY and of the rows of a file or table, which semid relies on,
 * and guarantees none after joins and aggregations. Statements whose results are written order by a
 * key that is unique.
 *
 * Settings: DuckDB gets the threads of the caller's context and a share of the memory limit;
 * extensions are never fetched. What does not fit in memory spills to a folder that sql_close
 * removes. */

/* ---- errors ---- */

/* DuckDB's messages begin with their kind, which gives the status; hints and excerpts follow on
 * further lines, which are cut. */
static semid_status fail_from(const char *message, semid_error *err) {
    static const struct {
        const char *prefix;
        semid_status status;
    } kinds[] = {
        {"Out of Memory Error: ", SEMID_ERR_NO_MEMORY}, {"IO Error: ", SEMID_ERR_IO},
        {"INTERRUPT Error: ", SEMID_ERR_INTERRUPTED},   {"Invalid Input Error: ", SEMID_ERR_FORMAT},
        {"Conversion Error: ", SEMID_ERR_FORMAT},       {"Invalid Error: ", SEMID_ERR_FORMAT}};
    if (!message) message = "DuckDB gave no reason";

    semid_status status = SEMID_ERR_FORMAT;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].prefix);
        if (strncmp(message, kinds[i].prefix, n) != 0) continue;
        status = kinds[i].status;
        message += n;
    }

    if (status == SEMID_ERR_INTERRUPTED) FAIL(SEMID_ERR_INTERRUPTED, "interrupted");
    int n = (int)strcspn(message, "\n");
    if (status == SEMID_ERR_NO_MEMORY)
        return error_set(err, status, "out of memory: %.*s", n, message);
    return error_set(err, status, "%.*s", n, message);
}

semid_status sql_error_in(const char *path, semid_error *err) {
    if (!err) return SEMID_ERR_INTERNAL;
    bool ours = err->status == SEMID_ERR_INTERRUPTED || err->status == SEMID_ERR_NO_MEMORY;
    if (!ours && !strstr(err->message, path)) error_prefix(err, "%s", path);
    return err->status;
}

semid_status sql_error_in_temp(const char *temp_path, const char *path, semid_error *err) {
    if (!err) return SEMID_ERR_INTERNAL;

    /* temp_path is path + a suffix: cut that after each path in the message. A message that was
     * truncated may end within the suffix. */
    const char *suffix = temp_path + strlen(path);
    char *at = err->message;
    while ((at = strstr(at, path))) {
        at += strlen(path);
        size_t n = 0;
        while (suffix[n] && at[n] == suffix[n]) n++;
        if (!suffix[n] || !at[n]) memmove(at, at + n, strlen(at + n) + 1);
    }
    return sql_error_in(path, err);
}

/* ---- opening ---- */

static semid_status set_config(sql_db *db, duckdb_config config, const char *name,
                               const char *value, semid_error *err) {
    if (db->api->duckdb_set_config(config, name, value) != DuckDBSuccess)
        FAIL(SEMID_ERR_UNSUPPORTED, "DuckDB %s refuses the setting %s=%s",
             db->api->duckdb_library_version(), name, value);
    return SEMID_OK;
}

static semid_status configure(sql_db *db, duckdb_config config, uint64_t memory_limit_bytes,
                              semid_error *err) {
    char number[64];

    snprintf(number, sizeof number, "%d", threads_get());
    TRY(set_config(db, config, "threads", number, err));

    /* The part of the process's limit that DuckDB may use for what it counts, its blocks. The
     * buffers of its writers and sorts, and the rest of the process, are not counted: up to a third
     * of the whole, measured. */
    if (memory_limit_bytes > 0) {
        const uint64_t fixed_bytes = (uint64_t)64 << 20;
        uint64_t share = memory_limit_bytes / 3 * 2;
        share = share > 2 * fixed_bytes ? share - fixed_bytes : memory_limit_bytes / 2;
        snprintf(number, sizeof number, "%llu bytes", (unsigned long long)share);
        TRY(set_config(db, config, "memory_limit", number, err));
    }

    /* Return freed memory to the system early. */
    TRY(set_config(db, config, "allocator_flush_threshold", "16MB", err));
    TRY(set_config(db, config, "allocator_bulk_deallocation_flush_threshold", "16MB", err));

    TRY(set_config(db, config, "temp_directory", db->temp_dir, err));
    TRY(set_config(db, config, "autoinstall_known_extensions", "false", err));
    return set_config(db, config, "autoload_known_extensions", "false", err);
}

semid_status sql_open(sql_db *db, uint64_t memory_limit_bytes, const char *temp_parent,
                      semid_error *err) {
    semid_status status = SEMID_OK;
    duckdb_config config = NULL;
    char *temp_name = NULL, *message = NULL;
    *db = (sql_db){0};
    TRY(duckdb_load(&db->api, err));
    const duckdb_functions *api = db->api;

    const char *tmp = getenv("TMPDIR");
    if (!temp_parent) temp_parent = tmp && *tmp ? tmp : "/tmp";
    TRY_GOTO(mem_format(&temp_name, err, ".semid-%ld-%p.tmp", (long)getpid(), (void *)db));
    TRY_GOTO(path_join(&db->temp_dir, temp_parent, temp_name, err));

    if (api->duckdb_create_config(&config) != DuckDBSuccess)
        FAIL_GOTO(SEMID_ERR_INTERNAL, "DuckDB: cannot make a configuration");
    TRY_GOTO(configure(db, config, memory_limit_bytes, err));

    if (api->duckdb_open_ext(NULL, &db->database, config, &message) != DuckDBSuccess) {
        fail_from(message, err);
        status = SEMID_ERR_UNSUPPORTED;
        goto done;
    }
    if (api->duckdb_connect(db->database, &db->connection) != DuckDBSuccess)
        FAIL_GOTO(SEMID_ERR_INTERNAL, "DuckDB: cannot connect");
done:
    if (message) api->duckdb_free(message);
    api->duckdb_destroy_config(&config);
    mem_free(temp_name);
    if (status != SEMID_OK) sql_close(db);
    return status;
}

void sql_close(sql_db *db) {
    if (!db->api) return;
    db->api->duckdb_disconnect(&db->connection);
    db->api->duckdb_close(&db->database);
    /* DuckDB removes its files, but not the folder. */
    if (db->temp_dir) rmdir(db->temp_dir);
    mem_free(db->temp_dir);
    *db = (sql_db){0};
}

/* ---- running ---- */

/* Execute tasks of the statement until its result (streaming: its first rows) is ready. */
static semid_status run_tasks(sql_db *db, duckdb_pending_result pending, semid_error *err) {
    const duckdb_functions *api = db->api;
    for (;;) {
        if (interrupted()) {
            api->duckdb_interrupt(db->connection);
            return check_interrupted(err);
        }
        if (db->on_tick) db->on_tick(db->tick_user);

        duckdb_pending_state state = api->duckdb_pending_execute_task(pending);
        if (state == DUCKDB_PENDING_RESULT_READY) return SEMID_OK;
        if (state == DUCKDB_PENDING_ERROR)
            return fail_from(api->duckdb_pending_error(pending), err);
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) usleep(100);
    }
}

static semid_status start(sql_rows *rows, sql_db *db, sql_text *sql, bool streaming,
                          semid_error *err) {
    const duckdb_functions *api = db->api;
    semid_status status = SEMID_OK;
    duckdb_pending_result pending = NULL;
    *rows = (sql_rows){.db = db};
    if (sql->failed) FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: an SQL statement");
    TRY_GOTO(check_interrupted(err)); /* DuckDB leaks a statement that is dropped before it runs */
    log_debug("sql: %s", sql->text);

    if (api->duckdb_prepare(db->connection, sql->text, &rows->statement) != DuckDBSuccess) {
        status = fail_from(api->duckdb_prepare_error(rows->statement), err);
        goto done;
    }
    duckdb_state made = streaming
                            ? api->duckdb_pending_prepared_streaming(rows->statement, &pending)
                            : api->duckdb_pending_prepared(rows->statement, &pending);
    if (made != DuckDBSuccess) {
        status = fail_from(api->duckdb_pending_error(pending), err);
        goto done;
    }

    TRY_GOTO(run_tasks(db, pending, err));
    if (api->duckdb_execute_pending(pending, &rows->result) != DuckDBSuccess) {
        status = fail_from(api->duckdb_result_error(&rows->result), err);
        goto done;
    }
    rows->n_columns = (size_t)api->duckdb_column_count(&rows->result);
done:
    if (pending) api->duckdb_destroy_pending(&pending);
    sql_text_release(sql);
    if (status != SEMID_OK) sql_rows_close(rows);
    return status;
}

semid_status sql_query(sql_rows *rows, sql_db *db, sql_text *sql, semid_error *err) {
    return start(rows, db, sql, true, err);
}

semid_status sql_next(sql_rows *rows, semid_error *err) {
    const duckdb_functions *api = rows->db->api;
    if (rows->chunk) api->duckdb_destroy_data_chunk(&rows->chunk);
    rows->n_rows = 0;
    TRY(check_interrupted(err));

    rows->chunk = api->duckdb_fetch_chunk(rows->result);
    if (rows->chunk) {
        rows->n_rows = (size_t)api->duckdb_data_chunk_get_size(rows->chunk);
        return SEMID_OK;
    }

    /* No more chunks: the end, or a failure while rows were produced. */
    const char *message = api->duckdb_result_error(&rows->result);
    return message ? fail_from(message, err) : SEMID_OK;
}

void sql_rows_close(sql_rows *rows) {
    if (!rows->db) return;
    const duckdb_functions *api = rows->db->api;
    if (rows->chunk) api->duckdb_destroy_data_chunk(&rows->chunk);
    api->duckdb_destroy_result(&rows->result);
    api->duckdb_destroy_prepare(&rows->statement);
    *rows = (sql_rows){0};
}

semid_status sql_each_chunk(sql_db *db, sql_text *sql, sql_chunk_fn take, void *user,
                            semid_error *err) {
    sql_rows rows;
    semid_status status;

    TRY(sql_query(&rows, db, sql, err));
    while ((status = sql_next(&rows, err)) == SEMID_OK && rows.n_rows > 0)
        TRY_GOTO(take(user, &rows, err));
done:
    sql_rows_close(&rows);
    return status;
}

semid_status sql_run(sql_db *db, sql_text *sql, semid_error *err) {
    sql_rows rows;
    TRY(start(&rows, db, sql, false, err));
    sql_rows_close(&rows);
    return SEMID_OK;
}

semid_status sql_run_text(sql_db *db, const char *statement, semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql, "%s", statement);
    return sql_run(db, &sql, err);
}

semid_status sql_copy(sql_db *db, sql_text *select, const char *path, semid_error *err) {
    char extension[16];
    path_extension(path, extension);
    const char *options = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 30720";
    if (strcmp(extension, "csv") == 0) options = "FORMAT csv, HEADER true, DELIMITER ','";
    if (strcmp(extension, "jsonl") == 0) options = "FORMAT json";

    /* USE_TMP_FILE false: the caller writes to a temporary name already. */
    sql_text sql = {.failed = select->failed};
    sql_add(&sql, "COPY (%s) TO ", select->text ? select->text : "");
    sql_text_release(select);
    sql_add_string(&sql, path);
    sql_add(&sql, " (%s, USE_TMP_FILE false)", options);
    return sql_run(db, &sql, err);
}

semid_status sql_int64s(sql_db *db, sql_text *sql, int64_t *out, size_t n, semid_error *err) {
    sql_rows rows;
    semid_status status = SEMID_OK;

    TRY(start(&rows, db, sql, false, err));
    TRY_GOTO(sql_next(&rows, err));
    if (rows.n_rows != 1 || rows.n_columns != n)
        FAIL_GOTO(SEMID_ERR_INTERNAL, "DuckDB: expected one row of %zu, found %zu of %zu", n,
                  rows.n_rows, rows.n_columns);

    for (size_t i = 0; i < n; i++) {
        sql_column c = sql_rows_column(&rows, i);
        out[i] = sql_is_null(&c, 0) ? 0 : sql_int64(&c, 0);
    }
done:
    sql_rows_close(&rows);
    return status;
}

/* ---- columns ---- */

sql_column sql_vector_column(const duckdb_functions *api, duckdb_vector vector) {
    return (sql_column){.api = api,
                        .vector = vector,
                        .data = api->duckdb_vector_get_data(vector),
                        .validity = api->duckdb_vector_get_validity(vector)};
}

sql_column sql_rows_column(const sql_rows *rows, size_t column) {
    const duckdb_functions *api = rows->db->api;
    return sql_vector_column(api, api->duckdb_data_chunk_get_vector(rows->chunk, column));
}

sql_column sql_list_child(const sql_column *list) {
    return sql_vector_column(list->api, list->api->duckdb_list_vector_get_child(list->vector));
}

bool sql_is_null(const sql_column *c, size_t row) {
    return c->validity && !(c->validity[row / 64] >> (row % 64) & 1);
}

const char *sql_string(const sql_column *c, size_t row, size_t *n_bytes) {
    const duckdb_string_t *s = (const duckdb_string_t *)c->data + row;
    *n_bytes = s->value.inlined.length;
    return *n_bytes <= sizeof s->value.inlined.inlined ? s->value.inlined.inlined
                                                       : s->value.pointer.ptr;
}

semid_status sql_append_ids(ids *list, const sql_rows *rows, size_t column, const char *file,
                            semid_error *err) {
    sql_column c = sql_rows_column(rows, column);
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (sql_is_null(&c, i)) FAIL(SEMID_ERR_DATA, "%s: row %zu has no id", file, list->n_ids);
        size_t n;
        const char *s = sql_string(&c, i, &n);
        TRY(ids_append(list, s, n, err));
    }
    return SEMID_OK;
}
