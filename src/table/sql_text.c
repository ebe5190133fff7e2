#include "base/memory.h"
#include "base/path_list.h"
#include "table/sql.h"

#include <stdarg.h>
#include <string.h>

/* Statements are composed as text; values and names are quoted here and nowhere else, by doubling
 * the quotes inside, which is all that SQL needs. There are no prepared parameters, since most of
 * what varies is a name of a column or file, which SQL does not accept as a parameter. */

static char *reserve(sql_text *sql, size_t n_more) {
    if (sql->failed ||
        mem_reserve(&sql->text, &sql->capacity, sql->n_bytes + n_more + 1, 1, NULL) != SEMID_OK) {
        sql->failed = true;
        return NULL;
    }
    return sql->text + sql->n_bytes;
}

void sql_add(sql_text *sql, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    char *at = n < 0 ? NULL : reserve(sql, (size_t)n);
    if (!at) return; /* noted as failed */

    va_start(args, fmt);
    vsnprintf(at, (size_t)n + 1, fmt, args);
    va_end(args);
    sql->n_bytes += (size_t)n;
}

/* s between quotes, with those inside it doubled. */
static void add_quoted(sql_text *sql, const char *s, char quote) {
    char *at = reserve(sql, 2 * strlen(s) + 2);
    if (!at) return;
    *at++ = quote;
    for (; *s; s++) {
        if (*s == quote) *at++ = quote;
        *at++ = *s;
    }
    *at++ = quote;
    *at = '\0';
    sql->n_bytes = (size_t)(at - sql->text);
}

void sql_add_string(sql_text *sql, const char *value) {
    add_quoted(sql, value, '\'');
}

void sql_add_name(sql_text *sql, const char *name) {
    add_quoted(sql, name, '"');
}

void sql_add_paths(sql_text *sql, const path_list *files) {
    for (size_t i = 0; i < files->n_paths; i++) {
        sql_add(sql, i ? "," : "[");
        sql_add_string(sql, files->paths[i]);
    }
    sql_add(sql, "]");
}

void sql_add_parquet(sql_text *sql, const char *path) {
    sql_add(sql, "read_parquet(");
    sql_add_string(sql, path);
    sql_add(sql, ")");
}

void sql_text_release(sql_text *sql) {
    mem_free(sql->text);
    *sql = (sql_text){0};
}
