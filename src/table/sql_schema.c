#include "base/memory.h"
#include "table/sql.h"

#include <string.h>

/* The columns of any relation, by DESCRIBE: the same for Parquet, CSV and JSON, and it reads no
 * more of a file than DuckDB's binder does. Names compare by case, unlike in SQL, because the
 * columns of a file are given by name in options. */

static semid_status copy_cell(char **out, const sql_column *c, size_t row, semid_error *err) {
    size_t n;
    const char *s = sql_string(c, row, &n);
    return mem_format(out, err, "%.*s", (int)n, s);
}

typedef struct schema_reader {
    sql_schema schema;
    size_t capacity;
} schema_reader;

static semid_status add_chunk(void *user, const sql_rows *rows, semid_error *err) {
    schema_reader *r = user;
    sql_schema *schema = &r->schema;
    sql_column name = sql_rows_column(rows, 0), type = sql_rows_column(rows, 1);

    for (size_t i = 0; i < rows->n_rows; i++) {
        size_t n = schema->n_columns, name_capacity = r->capacity;
        TRY(mem_reserve(&schema->names, &name_capacity, n + 1, sizeof(char *), err));
        TRY(mem_reserve(&schema->types, &r->capacity, n + 1, sizeof(char *), err));
        TRY(copy_cell(&schema->names[n], &name, i, err));
        schema->types[n] = NULL; /* so that a failure leaves a schema that can be released */
        schema->n_columns++;
        TRY(copy_cell(&schema->types[n], &type, i, err));
    }
    return SEMID_OK;
}

semid_status sql_describe(sql_schema *out, sql_db *db, sql_text *relation, semid_error *err) {
    sql_text sql = {.failed = relation->failed};
    sql_add(&sql, "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM %s)",
            relation->text ? relation->text : "");
    sql_text_release(relation);
    schema_reader r = {0};
    semid_status status = sql_each_chunk(db, &sql, add_chunk, &r, err);
    if (status == SEMID_OK)
        *out = r.schema;
    else
        sql_schema_release(&r.schema);
    return status;
}

const char *sql_schema_type(const sql_schema *schema, const char *name) {
    for (size_t i = 0; i < schema->n_columns; i++)
        if (strcmp(schema->names[i], name) == 0) return schema->types[i];
    return NULL;
}

semid_status sql_schema_require(const sql_schema *schema, const char *name, const char *file,
                                semid_error *err) {
    if (sql_schema_type(schema, name)) return SEMID_OK;
    char found[512] = "";
    for (size_t i = 0; i < schema->n_columns; i++) {
        size_t n = strlen(found);
        snprintf(found + n, sizeof found - n, "%s%s", i ? ", " : "", schema->names[i]);
    }
    FAIL(SEMID_ERR_FORMAT, "%s: no column %s; found %s", file, name, found);
}

void sql_schema_release(sql_schema *schema) {
    for (size_t i = 0; i < schema->n_columns; i++) {
        mem_free(schema->names[i]);
        mem_free(schema->types[i]);
    }
    mem_free(schema->names);
    mem_free(schema->types);
    *schema = (sql_schema){0};
}
