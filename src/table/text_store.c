#include "table/text_store.h"

#include "base/memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A record: the title, the number of description texts, these. A text is its length and its bytes.
 * Lengths and the number are uint32_t; NONE stands for null. */
static const uint32_t NONE = UINT32_MAX;
/* Pages are given back whenever so much was touched: a record costs at least a page. */
static const size_t RESIDENT_BYTES = (size_t)32 << 20, PAGE_BYTES = 4096;

struct text_store {
    FILE *file;
    char *map;
    size_t n_bytes;
    uint64_t *offsets; /* [n_rows] */
    size_t n_rows, capacity;
    atomic_size_t n_touched; /* bytes since pages were given back */
};

/* ---- writing ---- */

static semid_status open_unnamed(text_store *s, const char *dir, semid_error *err) {
    char *path;
    TRY(mem_format(&path, err, "%s/.semid-texts-XXXXXX", dir));
    int fd = mkstemp(path), saved = errno;
    if (fd >= 0) unlink(path);
    mem_free(path);
    if (fd < 0) FAIL(SEMID_ERR_IO, "%s: cannot create a temporary file: %s", dir, strerror(saved));
    s->file = fdopen(fd, "w+b");
    if (s->file) return SEMID_OK;
    close(fd);
    FAIL(SEMID_ERR_NO_MEMORY, "out of memory: a temporary file");
}

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

static void put_list(text_store *s, const sql_column *list, const sql_column *child, size_t row) {
    if (sql_is_null(list, row)) {
        put_number(s, NONE);
        return;
    }
    duckdb_list_entry entry = ((const duckdb_list_entry *)list->data)[row];
    put_number(s, (uint32_t)entry.length);
    for (size_t i = 0; i < entry.length; i++) put_text(s, child, (size_t)entry.offset + i);
}

static semid_status put_chunk(void *user, const sql_rows *rows, semid_error *err) {
    text_store *s = user;
    sql_column title = sql_rows_column(rows, 0), list = sql_rows_column(rows, 1),
               child = sql_list_child(&list);
    TRY(mem_reserve(&s->offsets, &s->capacity, s->n_rows + rows->n_rows, sizeof *s->offsets, err));
    for (size_t i = 0; i < rows->n_rows; i++) {
        s->offsets[s->n_rows++] = s->n_bytes;
        put_text(s, &title, i);
        put_list(s, &list, &child, i);
    }
    return SEMID_OK;
}

static semid_status write_rows(text_store *s, sql_db *db, sql_text *select, const char *dir,
                               semid_error *err) {
    TRY(sql_each_chunk(db, select, put_chunk, s, err));
    if (fflush(s->file) != 0 || ferror(s->file))
        FAIL(SEMID_ERR_IO, "%s: cannot write a temporary file: %s", dir, strerror(errno));
    return SEMID_OK;
}

static semid_status map_file(text_store *s, const char *dir, semid_error *err) {
    if (s->n_bytes == 0) return SEMID_OK;
    void *map = mmap(NULL, s->n_bytes, PROT_READ, MAP_SHARED, fileno(s->file), 0);
    if (map == MAP_FAILED)
        FAIL(SEMID_ERR_IO, "%s: cannot map a temporary file: %s", dir, strerror(errno));
    s->map = map;
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

/* The text at *at into a row of a vector; returns its length. */
static size_t fetch_text(const duckdb_functions *api, const char **at, duckdb_vector out,
                         size_t row) {
    uint32_t n = get_number(at);
    if (n == NONE) {
        api->duckdb_vector_ensure_validity_writable(out);
        api->duckdb_validity_set_row_invalid(api->duckdb_vector_get_validity(out), row);
        return 0;
    }
    api->duckdb_vector_assign_string_element_len(out, row, *at, n);
    *at += n;
    return n;
}

static void set_null(const duckdb_functions *api, duckdb_vector out, size_t row) {
    fetch_text(api, &(const char *){(const char *)&NONE}, out, row);
}

static void note_touched(text_store *s, size_t n_records, size_t n_bytes) {
    size_t n = n_records * PAGE_BYTES + n_bytes;
    if (atomic_fetch_add(&s->n_touched, n) + n < RESIDENT_BYTES) return;
    atomic_store(&s->n_touched, 0);
    madvise(s->map, s->n_bytes, MADV_DONTNEED);
}

typedef struct call {
    const duckdb_functions *api;
    text_store *store;
    sql_column numbers;
    size_t n_rows;
} call;

static call begin_call(duckdb_function_info info, duckdb_data_chunk input) {
    call c = {0};
    duckdb_load(&c.api, NULL); /* loaded long ago, since it calls us */
    c.store = c.api->duckdb_scalar_function_get_extra_info(info);
    c.n_rows = (size_t)c.api->duckdb_data_chunk_get_size(input);
    c.numbers = sql_vector_column(c.api, c.api->duckdb_data_chunk_get_vector(input, 0));
    return c;
}

static void stored_title(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    call c = begin_call(info, input);
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

/* The list behind the title; its length, or NONE. */
static uint32_t find_list(const char **at) {
    uint32_t n_title = get_number(at);
    if (n_title != NONE) *at += n_title;
    return get_number(at);
}

static size_t count_texts(const call *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        const char *at = record_at(c->store, &c->numbers, i);
        uint32_t n_texts = at ? find_list(&at) : NONE;
        if (n_texts != NONE) n += n_texts;
    }
    return n;
}

static void stored_description(duckdb_function_info info, duckdb_data_chunk input,
                               duckdb_vector output) {
    call c = begin_call(info, input);
    size_t n_texts = count_texts(&c), used = 0, n_bytes = 0;
    c.api->duckdb_list_vector_reserve(output, n_texts);
    c.api->duckdb_list_vector_set_size(output, n_texts);
    duckdb_vector child = c.api->duckdb_list_vector_get_child(output);
    duckdb_list_entry *entries = c.api->duckdb_vector_get_data(output);
    for (size_t i = 0; i < c.n_rows; i++) {
        const char *at = record_at(c.store, &c.numbers, i);
        uint32_t n = at ? find_list(&at) : NONE;
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
    semid_status status = SEMID_OK;
    TRY_GOTO(mem_calloc(&s, 1, sizeof *s, err));
    TRY_GOTO(open_unnamed(s, dir, err));
    TRY_GOTO(write_rows(s, db, select, dir, err));
    TRY_GOTO(map_file(s, dir, err));
    TRY_GOTO(add_function(s, db, "stored_title", false, stored_title, err));
    TRY_GOTO(add_function(s, db, "stored_description", true, stored_description, err));
done:
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
