#include "table/record_scan.h"

#include "base/failure.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path_list.h"
#include "base/threads.h"
#include "base/utf8.h"
#include "table/csv_scan.h"
#include "table/json_scan.h"
#include "table/line_reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* A table function of DuckDB in place of its own JSON and CSV readers, which stop at the first
 * malformed line or skip such lines without telling how many and which.
 *
 * DuckDB's threads each own a scan_thread. They take blocks of whole lines from the line_reader,
 * parse them, and fill chunks of 2048 rows. Nothing is parsed twice, and a value is copied once,
 * into DuckDB's vector, except where escapes or doubled quotes have to be undone first.
 *
 * Rows come in any order. Column `ord`, file << 40 | line, is their order in the input: whoever
 * needs "the first" of something sorts or aggregates by it, and so gets the same result at any
 * number of threads.
 *
 * A malformed line is not a row. It is counted for its file, and the smallest line numbers are
 * kept. With `strict` it is a failure, and of several failures the first in the input is reported,
 * however threads are scheduled: files after the first failing one are not begun any more, but
 * blocks before it, which other threads may be parsing, are finished. */

enum { LINE_BITS = 40, MAX_CSV_COLUMNS = 256 };

/* The header of a CSV file: which column contains each wanted field. CSV is scanned by one thread,
 * which therefore reads the header before the lines below it. */
typedef struct csv_header {
    size_t n_columns, columns[RECORD_MAX_FIELDS];
} csv_header;

struct record_scan {
    const duckdb_functions *api;
    record_spec spec;
    const char *keys[RECORD_MAX_FIELDS];
    line_reader *lines;
    failure failure; /* by position: file << LINE_BITS | line */

    pthread_mutex_t lock;  /* of what follows */
    record_counts *counts; /* [n_files] */
    char found_keys[256];
};

typedef struct scan_thread {
    record_scan *scan;
    line_block block;
    const char *at; /* in the block, after the lines taken */
    uint64_t line;  /* number of the line last taken */
    csv_header header;
    char *text; /* buffer for an unescaped value */
    size_t text_capacity;
} scan_thread;

static uint64_t position(const scan_thread *t) {
    return (uint64_t)t->block.file << LINE_BITS | t->line;
}

/* ---- malformed lines ---- */

/* where: the byte at which the line is malformed, or NULL. */
static void note_bad_line(scan_thread *t, const char *line, const char *where) {
    record_scan *s = t->scan;
    size_t file = t->block.file;

    /* Insert the number into the sorted list of the smallest ones. */
    pthread_mutex_lock(&s->lock);
    record_counts *c = &s->counts[file];
    size_t n = c->n_bad < RECORD_FIRST_BAD ? (size_t)c->n_bad : RECORD_FIRST_BAD, at = n;
    c->n_bad++;
    while (at > 0 && c->first_bad[at - 1] > t->line) at--;
    if (at < RECORD_FIRST_BAD) {
        if (n == RECORD_FIRST_BAD) n--;
        memmove(&c->first_bad[at + 1], &c->first_bad[at], (n - at) * sizeof *c->first_bad);
        c->first_bad[at] = t->line;
    }
    pthread_mutex_unlock(&s->lock);

    if (!s->spec.strict) return;
    semid_error error;
    error_set(&error, SEMID_ERR_FORMAT, "%s: line %llu: expected %s, found a malformed line%s%td",
              s->spec.files->paths[file], (unsigned long long)t->line,
              s->spec.format == RECORD_CSV ? "CSV with the fields of the header" : "a JSON object",
              where ? " at byte " : "", where ? where - line + 1 : 0);
    failure_note(&s->failure, position(t), error.status, &error);
}

/* ---- lines to rows ---- */

/* Without text: NULL. */
static void put_text(scan_thread *t, duckdb_vector column, size_t row, const char *text, size_t n) {
    const duckdb_functions *api = t->scan->api;
    if (text) {
        api->duckdb_vector_assign_string_element_len(column, row, text, n);
    } else {
        api->duckdb_vector_ensure_validity_writable(column);
        api->duckdb_validity_set_row_invalid(api->duckdb_vector_get_validity(column), row);
    }
}

/* Columns: 0 is ord, which the caller sets; the fields follow. *good says whether the line became
 * row `row`. */
