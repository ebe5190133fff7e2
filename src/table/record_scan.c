#include "table/record_scan.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "base/utf8.h"
#include "table/csv_scan.h"
#include "table/json_scan.h"
#include "table/line_reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { LINE_BITS = 40, MAX_CSV_COLUMNS = 256 };

/* The header of a CSV file: which column holds each wanted field. CSV is scanned by one thread,
 * which therefore meets the header before the lines under it. */
typedef struct csv_header {
    size_t n_columns, columns[RECORD_MAX_FIELDS];
} csv_header;

struct record_scan {
    const duckdb_functions *api;
    record_spec spec;
    const char *keys[RECORD_MAX_FIELDS];
    line_reader *lines;
    record_counts *counts; /* [n_files] */
    pthread_mutex_t lock;  /* of counts and of what follows */
    char found_keys[256];
    semid_status status;
    semid_error error;
    uint64_t error_at;          /* file and line of a bad line that `strict` refused */
    atomic_size_t n_open_files; /* files from here on are not begun any more */
};

/* One scanning thread. */
typedef struct worker {
    record_scan *source;
    line_block block;
    const char *at;
    uint64_t line;
    csv_header header;
    char *text; /* of the value in work */
    size_t text_capacity;
} worker;

/* ---- what was met ---- */

static void set_failure(record_scan *s, const semid_error *error, uint64_t at) {
    pthread_mutex_lock(&s->lock);
    if (s->status == SEMID_OK || at < s->error_at) {
        s->status = error->status;
        s->error = *error;
        s->error_at = at;
    }
    pthread_mutex_unlock(&s->lock);
}

static void note_bad(record_scan *s, size_t file, uint64_t line) {
    record_counts *c = &s->counts[file];
    size_t n = c->n_bad < RECORD_FIRST_BAD ? (size_t)c->n_bad : RECORD_FIRST_BAD, at = n;
    c->n_bad++;
    while (at > 0 && c->first_bad[at - 1] > line) at--;
    if (at == RECORD_FIRST_BAD) return;
    if (n == RECORD_FIRST_BAD) n--;
    memmove(&c->first_bad[at + 1], &c->first_bad[at], (n - at) * sizeof *c->first_bad);
    c->first_bad[at] = line;
}

static void bad_line(worker *w, const char *line, const char *where) {
    record_scan *s = w->source;
    size_t file = w->block.file;
    pthread_mutex_lock(&s->lock);
    note_bad(s, file, w->line);
    pthread_mutex_unlock(&s->lock);
    if (!s->spec.strict) return;
    semid_error error;
    error_set(&error, SEMID_ERR_FORMAT, "%s: line %llu: expected %s, found a malformed line%s%td",
              s->spec.files->paths[file], (unsigned long long)w->line,
              s->spec.format == RECORD_CSV ? "CSV with the fields of the header" : "a JSON object",
              where ? " at byte " : "", where ? where - line + 1 : 0);
    set_failure(s, &error, (uint64_t)file << LINE_BITS | w->line);
    size_t open = atomic_load(&s->n_open_files);
    while (file < open && !atomic_compare_exchange_weak(&s->n_open_files, &open, file)) {
    }
}

static void remember_keys(record_scan *s, const char *line, size_t n) {
    pthread_mutex_lock(&s->lock);
    if (!s->found_keys[0]) json_scan_keys(line, n, s->found_keys, sizeof s->found_keys);
    pthread_mutex_unlock(&s->lock);
}

/* ---- values ---- */

static void set_null(record_scan *s, duckdb_vector column, size_t row) {
    s->api->duckdb_vector_ensure_validity_writable(column);
    s->api->duckdb_validity_set_row_invalid(s->api->duckdb_vector_get_validity(column), row);
}

static void put_text(worker *w, duckdb_vector column, size_t row, const char *text, size_t n) {
    if (!text)
        set_null(w->source, column, row);
    else
        w->source->api->duckdb_vector_assign_string_element_len(column, row, text, n);
}

