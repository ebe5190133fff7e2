#include "table/item_texts.h"

#include "base/memory.h"
#include "base/path_list.h"
#include "base/text_buffer.h"
#include "table/sql.h"

#include <string.h>

/* Rows are picked without their texts, and texts are fetched for the picked rows alone. A catalogue
 * may contain an item many times, with kilobytes of text each time; DuckDB sorts and groups only
 * (id, timestamp, file, row), and joins the texts on the row's position, which Parquet readers know
 * as file_index and file_row_number.
 *
 * Per id the newest row is taken, on equal timestamps the first. The picked rows are ordered by
 * timestamp, then position: a total order, so that the rows of the embeddings are the same at any
 * number of threads. Stripping is Python's str.strip(), since texts have to equal those of the
 * reference pipeline byte by byte. */

struct item_texts {
    sql_db db;
    size_t n_rows, n_empty;
    size_t n_cols;
    bool *is_list; /* [n_cols] */
    sql_rows rows;
    size_t at; /* within the current chunk of rows */
    bool started;
    text_buffer text;
};

/* ---- one text ---- */

/* The length of the white space character at s, as str.strip() defines it, in UTF-8; 0 if there is
 * none. */
static size_t space_at(const unsigned char *s, size_t n) {
    if (n >= 1 && ((s[0] >= 0x09 && s[0] <= 0x0d) || (s[0] >= 0x1c && s[0] <= 0x20))) return 1;
    if (n >= 2 && s[0] == 0xc2 && (s[1] == 0x85 || s[1] == 0xa0)) return 2;
    if (n < 3) return 0;
    if (s[0] == 0xe1 && s[1] == 0x9a && s[2] == 0x80) return 3;
    if (s[0] == 0xe2 && s[1] == 0x80)
        return (s[2] >= 0x80 && s[2] <= 0x8a) || s[2] == 0xa8 || s[2] == 0xa9 || s[2] == 0xaf ? 3
                                                                                              : 0;
    return (s[0] == 0xe2 && s[1] == 0x81 && s[2] == 0x9f) ||
                   (s[0] == 0xe3 && s[1] == 0x80 && s[2] == 0x80)
               ? 3
               : 0;
}

/* The same for the character that ends at s + n. */
static size_t space_before(const unsigned char *s, size_t n) {
    for (size_t k = 1; k <= 3 && k <= n; k++)
        if (space_at(s + n - k, k) == k) return k;
    return 0;
}

static semid_status append(text_buffer *b, const char *s, size_t n, semid_error *err) {
    TRY(mem_reserve(&b->bytes, &b->capacity, b->n_bytes + n, 1, err));
    if (n) memcpy(b->bytes + b->n_bytes, s, n);
    b->n_bytes += n;
    return SEMID_OK;
}

/* Add a string unless it is empty after stripping; after a separator unless the buffer is empty
 * from `begin` on. */
static semid_status append_stripped(text_buffer *b, size_t begin, const char *separator,
                                    const sql_column *c, size_t row, semid_error *err) {
    if (sql_is_null(c, row)) return SEMID_OK;
    size_t n, k;
    const char *s = sql_string(c, row, &n);
    while ((k = space_at((const unsigned char *)s, n)) > 0) s += k, n -= k;
    while ((k = space_before((const unsigned char *)s, n)) > 0) n -= k;
    if (n == 0) return SEMID_OK;

    if (b->n_bytes > begin) TRY(append(b, separator, strlen(separator), err));
    return append(b, s, n, err);
}

static const char PIECE_SEPARATOR[] = " [SEP] ";