static semid_status json_row(scan_thread *t, const char *line, size_t n, duckdb_vector *columns,
                             size_t row, bool *good, semid_error *err) {
    record_scan *s = t->scan;
    json_span values[RECORD_MAX_FIELDS];
    const char *where = json_scan_object(line, n, s->keys, s->spec.n_fields, values);
    *good = !where;
    if (where) {
        note_bad_line(t, line, where);
        return SEMID_OK;
    }

    if (t->line == 1) {
        pthread_mutex_lock(&s->lock);
        if (!s->found_keys[0]) json_scan_keys(line, n, s->found_keys, sizeof s->found_keys);
        pthread_mutex_unlock(&s->lock);
    }

    for (size_t i = 0; i < s->spec.n_fields; i++) {
        json_span v = values[i];
        if (!v.text || s->spec.fields[i].raw_json) {
            put_text(t, columns[i + 1], row, v.text, v.n_bytes);
        } else if (v.text[0] == '"' && !memchr(v.text, '\\', v.n_bytes)) {
            put_text(t, columns[i + 1], row, v.text + 1, v.n_bytes - 2);
        } else {
            TRY(mem_reserve(&t->text, &t->text_capacity, v.n_bytes, 1, err));
            put_text(t, columns[i + 1], row, t->text, json_scan_text(v, t->text));
        }
    }
    return SEMID_OK;
}

static semid_status csv_row(scan_thread *t, const char *line, size_t n, duckdb_vector *columns,
                            size_t row, bool *good, semid_error *err) {
    csv_span fields[MAX_CSV_COLUMNS];
    size_t n_found = csv_scan_line(line, n, fields, MAX_CSV_COLUMNS);
    *good = n_found == t->header.n_columns && utf8_check(line, n, NULL);
    if (!*good) {
        note_bad_line(t, line, NULL);
        return SEMID_OK;
    }

    for (size_t i = 0; i < t->scan->spec.n_fields; i++) {
        csv_span f = fields[t->header.columns[i]];
        if (!f.quoted) {
            put_text(t, columns[i + 1], row, f.text, f.n_bytes);
        } else {
            TRY(mem_reserve(&t->text, &t->text_capacity, f.n_bytes, 1, err));
            put_text(t, columns[i + 1], row, t->text, csv_scan_text(f, t->text));
        }
    }
    return SEMID_OK;
}

/* The next line of the block without its end; false at the end of the block. */
static bool take_line(scan_thread *t, const char **line, size_t *n) {
    const char *end = t->block.bytes + t->block.n_bytes;
    if (t->at >= end) return false;

    const char *newline = memchr(t->at, '\n', (size_t)(end - t->at));
    const char *stop = newline ? newline : end;
    *line = t->at;
    t->at = newline ? newline + 1 : end;
    t->line++;

    /* Leading blanks: also the place of a byte order mark, which line_reader blanks out. */
    if (stop > *line && stop[-1] == '\r') stop--;
    while (*line < stop && (**line == ' ' || **line == '\t')) ++*line;
    *n = (size_t)(stop - *line);
    return true;
}

/* Read a block, and the columns from the header of a CSV file at its start. */
static semid_status next_block(scan_thread *t, semid_error *err) {
    record_scan *s = t->scan;
    size_t n_files = (size_t)(atomic_load(&s->failure.chunk) >> LINE_BITS); /* none failed: 2^24 */
    TRY(line_reader_next(s->lines, &t->block, n_files, err));
    t->at = t->block.bytes;
    t->line = t->block.first_line - 1;

    bool has_header = s->spec.format == RECORD_CSV && t->block.n_bytes > 0 && t->line == 0;
    const char *line, *path = s->spec.files->paths[t->block.file];
    size_t n;
    if (!has_header || !take_line(t, &line, &n)) return SEMID_OK;

    csv_header *header = &t->header;
    csv_span fields[MAX_CSV_COLUMNS];
    header->n_columns = csv_scan_line(line, n, fields, MAX_CSV_COLUMNS);
    if (header->n_columns == 0 || header->n_columns > MAX_CSV_COLUMNS)
        FAIL(SEMID_ERR_FORMAT, "%s: line 1: expected a CSV header", path);
    for (size_t i = 0; i < s->spec.n_fields; i++) {
        size_t c = 0, n_key = strlen(s->keys[i]);
        while (c < header->n_columns &&
               (fields[c].n_bytes != n_key || memcmp(fields[c].text, s->keys[i], n_key) != 0))
            c++;
        if (c == header->n_columns)
            FAIL(SEMID_ERR_FORMAT, "%s: no column %s; found %.*s", path, s->keys[i], (int)n, line);
        header->columns[i] = c;
    }
    return SEMID_OK;
}

/* Fill a chunk of DuckDB's with rows from as many blocks as it takes; no rows: the scan is over. */
static semid_status scan_chunk(scan_thread *t, duckdb_data_chunk chunk, size_t *n_rows,
                               semid_error *err) {
    record_scan *s = t->scan;
    duckdb_vector columns[RECORD_MAX_FIELDS + 1];
    for (size_t i = 0; i <= s->spec.n_fields; i++)
        columns[i] = s->api->duckdb_data_chunk_get_vector(chunk, i);
    int64_t *ord = s->api->duckdb_vector_get_data(columns[0]);
    size_t n_max = (size_t)s->api->duckdb_vector_size();

    *n_rows = 0;
    for (;;) {
        size_t first = *n_rows, n;
        const char *line;
        while (*n_rows < n_max && take_line(t, &line, &n)) {
            if (n == 0) continue; /* blank lines are neither good nor bad */
            bool good;
            if (s->spec.format == RECORD_CSV)
                TRY(csv_row(t, line, n, columns, *n_rows, &good, err));
            else
                TRY(json_row(t, line, n, columns, *n_rows, &good, err));
            if (good) ord[(*n_rows)++] = (int64_t)position(t);
        }
        if (*n_rows > first) {
            pthread_mutex_lock(&s->lock);
            s->counts[t->block.file].n_good += *n_rows - first;
            pthread_mutex_unlock(&s->lock);
        }

        if (*n_rows == n_max || interrupted()) return SEMID_OK;
        TRY(next_block(t, err));
        if (t->block.n_bytes == 0) return SEMID_OK;
    }
}

