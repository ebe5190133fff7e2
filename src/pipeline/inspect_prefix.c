#include "pipeline/inspect_prefix.h"

#include "base/file.h"
#include "base/json_report.h"
#include "base/memory.h"
#include "formats/ids_file.h"
#include "formats/ids_index.h"
#include "table/item_codes.h"
#include "table/item_texts.h"

#include <stdlib.h>
#include <string.h>

/* Rows under the prefix are found by comparing all codes, which takes milliseconds for a million of
 * them, and sorted, so that items of one code stand together. Only those that are listed get an id
 * and a title; titles come from a table in an order of its own, so the ids wanted are put into an
 * index and the table is read past it once. */

enum { TITLES_AT_ONCE = 4096 };

typedef struct listing {
    const prefix_params *p;
    const semid_codes *codes;
    int32_t prefix[SEMID_CODE_MAX_LEVELS];
    size_t n_prefix;
    size_t *rows; /* [n_rows] those under the prefix, by code and then by row */
    size_t n_rows, n_codes, n_listed;
    ids listed_ids;   /* [n_listed] */
    ids titles;       /* in the order in which they were found */
    size_t *title_of; /* [n_listed] number in `titles` + 1; 0: none */
} listing;

/* ---- rows under the prefix ---- */

static const int32_t *code_of(const listing *l, size_t row) {
    return l->codes->data + row * l->codes->n_levels;
}

static int compare_codes(const listing *l, size_t x, size_t y) {
    for (size_t i = 0; i < l->codes->n_levels; i++) {
        int32_t p = code_of(l, x)[i], q = code_of(l, y)[i];
        if (p != q) return p < q ? -1 : 1;
    }
    return 0;
}

static int by_code_and_row(const void *a, const void *b, void *user) {
    size_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    int order = compare_codes(user, x, y);
    return order != 0 ? order : (x > y) - (x < y);
}

/* ---- ids and titles ---- */

/* Of the listed rows: ids of the file that was named, of the method's own table, or row numbers. */
static semid_status name_rows(listing *l, semid_error *err) {
    semid_status status = SEMID_OK;
    char *table = NULL;
    semid_codes unused = {0};
    ids all = {0};
    TRY(path_join(&table, l->p->dir, "items.parquet", err));

    const char *from = l->p->ids ? l->p->ids : path_exists(table) ? table : NULL;
    if (l->p->ids)
        TRY_GOTO(ids_load(&all, from, err));
    else if (from)
        TRY_GOTO(item_codes_load(&all, &unused, from, l->p->id_col, err));
    if (from && all.n_ids != l->codes->n_rows)
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected %zu ids as there are codes, found %zu", from,
                  l->codes->n_rows, all.n_ids);

    for (size_t i = 0; i < l->n_listed; i++) {
        char number[24]; /* stands for the id where there are none */
        size_t n_bytes = (size_t)snprintf(number, sizeof number, "%zu", l->rows[i]);
        const char *id = from ? ids_get(&all, l->rows[i], &n_bytes) : number;
        TRY_GOTO(ids_append(&l->listed_ids, id, n_bytes, err));
    }
done:
    semid_codes_release(&unused);
    ids_release(&all);
    mem_free(table);
    return status;
}

