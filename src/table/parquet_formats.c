#include "table/parquet_formats.h"

#include "base/memory.h"
#include "formats/array_choice.h"
#include "formats/embeddings.h"
#include "table/sql.h"

#include <string.h>

static const char *const ID_NAMES[] = {"item_id", "parent_asin", "id"};

/* ---- which columns ---- */

static bool is_vector(const char *type) {
    static const char *const numbers[] = {"FLOAT",  "DOUBLE",   "DECIMAL", "INTEGER",
                                          "BIGINT", "SMALLINT", "TINYINT"};
    const char *bracket = strchr(type, '[');
    if (!bracket || strchr(bracket + 1, '[')) return false;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strncmp(type, numbers[i], strlen(numbers[i])) == 0) return true;
    return false;
}

static semid_status find_vectors(const sql_schema *schema, const char *path, const char *name,
                                 const char **out, semid_error *err) {
    array_choice choice = {.path = path, .key = name};
    const void *chosen;
    for (size_t i = 0; i < schema->n_columns; i++)
        array_choice_offer(&choice, schema->names[i], is_vector(schema->types[i]), schema->types[i],
                           schema->names[i]);
    TRY(array_choice_make(&choice, &chosen, err));
    *out = chosen;
    const char *type = sql_schema_type(schema, *out);
    if (!is_vector(type))
        FAIL(SEMID_ERR_FORMAT, "%s: column %s: expected lists of numbers, found %s", path, *out,
             type);
    return SEMID_OK;
}

static const char *find_ids(const sql_schema *schema) {
    for (size_t i = 0; i < sizeof ID_NAMES / sizeof *ID_NAMES; i++)
        if (sql_schema_type(schema, ID_NAMES[i])) return ID_NAMES[i];
    return NULL;
}

static semid_status describe(sql_schema *schema, sql_db *db, const char *path, semid_error *err) {
    sql_text source = {0};
    TRY(file_check_readable(path, err));
    sql_add_parquet(&source, path);
    return sql_describe(schema, db, &source, err);
}

/* ---- ids ---- */

static semid_status append_ids(ids *list, const sql_rows *rows, size_t column, const char *path,
                               semid_error *err) {
    sql_column c = sql_rows_column(rows, column);
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (sql_is_null(&c, i)) FAIL(SEMID_ERR_DATA, "%s: row %zu has no id", path, list->n_ids);
        size_t n;
        const char *s = sql_string(&c, i, &n);
        TRY(ids_append(list, s, n, err));
    }
    return SEMID_OK;
}

typedef struct id_reader {
    const char *path;
    ids list;
} id_reader;

static semid_status take_ids(void *user, const sql_rows *rows, semid_error *err) {
    id_reader *r = user;
    return append_ids(&r->list, rows, 0, r->path, err);
}

static semid_status read_ids(id_reader *r, sql_db *db, const char *column, semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql, "SELECT ");
    sql_add_name(&sql, column);
    sql_add(&sql, "::VARCHAR FROM ");
    sql_add_parquet(&sql, r->path);
    return sql_each_chunk(db, &sql, take_ids, r, err);
}

static semid_status load_ids(ids *out, const char *path, semid_error *err) {
    sql_db db;
    sql_schema schema = {0};
    id_reader r = {.path = path};
    TRY(sql_open(&db, 0, NULL, err));
    semid_status status = SEMID_OK;
    TRY_GOTO(describe(&schema, &db, path, err));
    const char *column = find_ids(&schema);
    if (!column && schema.n_columns == 1) column = schema.names[0];
    if (!column) TRY_GOTO(sql_schema_require(&schema, "item_id, parent_asin or id", path, err));
    TRY_GOTO(read_ids(&r, &db, column, err));
done:
    sql_schema_release(&schema);
    sql_close(&db);
    if (status == SEMID_OK) {
        *out = r.list;
        return SEMID_OK;
    }
    ids_release(&r.list);
    return sql_error_in(path, err);
}

/* ---- embeddings ---- */

typedef struct matrix {
    const char *path;
    embeddings_block block;
    size_t capacity; /* rows of block.data */
} matrix;

static semid_status append_vector(matrix *m, const sql_column *list, const sql_column *child,
                                  size_t row, semid_error *err) {
    embeddings_block *b = &m->block;
    duckdb_list_entry entry = ((const duckdb_list_entry *)list->data)[row];
    if (sql_is_null(list, row))
        FAIL(SEMID_ERR_DATA, "%s: row %zu has no vector", m->path, b->n_rows);
    if (b->n_rows == 0) b->dim = (size_t)entry.length;
    if (b->dim == 0) FAIL(SEMID_ERR_DATA, "%s: row 0 has an empty vector", m->path);
    if (entry.length != b->dim)
        FAIL(SEMID_ERR_SHAPE, "%s: row %zu: expected %zu numbers as in row 0, found %zu", m->path,
             b->n_rows, b->dim, (size_t)entry.length);
    for (size_t i = 0; i < b->dim; i++)
        if (sql_is_null(child, (size_t)entry.offset + i))
            FAIL(SEMID_ERR_DATA, "%s: row %zu: number %zu is missing", m->path, b->n_rows, i);
    TRY(mem_reserve(&b->data, &m->capacity, b->n_rows + 1, b->dim * sizeof(float), err));
    memcpy(b->data + b->n_rows * b->dim, (const float *)child->data + entry.offset,
           b->dim * sizeof(float));
    b->n_rows++;
    return SEMID_OK;
}

static semid_status take_vectors(void *user, const sql_rows *rows, semid_error *err) {
    matrix *m = user;
    sql_column list = sql_rows_column(rows, 0), child = sql_list_child(&list);
    for (size_t i = 0; i < rows->n_rows; i++) TRY(append_vector(m, &list, &child, i, err));
    return rows->n_columns < 2 ? SEMID_OK : append_ids(&m->block.list, rows, 1, m->path, err);
}

static semid_status read_vectors(matrix *m, sql_db *db, const char *vectors, const char *id_column,
                                 semid_error *err) {
    sql_text sql = {0};
    sql_add(&sql, "SELECT ");
    sql_add_name(&sql, vectors);
    sql_add(&sql, "::FLOAT[]");
    if (id_column) {
        sql_add(&sql, ", ");
        sql_add_name(&sql, id_column);
        sql_add(&sql, "::VARCHAR");
    }
    sql_add(&sql, " FROM ");
    sql_add_parquet(&sql, m->path);
    return sql_each_chunk(db, &sql, take_vectors, m, err);
}

static semid_status load_embeddings(embeddings_block *out, const char *path, const char *name,
                                    semid_error *err) {
    sql_db db;
    sql_schema schema = {0};
    matrix m = {.path = path};
    const char *vectors = NULL;
    TRY(sql_open(&db, 0, NULL, err));
    semid_status status = SEMID_OK;
    TRY_GOTO(describe(&schema, &db, path, err));
    TRY_GOTO(find_vectors(&schema, path, name, &vectors, err));
    TRY_GOTO(read_vectors(&m, &db, vectors, find_ids(&schema), err));
done:
    sql_schema_release(&schema);
    sql_close(&db);
    if (status == SEMID_OK) {
        *out = m.block;
        return SEMID_OK;
    }
    mem_free(m.block.data);
    ids_release(&m.block.list);
    return sql_error_in(path, err);
}

void parquet_register_formats(void) {
    embeddings_register("parquet", load_embeddings);
    ids_register("parquet", load_ids);
}