/* t->text from the pieces of a row: title, description, ... */
static semid_status build_text(item_texts *t, size_t row, semid_error *err) {
    text_buffer *b = &t->text;
    b->n_bytes = 0;
    for (size_t i = 0; i < t->n_cols; i++) {
        sql_column c = sql_rows_column(&t->rows, i);
        if (!t->is_list[i]) {
            TRY(append_stripped(b, 0, PIECE_SEPARATOR, &c, row, err));
            continue;
        }

        /* The texts of a list are one piece. */
        if (sql_is_null(&c, row)) continue;
        duckdb_list_entry entry = ((const duckdb_list_entry *)c.data)[row];
        sql_column child = sql_list_child(&c);
        size_t before = b->n_bytes;
        if (before > 0) TRY(append(b, PIECE_SEPARATOR, strlen(PIECE_SEPARATOR), err));
        size_t begin = b->n_bytes;
        for (size_t k = 0; k < entry.length; k++)
            TRY(append_stripped(b, begin, " ", &child, (size_t)entry.offset + k, err));
        if (b->n_bytes == begin) b->n_bytes = before; /* nothing added: no separator either */
    }

    if (b->n_bytes > 0) return SEMID_OK;
    t->n_empty++;
    return append(b, "[EMPTY]", 7, err);
}

/* ---- which rows ---- */

static void add_relation(sql_text *sql, const path_list *files) {
    sql_add(sql, "read_parquet(");
    sql_add_paths(sql, files);
    sql_add(sql, ", union_by_name = true)");
}

/* Table `picked`: the newest row of each id, at row r of file f, and its position n in the output.
 */
static semid_status pick_rows(item_texts *t, const item_texts_params *p, const path_list *files,
                              bool has_timestamp, semid_error *err) {
    sql_text sql = {0};

    sql_add(&sql, "CREATE TEMP TABLE picked AS SELECT f, r, row_number() OVER "
                  "(ORDER BY ts NULLS FIRST, f, r) AS n FROM (SELECT file_index AS f, "
                  "file_row_number AS r, ");
    if (has_timestamp)
        sql_add_name(&sql, p->ts_col);
    else
        sql_add(&sql, "NULL");
    sql_add(&sql, " AS ts, ");
    sql_add_name(&sql, p->id_col);
    sql_add(&sql, " AS id FROM ");
    add_relation(&sql, files);
    sql_add(&sql, " QUALIFY row_number() OVER (PARTITION BY id ORDER BY ts DESC NULLS LAST, f, r)"
                  " = 1)");
    return sql_run(&t->db, &sql, err);
}

/* Table `texts`: ids and pieces of the picked rows, in order. */
static semid_status collect_texts(item_texts *t, const item_texts_params *p, const path_list *files,
                                  semid_error *err) {
    sql_text sql = {0};

    sql_add(&sql, "CREATE TEMP TABLE texts AS SELECT source.");
    sql_add_name(&sql, p->id_col);
    sql_add(&sql, "::VARCHAR AS id");
    for (size_t i = 0; i < t->n_cols; i++) {
        sql_add(&sql, ", source.");
        sql_add_name(&sql, p->text_cols.items[i]);
        sql_add(&sql, "::VARCHAR%s AS t%zu", t->is_list[i] ? "[]" : "", i);
    }

    sql_add(&sql, " FROM ");
    add_relation(&sql, files);
    sql_add(&sql, " AS source JOIN picked ON source.file_index = f AND source.file_row_number = r "
                  "ORDER BY n");
    TRY(sql_run(&t->db, &sql, err));
    return sql_run_text(&t->db, "DROP TABLE picked", err);
}

