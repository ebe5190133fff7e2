#include "pipeline/inspect_prefix.h"

#include "base/file.h"
#include "base/memory.h"
#include "formats/ids_file.h"
#include "formats/ids_index.h"
#include "table/item_codes.h"
#include "table/item_texts.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LEVELS = 64, CODE_TEXT_BYTES = 16 * MAX_LEVELS, TITLES_AT_ONCE = 4096 };

typedef struct listing {
    const inspect_params *p;
    const semid_codes *codes;
    int32_t prefix[MAX_LEVELS];
    size_t n_prefix;
    size_t *rows; /* [n_rows] those under the prefix, by code and then by row */
    size_t n_rows, n_codes;
    ids row_ids;      /* of all rows; empty: row numbers */
    ids shown_ids;    /* of the rows that are listed */
    ids title_texts;  /* in the order they were found */
    size_t *title_of; /* [n_shown] number in title_texts + 1, 0 where there is none */
} listing;

/* ---- the prefix ---- */

static semid_status parse_prefix(listing *l, size_t n_codewords, semid_error *err) {
    const char *text = l->p->prefix;
    do {
        char *end;
        long code = strtol(text, &end, 10);
        if (end == text || (*end && *end != '-') || l->n_prefix == l->codes->n_levels)
            FAIL(SEMID_ERR_USAGE, "--prefix: expected 1 to %zu codes such as 12-203, found \"%s\"",
                 l->codes->n_levels, l->p->prefix);
        if (code < 0 || (size_t)code >= n_codewords)
            FAIL(SEMID_ERR_USAGE, "--prefix: expected codes from 0 to %zu, found %ld",
                 n_codewords - 1, code);
        l->prefix[l->n_prefix++] = (int32_t)code;
        text = end + (*end == '-');
        if (*end && !*text)
            FAIL(SEMID_ERR_USAGE, "--prefix: expected a code after the last dash of \"%s\"",
                 l->p->prefix);
    } while (*text);
    return SEMID_OK;
}

static const int32_t *code_of(const listing *l, size_t row) {
    return l->codes->data + row * l->codes->n_levels;
}

static int compare_rows(const void *a, const void *b, void *user) {
    const listing *l = user;
    size_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    for (size_t i = 0; i < l->codes->n_levels; i++) {
        int32_t p = code_of(l, x)[i], q = code_of(l, y)[i];
        if (p != q) return p < q ? -1 : 1;
    }
    return (x > y) - (x < y);
}

static semid_status find_rows(listing *l, semid_error *err) {
    TRY(mem_alloc(&l->rows, l->codes->n_rows, sizeof *l->rows, err));
    for (size_t row = 0; row < l->codes->n_rows; row++)
        if (memcmp(code_of(l, row), l->prefix, l->n_prefix * sizeof(int32_t)) == 0)
            l->rows[l->n_rows++] = row;
    qsort_r(l->rows, l->n_rows, sizeof *l->rows, compare_rows, l);
    for (size_t i = 0; i < l->n_rows; i++)
        l->n_codes += i == 0 || memcmp(code_of(l, l->rows[i]), code_of(l, l->rows[i - 1]),
                                       l->codes->n_levels * sizeof(int32_t)) != 0;
    return SEMID_OK;
}

static size_t n_shown(const listing *l) {
    return l->n_rows < (size_t)l->p->limit ? l->n_rows : (size_t)l->p->limit;
}

/* ---- ids ---- */

static semid_status load_ids(listing *l, semid_error *err) {
    semid_status status = SEMID_OK;
    char *table = NULL;
    semid_codes codes = {0};
    TRY(path_join(&table, l->p->dir, "items.parquet", err));
    const char *from = l->p->ids ? l->p->ids : table;
    if (l->p->ids)
        TRY_GOTO(ids_load(&l->row_ids, l->p->ids, err));
    else if (path_exists(table))
        TRY_GOTO(item_codes_load(&l->row_ids, &codes, table, l->p->id_col, err));
    else
        goto done;
    if (l->row_ids.n_ids != l->codes->n_rows)
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected %zu ids as there are codes, found %zu", from,
                  l->codes->n_rows, l->row_ids.n_ids);
done:
    semid_codes_release(&codes);
    mem_free(table);
    return status;
}

