#include "table/interactions.h"

#include "base/memory.h"
#include "table/interner.h"
#include "table/sql.h"

#include <string.h>

typedef struct reader {
    interaction_set *set;
    interner users, items;
    int file;         /* of the three, and its path */
    const char *path; /* while it is read */
    size_t capacity;
} reader;

static semid_status number_of(interner *names, const sql_column *c, size_t row, uint32_t *out,
                              semid_error *err) {
    size_t n;
    const char *s = sql_string(c, row, &n);
    return interner_number(names, s, n, out, err);
}

static semid_status add_chunk(void *user_data, const sql_rows *rows, semid_error *err) {
    reader *r = user_data;
    interaction_set *set = r->set;
    size_t *n = &set->n_rows[r->file];
    TRY(mem_reserve(&set->rows[r->file], &r->capacity, *n + rows->n_rows, sizeof(interaction),
                    err));
    sql_column user = sql_rows_column(rows, 0), item = sql_rows_column(rows, 1),
               timestamp = sql_rows_column(rows, 2);
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (sql_is_null(&user, i) || sql_is_null(&item, i) || sql_is_null(&timestamp, i))
            FAIL(SEMID_ERR_DATA, "%s: row %zu has no user_id, item_id or timestamp", r->path, *n);
        interaction *row = &set->rows[r->file][*n];
        TRY(number_of(&r->users, &user, i, &row->user, err));
        TRY(number_of(&r->items, &item, i, &row->item, err));
        row->timestamp = sql_int64(&timestamp, i);
        ++*n;
    }
    return SEMID_OK;
}

static semid_status select_columns(sql_text *sql, sql_db *db, const char *path, semid_error *err) {
    sql_text source = {0};
    sql_schema schema = {0};
    semid_status status = SEMID_OK;
    sql_add_parquet(&source, path);
    TRY_GOTO(sql_describe(&schema, db, &source, err));
    TRY_GOTO(sql_schema_require(&schema, "user_id", path, err));
    TRY_GOTO(sql_schema_require(&schema, "item_id", path, err));
    TRY_GOTO(sql_schema_require(&schema, "timestamp", path, err));
    bool is_time = strncmp(sql_schema_type(&schema, "timestamp"), "TIMESTAMP", 9) == 0;
    sql_add(sql, "SELECT user_id::VARCHAR, item_id::VARCHAR, %s FROM ",
            is_time ? "epoch_ms(timestamp)" : "timestamp::BIGINT");
    sql_add_parquet(sql, path);
done:
    sql_schema_release(&schema);
    return status;
}

static semid_status load_file(reader *r, sql_db *db, int file, const char *path, semid_error *err) {
    sql_text sql = {0};
    r->file = file;
    r->path = path;
    r->capacity = 0;
    TRY(file_check_readable(path, err));
    semid_status status = select_columns(&sql, db, path, err);
    if (status == SEMID_OK) status = sql_each_chunk(db, &sql, add_chunk, r, err);
    return status == SEMID_OK ? status : sql_error_in(path, err);
}

semid_status interactions_load(interaction_set *out, const char *const files[3], semid_error *err) {
    interaction_set set = {0};
    reader r = {.set = &set};
    sql_db db = {0};
    semid_status status = SEMID_OK;
    TRY_GOTO(sql_open(&db, 0, NULL, err));
    TRY_GOTO(interner_init(&r.users, &set.users, err));
    TRY_GOTO(interner_init(&r.items, &set.items, err));
    for (int i = 0; i < 3; i++)
        if (files[i]) TRY_GOTO(load_file(&r, &db, i, files[i], err));
    *out = set;
done:
    interner_release(&r.users);
    interner_release(&r.items);
    if (status != SEMID_OK) interactions_release(&set);
    sql_close(&db);
    return status;
}

void interactions_release(interaction_set *set) {
    ids_release(&set->users);
    ids_release(&set->items);
    for (int i = 0; i < 3; i++) mem_free(set->rows[i]);
    *set = (interaction_set){0};
}
