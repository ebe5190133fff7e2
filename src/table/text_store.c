#include "table/text_store.h"

#include "base/memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Rows of the split tables repeat the title and description of their item, often kilobytes. Carried
 * through joins and sorts they would make up nearly all of the data that has to spill. Instead rows
 * carry the number of their item, and stored_title(number) and stored_description(number) fetch the
 * texts while rows are written.
 *
 * The file has one record per item: the title, the number of description texts, and these. A text
 * is its length and its bytes; lengths and numbers are uint32_t, and NONE stands for NULL. Records
 * are found by their offsets in memory, 8 bytes per item.
 *
 * The file is mapped and read in any order by several threads. So that the map does not fill memory
 * on its way through the file, its pages are dropped whenever RESIDENT_BYTES have been read, at a
 * page or more per record; the system has them in its cache, and reads them again if not. It is
 * unlinked as soon as it is open: nothing is left after a crash. */

static const uint32_t NONE = UINT32_MAX;
static const size_t RESIDENT_BYTES = (size_t)32 << 20, PAGE_BYTES = 4096;

struct text_store {
    FILE *file;
    char *map;
    size_t n_bytes;
    uint64_t *offsets; /* [n_rows] */
    size_t n_rows, capacity;
    atomic_size_t n_touched; /* bytes read since pages were dropped */
};

/* ---- writing ---- */

/* Errors of writing stay in the stream and are reported at the end. */
static void put_number(text_store *s, uint32_t n) {
    s->n_bytes += fwrite(&n, 1, sizeof n, s->file);
}

static void put_text(text_store *s, const sql_column *c, size_t row) {
    if (sql_is_null(c, row)) {
        put_number(s, NONE);
        return;
    }
    size_t n;
    const char *text = sql_string(c, row, &n);
    put_number(s, (uint32_t)n);
    s->n_bytes += fwrite(text, 1, n, s->file);
}

static semid_status put_chunk(void *user, const sql_rows *rows, semid_error *err) {
    text_store *s = user;
    sql_column title = sql_rows_column(rows, 0), list = sql_rows_column(rows, 1),
               child = sql_list_child(&list);

    TRY(mem_reserve(&s->offsets, &s->capacity, s->n_rows + rows->n_rows, sizeof *s->offsets, err));
    for (size_t i = 0; i < rows->n_rows; i++) {
        s->offsets[s->n_rows++] = s->n_bytes;
        put_text(s, &title, i);
        if (sql_is_null(&list, i)) {
            put_number(s, NONE);
            continue;
        }
        duckdb_list_entry entry = ((const duckdb_list_entry *)list.data)[i];
        put_number(s, (uint32_t)entry.length);
        for (size_t k = 0; k < entry.length; k++) put_text(s, &child, (size_t)entry.offset + k);
    }
    return SEMID_OK;
}

/* ---- fetching ---- */

static const char *record_at(const text_store *s, const sql_column *numbers, size_t row) {
    if (sql_is_null(numbers, row)) return NULL;
    int64_t number = sql_int64(numbers, row);
    return number >= 0 && (size_t)number < s->n_rows ? s->map + s->offsets[number] : NULL;
}

static uint32_t get_number(const char **at) {
    uint32_t n;
    memcpy(&n, *at, sizeof n);
    *at += sizeof n;
    return n;
}

static void set_null(const duckdb_functions *api, duckdb_vector out, size_t row) {
    api->duckdb_vector_ensure_validity_writable(out);
    api->duckdb_validity_set_row_invalid(api->duckdb_vector_get_validity(out), row);
}

/* The text at *at into a row of a vector; returns its length. */
static size_t fetch_text(const duckdb_functions *api, const char **at, duckdb_vector out,
                         size_t row) {
    uint32_t n = get_number(at);
    if (n == NONE) {
        set_null(api, out, row);
        return 0;
    }
    api->duckdb_vector_assign_string_element_len(out, row, *at, n);
    *at += n;
    return n;
}

static void note_touched(text_store *s, size_t n_records, size_t n_bytes) {
    size_t n = n_records * PAGE_BYTES + n_bytes;
    if (atomic_fetch_add(&s->n_touched, n) + n < RESIDENT_BYTES) return;
    atomic_store(&s->n_touched, 0);
    madvise(s->map, s->n_bytes, MADV_DONTNEED);
}

/* One call of a function, for a chunk of numbers. */
typedef struct fetch_call {
    const duckdb_functions *api;
    text_store *store;
    sql_column numbers;
    size_t n_rows;
} fetch_call;

static fetch_call begin_call(duckdb_function_info info, duckdb_data_chunk input) {
    fetch_call c = {0};
    duckdb_load(&c.api, NULL); /* cannot fail: DuckDB is calling us */
    c.store = c.api->duckdb_scalar_function_get_extra_info(info);
    c.n_rows = (size_t)c.api->duckdb_data_chunk_get_size(input);
    c.numbers = sql_vector_column(c.api, c.api->duckdb_data_chunk_get_vector(input, 0));
    return c;
}