static semid_status put_json(worker *w, duckdb_vector column, size_t row, json_span value, bool raw,
                             semid_error *err) {
    if (!value.text || raw) {
        put_text(w, column, row, value.text, value.n_bytes);
        return SEMID_OK;
    }
    bool plain = value.text[0] == '"' && !memchr(value.text, '\\', value.n_bytes);
    if (plain) {
        put_text(w, column, row, value.text + 1, value.n_bytes - 2);
        return SEMID_OK;
    }
    TRY(mem_reserve(&w->text, &w->text_capacity, value.n_bytes, 1, err));
    put_text(w, column, row, w->text, json_scan_text(value, w->text));
    return SEMID_OK;
}

static semid_status put_csv(worker *w, duckdb_vector column, size_t row, csv_span field,
                            semid_error *err) {
    if (!field.quoted) {
        put_text(w, column, row, field.text, field.n_bytes);
        return SEMID_OK;
    }
    TRY(mem_reserve(&w->text, &w->text_capacity, field.n_bytes, 1, err));
    put_text(w, column, row, w->text, csv_scan_text(field, w->text));
    return SEMID_OK;
}

/* ---- lines ---- */

/* Column 0 is ord, the fields follow. *good says whether the line became row `row`. */
static semid_status json_row(worker *w, const char *line, size_t n, duckdb_vector *columns,
                             size_t row, bool *good, semid_error *err) {
    record_scan *s = w->source;
    json_span values[RECORD_MAX_FIELDS];
    const char *where = json_scan_object(line, n, s->keys, s->spec.n_fields, values);
    *good = !where;
    if (where) {
        bad_line(w, line, where);
        return SEMID_OK;
    }
    if (w->line == 1) remember_keys(s, line, n);
    for (size_t i = 0; i < s->spec.n_fields; i++)
        TRY(put_json(w, columns[i + 1], row, values[i], s->spec.fields[i].raw_json, err));
    return SEMID_OK;
}

static semid_status csv_row(worker *w, const char *line, size_t n, duckdb_vector *columns,
                            size_t row, bool *good, semid_error *err) {
    csv_span fields[MAX_CSV_COLUMNS];
    size_t n_found = csv_scan_line(line, n, fields, MAX_CSV_COLUMNS);
    *good = n_found == w->header.n_columns && utf8_check(line, n, NULL);
    if (!*good) {
        bad_line(w, line, NULL);
        return SEMID_OK;
    }
    for (size_t i = 0; i < w->source->spec.n_fields; i++)
        TRY(put_csv(w, columns[i + 1], row, fields[w->header.columns[i]], err));
    return SEMID_OK;
}

static bool field_is(csv_span field, const char *name) {
    return field.n_bytes == strlen(name) && memcmp(field.text, name, field.n_bytes) == 0;
}

static semid_status parse_header(const record_scan *s, const char *path, const char *line, size_t n,
                                 csv_header *out, semid_error *err) {
    csv_span fields[MAX_CSV_COLUMNS];
    out->n_columns = csv_scan_line(line, n, fields, MAX_CSV_COLUMNS);
    if (out->n_columns == 0 || out->n_columns > MAX_CSV_COLUMNS)
        FAIL(SEMID_ERR_FORMAT, "%s: line 1: expected a CSV header", path);
    for (size_t i = 0; i < s->spec.n_fields; i++) {
        size_t c = 0;
        while (c < out->n_columns && !field_is(fields[c], s->keys[i])) c++;
        if (c == out->n_columns)
            FAIL(SEMID_ERR_FORMAT, "%s: no column %s; found %.*s", path, s->keys[i], (int)n, line);
        out->columns[i] = c;
    }
    return SEMID_OK;
}

/* The next line of the block without its end; false at the end of the block. */
static bool take_line(worker *w, const char **line, size_t *n) {
    const char *end = w->block.bytes + w->block.n_bytes;
    if (w->at >= end) return false;
    const char *newline = memchr(w->at, '\n', (size_t)(end - w->at));
    const char *stop = newline ? newline : end;
    *line = w->at;
    w->at = newline ? newline + 1 : end;
    w->line++;
    if (stop > *line && stop[-1] == '\r') stop--;
    while (*line < stop && (**line == ' ' || **line == '\t')) ++*line;
    *n = (size_t)(stop - *line);
    return true;
}

