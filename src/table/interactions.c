#include "table/interactions.h"

#include "base/memory.h"
#include "table/interner.h"
#include "table/sql.h"

#include <string.h>

/* Ids of users and items become numbers while the files are read, so that histories are arrays of
 * integers (16 bytes per interaction) and each id is stored once. Numbers follow the order of first
 * appearance in train, valid, test; rows keep the order of their file, which breaks ties of
 * timestamps later. Timestamps are integers or TIMESTAMP columns, which become milliseconds. */

typedef struct interaction_loader {
    interaction_set *set;
    interner users, items;
    int file; /* the index and path of the file being read */
    const char *path;
    size_t capacity; /* of its rows */
} interaction_loader;

static semid_status number_of(interner *names, const sql_column *c, size_t row, uint32_t *out,
                              semid_error *err) {
    size_t n;
    const char *s = sql_string(c, row, &n);
    return interner_number(names, s, n, out, err);
}

static semid_status add_chunk(void *user_data, const sql_rows *rows, semid_error *err) {
    interaction_loader *l = user_data;
    interaction_set *set = l->set;
    size_t *n = &set->n_rows[l->file];
    sql_column user = sql_rows_column(rows, 0), item = sql_rows_column(rows, 1),
               timestamp = sql_rows_column(rows, 2);

    TRY(mem_reserve(&set->rows[l->file], &l->capacity, *n + rows->n_rows, sizeof(interaction),
                    err));
    for (size_t i = 0; i < rows->n_rows; i++) {
        if (sql_is_null(&user, i) || sql_is_null(&item, i) || sql_is_null(&timestamp, i))
            FAIL(SEMID_ERR_DATA, "%s: row %zu has no user_id, item_id or timestamp", l->path, *n);

        interaction *row = &set->rows[l->file][*n];
        TRY(number_of(&l->users, &user, i, &row->user, err));
        TRY(number_of(&l->items, &item, i, &row->item, err));
        row->timestamp = sql_int64(&timestamp, i);
        ++*n;
    }
    return SEMID_OK;
}

static semid_status load_file(interaction_loader *l, sql_db *db, semid_error *err) {
    static const char *const columns[] = {"user_id", "item_id", "timestamp"};
    sql_text relation = {0}, sql = {0};
    sql_schema schema = {0};
    semid_status status = SEMID_OK;
    TRY(file_check_readable(l->path, err));

    sql_add_parquet(&relation, l->path);
    TRY_GOTO(sql_describe(&schema, db, &relation, err));
    for (int i = 0; i < 3; i++) TRY_GOTO(sql_schema_require(&schema, columns[i], l->path, err));

    bool is_time = strncmp(sql_schema_type(&schema, "timestamp"), "TIMESTAMP", 9) == 0;
    sql_add(&sql, "SELECT user_id::VARCHAR, item_id::VARCHAR, %s FROM ",
            is_time ? "epoch_ms(timestamp)" : "timestamp::BIGINT");
    sql_add_parquet(&sql, l->path);
    TRY_GOTO(sql_each_chunk(db, &sql, add_chunk, l, err));
done:
    sql_schema_release(&schema);
    return status == SEMID_OK ? status : sql_error_in(l->path, err);
}

semid_status interactions_load(interaction_set *out, const char *const files[3], semid_error *err) {
    interaction_set set = {0};
    interaction_loader loader = {.set = &set};
    sql_db db = {0};
    semid_status status = SEMID_OK;

    TRY_GOTO(sql_open(&db, 0, NULL, err));
    TRY_GOTO(interner_init(&loader.users, &set.users, err));
    TRY_GOTO(interner_init(&loader.items, &set.items, err));
    for (int i = 0; i < 3; i++) {
        if (!files[i]) continue;
        loader.file = i;
        loader.path = files[i];
        loader.capacity = 0;
        TRY_GOTO(load_file(&loader, &db, err));
    }
    *out = set;
done:
    interner_release(&loader.users);
    interner_release(&loader.items);
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