static semid_status find_titles(listing *l, semid_error *err) {
    semid_status status = SEMID_OK;
    item_texts *texts = NULL;
    ids all = {0}, block = {0};
    ids_index listed = {0};
    char *column = (char *)(uintptr_t)l->p->title_col;
    item_texts_params params = {.data = l->p->items,
                                .id_col = l->p->id_col,
                                .ts_col = "timestamp",
                                .text_cols = {&column, 1}};
    TRY(mem_calloc(&l->title_of, l->n_listed, sizeof *l->title_of, err));
    if (!l->p->items || l->n_listed == 0) return SEMID_OK;
    TRY_GOTO(ids_index_init(&listed, &l->listed_ids, err));
    TRY_GOTO(item_texts_open(&texts, &params, err));

    TRY_GOTO(item_texts_ids(texts, &all, err));
    for (size_t row = 0; row < all.n_ids; row += block.n_ids) {
        TRY_GOTO(item_texts_next(texts, TITLES_AT_ONCE, &block, err));
        if (block.n_ids == 0) break;

        for (size_t i = 0; i < block.n_ids; i++) {
            size_t n_id, n_title;
            const char *id = ids_get(&all, row + i, &n_id);
            const char *title = ids_get(&block, i, &n_title);
            /* a table may hold more items than have codes */
            size_t at = ids_index_find(&listed, id, n_id);
            if (at == IDS_NOT_FOUND) continue;
            TRY_GOTO(ids_append(&l->titles, title, n_title, err));
            l->title_of[at] = l->titles.n_ids;
        }
    }
done:
    ids_release(&all);
    ids_release(&block);
    ids_index_release(&listed);
    item_texts_close(texts);
    return status;
}

/* ---- report ---- */

semid_status inspect_prefix(json_t *report, const prefix_params *params, const semid_codes *codes,
                            size_t n_codewords, semid_error *err) {
    semid_status status = SEMID_OK;
    listing l = {.p = params, .codes = codes};
    if (codes->n_levels > SEMID_CODE_MAX_LEVELS)
        FAIL(SEMID_ERR_UNSUPPORTED, "expected at most %d levels, found %zu", SEMID_CODE_MAX_LEVELS,
             codes->n_levels);

    if (semid_code_parse(params->prefix, l.prefix, codes->n_levels, &l.n_prefix, NULL) != SEMID_OK)
        FAIL(STATUS_USAGE, "--prefix: expected 1 to %zu codes such as 12-203, found \"%s\"",
             codes->n_levels, params->prefix);
    for (size_t i = 0; i < l.n_prefix; i++)
        if ((size_t)l.prefix[i] >= n_codewords)
            FAIL(STATUS_USAGE, "--prefix: expected codes from 0 to %zu, found %d", n_codewords - 1,
                 l.prefix[i]);

    TRY_GOTO(mem_alloc(&l.rows, codes->n_rows, sizeof *l.rows, err));
    for (size_t row = 0; row < codes->n_rows; row++)
        if (memcmp(code_of(&l, row), l.prefix, l.n_prefix * sizeof(int32_t)) == 0)
            l.rows[l.n_rows++] = row;
    qsort_r(l.rows, l.n_rows, sizeof *l.rows, by_code_and_row, &l);
    for (size_t i = 0; i < l.n_rows; i++)
        l.n_codes += i == 0 || compare_codes(&l, l.rows[i], l.rows[i - 1]) != 0;
    l.n_listed = l.n_rows < params->limit ? l.n_rows : params->limit;

    TRY_GOTO(name_rows(&l, err));
    TRY_GOTO(find_titles(&l, err));

    json_t *items = json_array();
    TRY_GOTO(
        json_set(report, "prefix",
                 json_pack("{s:s, s:I, s:I, s:o}", "prefix", params->prefix, "n_items",
                           (json_int_t)l.n_rows, "n_codes", (json_int_t)l.n_codes, "items", items),
                 err));
    for (size_t i = 0; i < l.n_listed; i++) {
        char text[SEMID_CODE_TEXT_BYTES];
        semid_code_format(code_of(&l, l.rows[i]), codes->n_levels, text, sizeof text);

        size_t title = l.title_of[i];
        TRY_GOTO(json_append(items,
                             json_pack("{s:s, s:s, s:s?}", "code", text, "item_id",
                                       ids_get(&l.listed_ids, i, NULL), "title",
                                       title ? ids_get(&l.titles, title - 1, NULL) : NULL),
                             err));
    }
done:
    mem_free(l.rows);
    mem_free(l.title_of);
    ids_release(&l.listed_ids);
    ids_release(&l.titles);
    return status;
}