static semid_status next_block(worker *w, semid_error *err) {
    record_scan *s = w->source;
    TRY(line_reader_next(s->lines, &w->block, atomic_load(&s->n_open_files), err));
    w->at = w->block.bytes;
    w->line = w->block.first_line - 1;
    if (w->block.n_bytes == 0 || s->spec.format != RECORD_CSV || w->block.first_line != 1)
        return SEMID_OK;
    const char *line, *path = s->spec.files->paths[w->block.file];
    size_t n;
    if (!take_line(w, &line, &n)) return SEMID_OK;
    return parse_header(s, path, line, n, &w->header, err);
}

static void count_good(worker *w, size_t n) {
    if (n == 0) return;
    pthread_mutex_lock(&w->source->lock);
    w->source->counts[w->block.file].n_good += n;
    pthread_mutex_unlock(&w->source->lock);
}

/* Fill the columns from the current block, at most n_max rows in all. */
static semid_status scan_block(worker *w, duckdb_vector *columns, int64_t *ord, size_t n_max,
                               size_t *row, semid_error *err) {
    const char *line;
    size_t n, first = *row;
    while (*row < n_max && take_line(w, &line, &n)) {
        if (n == 0) continue;
        bool good;
        TRY((w->source->spec.format == RECORD_CSV ? csv_row : json_row)(w, line, n, columns, *row,
                                                                        &good, err));
        if (good) ord[(*row)++] = (int64_t)((uint64_t)w->block.file << LINE_BITS | w->line);
    }
    count_good(w, *row - first);
    return SEMID_OK;
}

static semid_status scan_chunk(worker *w, duckdb_data_chunk chunk, size_t *n_rows,
                               semid_error *err) {
    const duckdb_functions *api = w->source->api;
    duckdb_vector columns[RECORD_MAX_FIELDS + 1];
    for (size_t i = 0; i <= w->source->spec.n_fields; i++)
        columns[i] = api->duckdb_data_chunk_get_vector(chunk, i);
    int64_t *ord = api->duckdb_vector_get_data(columns[0]);
    size_t n_max = (size_t)api->duckdb_vector_size();
    for (*n_rows = 0; *n_rows < n_max;) {
        TRY(scan_block(w, columns, ord, n_max, n_rows, err));
        if (*n_rows == n_max || interrupted()) break;
        TRY(next_block(w, err));
        if (w->block.n_bytes == 0) break;
    }
    return SEMID_OK;
}

/* ---- DuckDB's callbacks ---- */

static const duckdb_functions *api_of_process(void) {
    const duckdb_functions *api = NULL;
    duckdb_load(&api, NULL); /* loaded long ago, since it calls us */
    return api;
}

static void on_bind(duckdb_bind_info info) {
    const duckdb_functions *api = api_of_process();
    record_scan *s = api->duckdb_bind_get_extra_info(info);
    duckdb_logical_type integer = api->duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_logical_type text = api->duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    api->duckdb_bind_add_result_column(info, "ord", integer);
    for (size_t i = 0; i < s->spec.n_fields; i++)
        api->duckdb_bind_add_result_column(info, s->keys[i], text);
    /* Unknown, but surely more than what it is joined with: the other side is to be hashed. */
    api->duckdb_bind_set_cardinality(info, (idx_t)1 << 30, false);
    api->duckdb_destroy_logical_type(&integer);
    api->duckdb_destroy_logical_type(&text);
}

static void on_init(duckdb_init_info info) {
    const duckdb_functions *api = api_of_process();
    record_scan *s = api->duckdb_init_get_extra_info(info);
    bool parallel = s->spec.format == RECORD_JSONL;
    api->duckdb_init_set_max_threads(info, parallel ? (idx_t)threads_get() : 1);
}

static void free_worker(void *data) {
    worker *w = data;
    line_block_release(&w->block);
    mem_free(w->text);
    mem_free(w);
}

