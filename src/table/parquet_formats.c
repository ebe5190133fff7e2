#include "table/parquet_formats.h"

#include "base/memory.h"
#include "formats/array_choice.h"
#include "formats/embeddings.h"
#include "formats/embeddings_file.h"
#include "formats/ids_file.h"
#include "table/sql.h"

#include <string.h>

/* Parquet is read through DuckDB, whatever its compression and encoding, and in row order: a scan
 * of one file keeps it. Ids are cast to VARCHAR and vectors to FLOAT[], so that integer ids,
 * doubles, decimals and fixed-size arrays need no code of their own. The whole matrix is read into
 * memory, unlike .npy, which is mapped.
 *
 * These readers are registered with formats/ rather than called by it, because DuckDB lies above
 * libsemid. */

static const char *const ID_NAMES[] = {"item_id", "parent_asin", "id"};

/* ---- which columns ---- */

/* A list or an array of numbers, not of lists. */
static bool is_vector(const char *type) {
    static const char *const numbers[] = {"FLOAT",  "DOUBLE",   "DECIMAL", "INTEGER",
                                          "BIGINT", "SMALLINT", "TINYINT"};
    const char *bracket = strchr(type, '[');
    if (!bracket || strchr(bracket + 1, '[')) return false;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strncmp(type, numbers[i], strlen(numbers[i])) == 0) return true;
    return false;
}

static const char *find_ids(const sql_schema *schema) {
    for (size_t i = 0; i < sizeof ID_NAMES / sizeof *ID_NAMES; i++)
        if (sql_schema_type(schema, ID_NAMES[i])) return ID_NAMES[i];
    return NULL;
}

static semid_status describe(sql_schema *schema, sql_db *db, const char *path, semid_error *err) {
    sql_text relation = {0};
    TRY(file_check_readable(path, err));
    sql_add_parquet(&relation, path);
    return sql_describe(schema, db, &relation, err);
}

/* ---- ids ---- */

typedef struct id_reader {
    const char *path;
    ids list;
} id_reader;

static semid_status take_ids(void *user, const sql_rows *rows, semid_error *err) {
    id_reader *r = user;
    return sql_append_ids(&r->list, rows, 0, r->path, err);
}

static semid_status load_ids(ids *out, const char *path, semid_error *err) {
    sql_db db;
    sql_schema schema = {0};
    sql_text sql = {0};
    id_reader reader = {.path = path};
    semid_status status = SEMID_OK;
    TRY(sql_open(&db, 0, NULL, err));

    TRY_GOTO(describe(&schema, &db, path, err));
    const char *column = find_ids(&schema);
    if (!column && schema.n_columns == 1) column = schema.names[0];
    if (!column) TRY_GOTO(sql_schema_require(&schema, "item_id, parent_asin or id", path, err));

    sql_add(&sql, "SELECT ");
    sql_add_name(&sql, column);
    sql_add(&sql, "::VARCHAR FROM ");
    sql_add_parquet(&sql, path);
    TRY_GOTO(sql_each_chunk(&db, &sql, take_ids, &reader, err));
done:
    sql_schema_release(&schema);
    sql_close(&db);
    if (status == SEMID_OK) {
        *out = reader.list;
        return SEMID_OK;
    }
    ids_release(&reader.list);
    return sql_error_in(path, err);
}

/* ---- embeddings ---- */

typedef struct vector_reader {
    const char *path;
    embeddings_block block;
    size_t capacity; /* rows of block.data */
} vector_reader;

static semid_status append_vector(vector_reader *r, const sql_column *list, const sql_column *child,
                                  size_t row, semid_error *err) {
    embeddings_block *b = &r->block;
    duckdb_list_entry entry = ((const duckdb_list_entry *)list->data)[row];

    if (sql_is_null(list, row))
        FAIL(SEMID_ERR_DATA, "%s: row %zu has no vector", r->path, b->n_rows);
    if (b->n_rows == 0) b->dim = (size_t)entry.length;
    if (b->dim == 0) FAIL(SEMID_ERR_DATA, "%s: row 0 has an empty vector", r->path);
    if (entry.length != b->dim)
        FAIL(SEMID_ERR_SHAPE, "%s: row %zu: expected %zu numbers as in row 0, found %zu", r->path,
             b->n_rows, b->dim, (size_t)entry.length);
    for (size_t i = 0; i < b->dim; i++)
        if (sql_is_null(child, (size_t)entry.offset + i))
            FAIL(SEMID_ERR_DATA, "%s: row %zu: number %zu is missing", r->path, b->n_rows, i);

    TRY(mem_reserve(&b->data, &r->capacity, b->n_rows + 1, b->dim * sizeof(float), err));
    memcpy(b->data + b->n_rows * b->dim, (const float *)child->data + entry.offset,
           b->dim * sizeof(float));
    b->n_rows++;
    return SEMID_OK;
}

static semid_status take_vectors(void *user, const sql_rows *rows, semid_error *err) {
    vector_reader *r = user;
    sql_column list = sql_rows_column(rows, 0), child = sql_list_child(&list);
    for (size_t i = 0; i < rows->n_rows; i++) TRY(append_vector(r, &list, &child, i, err));
    return rows->n_columns < 2 ? SEMID_OK : sql_append_ids(&r->block.list, rows, 1, r->path, err);
}

static semid_status load_embeddings(embeddings_block *out, const char *path, const char *name,
                                    semid_error *err) {
    sql_db db;
    sql_schema schema = {0};
    sql_text sql = {0};
    vector_reader reader = {.path = path};
    array_choice choice = {.path = path, .key = name};
    const void *chosen;
    semid_status status = SEMID_OK;
    TRY(sql_open(&db, 0, NULL, err));
    TRY_GOTO(describe(&schema, &db, path, err));

    /* The column named, or the one that the rules of formats/array_choice.h choose. */
    for (size_t i = 0; i < schema.n_columns; i++)
        array_choice_offer(&choice, schema.names[i], is_vector(schema.types[i]), schema.types[i],
                           schema.names[i]);
    TRY_GOTO(array_choice_make(&choice, &chosen, err));
    const char *vectors = chosen, *ids_column = find_ids(&schema);
    const char *type = sql_schema_type(&schema, vectors);
    if (!is_vector(type))
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: column %s: expected lists of numbers, found %s", path,
                  vectors, type);

    sql_add(&sql, "SELECT ");
    sql_add_name(&sql, vectors);
    sql_add(&sql, "::FLOAT[]");
    if (ids_column) {
        sql_add(&sql, ", ");
        sql_add_name(&sql, ids_column);
        sql_add(&sql, "::VARCHAR");
    }
    sql_add(&sql, " FROM ");
    sql_add_parquet(&sql, path);
    TRY_GOTO(sql_each_chunk(&db, &sql, take_vectors, &reader, err));
done:
    sql_schema_release(&schema);
    sql_close(&db);
    if (status == SEMID_OK) {
        *out = reader.block;
        return SEMID_OK;
    }
    mem_free(reader.block.data);
    ids_release(&reader.block.list);
    return sql_error_in(path, err);
}

void parquet_register_formats(void) {
    embeddings_register("parquet", load_embeddings);
    ids_register("parquet", load_ids);
}