static void stored_title(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    fetch_call c = begin_call(info, input);
    size_t n_bytes = 0;
    for (size_t i = 0; i < c.n_rows; i++) {
        const char *at = record_at(c.store, &c.numbers, i);
        if (at)
            n_bytes += fetch_text(c.api, &at, output, i);
        else
            set_null(c.api, output, i);
    }
    note_touched(c.store, c.n_rows, n_bytes);
}

/* Moves *at from the start of a record to its first description text; returns their number, or
 * NONE.
 */
static uint32_t skip_to_list(const char **at) {
    uint32_t n_title = get_number(at);
    if (n_title != NONE) *at += n_title;
    return get_number(at);
}

static void stored_description(duckdb_function_info info, duckdb_data_chunk input,
                               duckdb_vector output) {
    fetch_call c = begin_call(info, input);
    size_t n_texts = 0, used = 0, n_bytes = 0;

    /* All lists of a chunk share one child vector, which has to be sized first. */
    for (size_t i = 0; i < c.n_rows; i++) {
        const char *at = record_at(c.store, &c.numbers, i);
        uint32_t n = at ? skip_to_list(&at) : NONE;
        if (n != NONE) n_texts += n;
    }
    c.api->duckdb_list_vector_reserve(output, n_texts);
    c.api->duckdb_list_vector_set_size(output, n_texts);
    duckdb_vector child = c.api->duckdb_list_vector_get_child(output);

    duckdb_list_entry *entries = c.api->duckdb_vector_get_data(output);
    for (size_t i = 0; i < c.n_rows; i++) {
        const char *at = record_at(c.store, &c.numbers, i);
        uint32_t n = at ? skip_to_list(&at) : NONE;
        if (n == NONE) set_null(c.api, output, i);
        entries[i] = (duckdb_list_entry){.offset = used, .length = n == NONE ? 0 : n};
        for (size_t k = 0; k < entries[i].length; k++)
            n_bytes += fetch_text(c.api, &at, child, used++);
    }
    note_touched(c.store, c.n_rows, n_bytes);
}

static semid_status add_function(text_store *s, sql_db *db, const char *name, bool list,
                                 duckdb_scalar_function_t function, semid_error *err) {
    const duckdb_functions *api = db->api;
    duckdb_logical_type integer = api->duckdb_create_logical_type(DUCKDB_TYPE_BIGINT),
                        text = api->duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR),
                        texts = api->duckdb_create_list_type(text);
    duckdb_scalar_function f = api->duckdb_create_scalar_function();

    api->duckdb_scalar_function_set_name(f, name);
    api->duckdb_scalar_function_add_parameter(f, integer);
    api->duckdb_scalar_function_set_return_type(f, list ? texts : text);
    api->duckdb_scalar_function_set_extra_info(f, s, NULL);
    api->duckdb_scalar_function_set_function(f, function);

    duckdb_state made = api->duckdb_register_scalar_function(db->connection, f);
    api->duckdb_destroy_scalar_function(&f);
    api->duckdb_destroy_logical_type(&integer);
    api->duckdb_destroy_logical_type(&text);
    api->duckdb_destroy_logical_type(&texts);
    if (made != DuckDBSuccess)
        FAIL(SEMID_ERR_INTERNAL, "DuckDB: cannot make the function %s", name);
    return SEMID_OK;
}

/* ---- the store ---- */

semid_status text_store_open(text_store **out, sql_db *db, sql_text *select, const char *dir,
                             semid_error *err) {
    text_store *s = NULL;
    char *path = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(mem_calloc(&s, 1, sizeof *s, err));

    /* A file without a name. */
    TRY_GOTO(mem_format(&path, err, "%s/.semid-texts-XXXXXX", dir));
    int fd = mkstemp(path);
    if (fd < 0)
        FAIL_GOTO(SEMID_ERR_IO, "%s: cannot create a temporary file: %s", dir, strerror(errno));
    unlink(path);
    s->file = fdopen(fd, "w+b");
    if (!s->file) {
        close(fd);
        FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: a temporary file");
    }

    TRY_GOTO(sql_each_chunk(db, select, put_chunk, s, err));
    if (fflush(s->file) != 0 || ferror(s->file))
        FAIL_GOTO(SEMID_ERR_IO, "%s: cannot write a temporary file: %s", dir, strerror(errno));
    if (s->n_bytes > 0) {
        void *map = mmap(NULL, s->n_bytes, PROT_READ, MAP_SHARED, fileno(s->file), 0);
        if (map == MAP_FAILED)
            FAIL_GOTO(SEMID_ERR_IO, "%s: cannot map a temporary file: %s", dir, strerror(errno));
        s->map = map;
    }

    TRY_GOTO(add_function(s, db, "stored_title", false, stored_title, err));
    TRY_GOTO(add_function(s, db, "stored_description", true, stored_description, err));
done:
    mem_free(path);
    sql_text_release(select);
    if (status == SEMID_OK)
        *out = s;
    else
        text_store_close(s);
    return status;
}

void text_store_close(text_store *s) {
    if (!s) return;
    if (s->map) munmap(s->map, s->n_bytes);
    if (s->file) fclose(s->file);
    mem_free(s->offsets);
    mem_free(s);
}