static void on_thread_init(duckdb_init_info info) {
    const duckdb_functions *api = api_of_process();
    worker *w;
    if (mem_calloc(&w, 1, sizeof *w, NULL) != SEMID_OK) {
        api->duckdb_init_set_error(info, "Out of Memory Error: a scanning thread");
        return;
    }
    w->source = api->duckdb_init_get_extra_info(info);
    api->duckdb_init_set_init_data(info, w, free_worker);
}

static void on_chunk(duckdb_function_info info, duckdb_data_chunk chunk) {
    const duckdb_functions *api = api_of_process();
    worker *w = api->duckdb_function_get_local_init_data(info);
    semid_error error;
    size_t n_rows = 0;
    if (scan_chunk(w, chunk, &n_rows, &error) != SEMID_OK) {
        set_failure(w->source, &error, (uint64_t)w->block.file << LINE_BITS);
        api->duckdb_function_set_error(info, error.message);
        n_rows = 0;
    }
    api->duckdb_data_chunk_set_size(chunk, n_rows);
}

static semid_status register_function(record_scan *s, sql_db *db, const char *name,
                                      semid_error *err) {
    const duckdb_functions *api = db->api;
    duckdb_table_function f = api->duckdb_create_table_function();
    api->duckdb_table_function_set_name(f, name);
    api->duckdb_table_function_set_extra_info(f, s, NULL);
    api->duckdb_table_function_set_bind(f, on_bind);
    api->duckdb_table_function_set_init(f, on_init);
    api->duckdb_table_function_set_local_init(f, on_thread_init);
    api->duckdb_table_function_set_function(f, on_chunk);
    duckdb_state made = api->duckdb_register_table_function(db->connection, f);
    api->duckdb_destroy_table_function(&f);
    if (made != DuckDBSuccess)
        FAIL(SEMID_ERR_INTERNAL, "DuckDB: cannot make the function %s", name);
    return SEMID_OK;
}

/* ---- the source ---- */

/* Without a byte there is no header to refuse later. */
static semid_status check_csv_files(const path_list *files, semid_error *err) {
    for (size_t i = 0; i < files->n_paths; i++)
        if (file_check_readable(files->paths[i], NULL) == SEMID_OK &&
            file_bytes(files->paths[i]) == 0)
            FAIL(SEMID_ERR_FORMAT, "%s: expected a CSV header, found an empty file",
                 files->paths[i]);
    return SEMID_OK;
}

semid_status record_scan_open(record_scan **out, sql_db *db, const char *name,
                              const record_spec *spec, semid_error *err) {
    record_scan *s;
    if (spec->format == RECORD_CSV) TRY(check_csv_files(spec->files, err));
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    pthread_mutex_init(&s->lock, NULL);
    s->api = db->api;
    s->spec = *spec;
    for (size_t i = 0; i < spec->n_fields; i++) s->keys[i] = spec->fields[i].name;
    atomic_init(&s->n_open_files, spec->files->n_paths);
    semid_status status = SEMID_OK;
    TRY_GOTO(line_reader_open(&s->lines, spec->files, err));
    TRY_GOTO(mem_calloc(&s->counts, spec->files->n_paths, sizeof *s->counts, err));
    TRY_GOTO(register_function(s, db, name, err));
done:
    if (status == SEMID_OK)
        *out = s;
    else
        record_scan_close(s);
    return status;
}

semid_status record_scan_finish(record_scan *s, semid_status status, semid_error *err) {
    if (s->status == SEMID_OK) return status;
    return error_set(err, s->status, "%s", s->error.message);
}

const record_counts *record_scan_counts(const record_scan *s, size_t file) {
    return &s->counts[file];
}

const char *record_scan_keys(const record_scan *s) {
    return s->found_keys;
}

size_t record_scan_consumed(record_scan *s) {
    return line_reader_consumed(s->lines);
}

void record_scan_close(record_scan *s) {
    if (!s) return;
    line_reader_close(s->lines);
    mem_free(s->counts);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}