static semid_status name_rows(listing *l, semid_error *err) {
    for (size_t i = 0; i < n_shown(l); i++) {
        char number[24];
        size_t n_bytes;
        const char *id = number;
        if (l->row_ids.n_ids > 0)
            id = ids_get(&l->row_ids, l->rows[i], &n_bytes);
        else
            n_bytes = (size_t)snprintf(number, sizeof number, "%zu", l->rows[i]);
        TRY(ids_append(&l->shown_ids, id, n_bytes, err));
    }
    return SEMID_OK;
}

/* ---- titles ---- */

static semid_status match_titles(listing *l, item_texts *texts, const ids_index *shown,
                                 semid_error *err) {
    semid_status status = SEMID_OK;
    ids all = {0}, block = {0};
    TRY_GOTO(item_texts_ids(texts, &all, err));
    for (size_t row = 0; row < all.n_ids; row += block.n_ids) {
        TRY_GOTO(item_texts_next(texts, TITLES_AT_ONCE, &block, err));
        if (block.n_ids == 0) break;
        for (size_t i = 0; i < block.n_ids; i++) {
            size_t n_id, n_title;
            const char *id = ids_get(&all, row + i, &n_id);
            const char *title = ids_get(&block, i, &n_title);
            size_t at = ids_index_find(shown, id, n_id);
            if (at == IDS_NOT_FOUND) continue;
            TRY_GOTO(ids_append(&l->title_texts, title, n_title, err));
            l->title_of[at] = l->title_texts.n_ids;
        }
    }
done:
    ids_release(&all);
    ids_release(&block);
    return status;
}

static semid_status load_titles(listing *l, semid_error *err) {
    semid_status status = SEMID_OK;
    item_texts *texts = NULL;
    ids_index shown = {0};
    char *column = (char *)(uintptr_t)l->p->title_col;
    TRY(mem_calloc(&l->title_of, n_shown(l), sizeof *l->title_of, err));
    if (!l->p->items || n_shown(l) == 0) return SEMID_OK;
    item_texts_params params = {.data = l->p->items,
                                .id_col = l->p->id_col,
                                .ts_col = "timestamp",
                                .text_cols = {&column, 1}};
    TRY_GOTO(ids_index_init(&shown, &l->shown_ids, err));
    TRY_GOTO(item_texts_open(&texts, &params, err));
    TRY_GOTO(match_titles(l, texts, &shown, err));
done:
    ids_index_release(&shown);
    item_texts_close(texts);
    return status;
}

/* ---- report ---- */

static void write_code(char *text, const int32_t *code, size_t n) {
    for (size_t i = 0; i < n; i++) text += sprintf(text, "%s%d", i ? "-" : "", code[i]);
}

static semid_status report_items(const listing *l, json_t *report, semid_error *err) {
    json_t *items = json_array();
    int failed = !items;
    for (size_t i = 0; i < n_shown(l); i++) {
        char code[CODE_TEXT_BYTES];
        write_code(code, code_of(l, l->rows[i]), l->codes->n_levels);
        size_t title = l->title_of[i];
        json_t *item =
            json_pack("{s:s, s:s, s:s?}", "code", code, "item_id", ids_get(&l->shown_ids, i, NULL),
                      "title", title ? ids_get(&l->title_texts, title - 1, NULL) : NULL);
        failed |= json_array_append_new(items, item);
    }
    json_t *prefix =
        json_pack("{s:s, s:I, s:I, s:o}", "prefix", l->p->prefix, "n_items", (json_int_t)l->n_rows,
                  "n_codes", (json_int_t)l->n_codes, "items", items);
    failed |= json_object_set_new(report, "prefix", prefix);
    if (failed) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the items of the prefix");
    return SEMID_OK;
}

semid_status inspect_prefix(json_t *report, const inspect_params *params, const semid_codes *codes,
                            size_t n_codewords, semid_error *err) {
    semid_status status = SEMID_OK;
    listing l = {.p = params, .codes = codes};
    if (codes->n_levels > MAX_LEVELS)
        FAIL(SEMID_ERR_UNSUPPORTED, "expected at most %d levels, found %zu", MAX_LEVELS,
             codes->n_levels);
    TRY_GOTO(parse_prefix(&l, n_codewords, err));
    TRY_GOTO(find_rows(&l, err));
    TRY_GOTO(load_ids(&l, err));
    TRY_GOTO(name_rows(&l, err));
    TRY_GOTO(load_titles(&l, err));
    TRY_GOTO(report_items(&l, report, err));
done:
    mem_free(l.rows);
    mem_free(l.title_of);
    ids_release(&l.row_ids);
    ids_release(&l.shown_ids);
    ids_release(&l.title_texts);
    return status;
}