static semid_status load(item_texts *t, const item_texts_params *p, const path_list *files,
                         semid_error *err) {
    sql_text relation = {0}, count = {0};
    sql_schema schema = {0};
    int64_t counts[2];
    semid_status status = SEMID_OK;

    add_relation(&relation, files);
    TRY_GOTO(sql_describe(&schema, &t->db, &relation, err));
    TRY_GOTO(sql_schema_require(&schema, p->id_col, p->data, err));
    if (p->text_cols.n_items == 0)
        FAIL_GOTO(SEMID_ERR_ARGUMENT, "%s: expected at least one text column, found none", p->data);
    t->n_cols = p->text_cols.n_items;
    TRY_GOTO(mem_calloc(&t->is_list, t->n_cols, sizeof *t->is_list, err));
    for (size_t i = 0; i < t->n_cols; i++) {
        TRY_GOTO(sql_schema_require(&schema, p->text_cols.items[i], p->data, err));
        const char *type = sql_schema_type(&schema, p->text_cols.items[i]);
        t->is_list[i] = type[strlen(type) - 1] == ']';
    }

    TRY_GOTO(pick_rows(t, p, files, sql_schema_type(&schema, p->ts_col) != NULL, err));
    TRY_GOTO(collect_texts(t, p, files, err));

    /* Rows without an id are a group of their own, of which one row is left. */
    sql_add(&count, "SELECT count(*), count(id) FROM texts");
    TRY_GOTO(sql_int64s(&t->db, &count, counts, 2, err));
    if (counts[0] == 0) FAIL_GOTO(SEMID_ERR_DATA, "%s: expected items, found no rows", p->data);
    if (counts[0] != counts[1]) FAIL_GOTO(SEMID_ERR_DATA, "%s: a row has no item id", p->data);
    t->n_rows = (size_t)counts[0];
done:
    sql_schema_release(&schema);
    return status;
}

semid_status item_texts_open(item_texts **out, const item_texts_params *params, semid_error *err) {
    static const char *const extensions[] = {".parquet", NULL};
    semid_status status = SEMID_OK;
    path_list files = {0};
    item_texts *t;
    char extension[16];

    TRY(mem_calloc(&t, 1, sizeof *t, err));
    TRY_GOTO(path_list_expand(&files, params->data, extensions, err));
    for (size_t i = 0; i < files.n_paths; i++)
        if (strcmp(path_extension(files.paths[i], extension), "parquet") != 0)
            FAIL_GOTO(SEMID_ERR_ARGUMENT, "%s: expected a name ending in .parquet, found %s%s",
                      files.paths[i], *extension ? "." : "none", extension);

    TRY_GOTO(sql_open(&t->db, 0, NULL, err));
    status = load(t, params, &files, err);
    if (status != SEMID_OK) sql_error_in(files.n_paths == 1 ? files.paths[0] : params->data, err);
done:
    path_list_release(&files);
    if (status == SEMID_OK)
        *out = t;
    else
        item_texts_close(t);
    return status;
}

size_t item_texts_rows(const item_texts *t) {
    return t->n_rows;
}

size_t item_texts_empty(const item_texts *t) {
    return t->n_empty;
}

/* ---- reading ---- */

static semid_status take_ids(void *list, const sql_rows *rows, semid_error *err) {
    return sql_append_ids(list, rows, 0, "texts", err); /* NULL was refused before */
}

semid_status item_texts_ids(item_texts *t, ids *out, semid_error *err) {
    sql_text sql = {0};
    ids list = {0};
    sql_add(&sql, "SELECT id FROM texts");
    semid_status status = sql_each_chunk(&t->db, &sql, take_ids, &list, err);
    if (status == SEMID_OK)
        *out = list;
    else
        ids_release(&list);
    return status;
}

semid_status item_texts_next(item_texts *t, size_t n_max, ids *texts, semid_error *err) {
    texts->n_ids = texts->n_bytes = 0;

    /* The query runs from the first call on, and one query at a time per connection: ids were read
     * before. */
    if (!t->started) {
        sql_text sql = {0};
        sql_add(&sql, "SELECT * EXCLUDE (id) FROM texts");
        TRY(sql_query(&t->rows, &t->db, &sql, err));
        t->started = true;
    }

    while (texts->n_ids < n_max) {
        if (t->at == t->rows.n_rows) {
            t->at = 0;
            TRY(sql_next(&t->rows, err));
            if (t->rows.n_rows == 0) break;
        }
        TRY(build_text(t, t->at++, err));
        TRY(ids_append(texts, t->text.bytes, t->text.n_bytes, err));
    }
    return SEMID_OK;
}

void item_texts_close(item_texts *t) {
    if (!t) return;
    sql_rows_close(&t->rows);
    sql_close(&t->db);
    mem_free(t->is_list);
    mem_free(t->text.bytes);
    mem_free(t);
}