/* ---- DuckDB's callbacks ---- */

static const duckdb_functions *loaded_api(void) {
    const duckdb_functions *api = NULL;
    duckdb_load(&api, NULL); /* cannot fail: DuckDB is calling us */
    return api;
}

static void on_bind(duckdb_bind_info info) {
    const duckdb_functions *api = loaded_api();
    record_scan *s = api->duckdb_bind_get_extra_info(info);
    duckdb_logical_type integer = api->duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_logical_type text = api->duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    api->duckdb_bind_add_result_column(info, "ord", integer);
    for (size_t i = 0; i < s->spec.n_fields; i++)
        api->duckdb_bind_add_result_column(info, s->keys[i], text);

    /* Unknown, but certainly more rows than what is joined with them: the other side is hashed. */
    api->duckdb_bind_set_cardinality(info, (idx_t)1 << 30, false);
    api->duckdb_destroy_logical_type(&integer);
    api->duckdb_destroy_logical_type(&text);
}

static void on_init(duckdb_init_info info) {
    const duckdb_functions *api = loaded_api();
    record_scan *s = api->duckdb_init_get_extra_info(info);
    bool parallel = s->spec.format == RECORD_JSONL;
    api->duckdb_init_set_max_threads(info, parallel ? (idx_t)threads_get() : 1);
}

static void free_thread(void *data) {
    scan_thread *t = data;
    line_block_release(&t->block);
    mem_free(t->text);
    mem_free(t);
}

static void on_thread_init(duckdb_init_info info) {
    const duckdb_functions *api = loaded_api();
    scan_thread *t;
    if (mem_calloc(&t, 1, sizeof *t, NULL) != SEMID_OK) {
        api->duckdb_init_set_error(info, "Out of Memory Error: a scanning thread");
        return;
    }
    t->scan = api->duckdb_init_get_extra_info(info);
    api->duckdb_init_set_init_data(info, t, free_thread);
}

static void on_chunk(duckdb_function_info info, duckdb_data_chunk chunk) {
    const duckdb_functions *api = loaded_api();
    scan_thread *t = api->duckdb_function_get_local_init_data(info);
    semid_error error;
    size_t n_rows = 0;

    semid_status status = scan_chunk(t, chunk, &n_rows, &error);
    if (status != SEMID_OK) {
        /* DuckDB knows messages but no status: record_scan_finish() has both. */
        failure_note(&t->scan->failure, (size_t)t->block.file << LINE_BITS, status, &error);
        api->duckdb_function_set_error(info, error.message);
        n_rows = 0;
    }
    api->duckdb_data_chunk_set_size(chunk, n_rows);
}

/* ---- the scan ---- */

semid_status record_scan_open(record_scan **out, sql_db *db, const char *name,
                              const record_spec *spec, semid_error *err) {
    record_scan *s;
    const path_list *files = spec->files;

    /* An empty CSV file has no header line, so that next_block() never gets to refuse it. */
    for (size_t i = 0; i < files->n_paths && spec->format == RECORD_CSV; i++)
        if (file_check_readable(files->paths[i], NULL) == SEMID_OK &&
            file_bytes(files->paths[i]) == 0)
            FAIL(SEMID_ERR_FORMAT, "%s: expected a CSV header, found an empty file",
                 files->paths[i]);

    TRY(mem_calloc(&s, 1, sizeof *s, err));
    pthread_mutex_init(&s->lock, NULL);
    failure_init(&s->failure);
    s->api = db->api;
    s->spec = *spec;
    for (size_t i = 0; i < spec->n_fields; i++) s->keys[i] = spec->fields[i].name;

    semid_status status = SEMID_OK;
    TRY_GOTO(line_reader_open(&s->lines, files, err));
    TRY_GOTO(mem_calloc(&s->counts, files->n_paths, sizeof *s->counts, err));

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
        FAIL_GOTO(SEMID_ERR_INTERNAL, "DuckDB: cannot make the function %s", name);
done:
    if (status == SEMID_OK)
        *out = s;
    else
        record_scan_close(s);
    return status;
}

semid_status record_scan_finish(record_scan *s, semid_status status, semid_error *err) {
    TRY(failure_status(&s->failure, err));
    return status;
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
