#include "pipeline/eval_report.h"

#include "base/json_report.h"
#include "base/memory.h"
#include "semid/codes.h"

#include <stdlib.h>
#include <string.h>

/* Each row of the table is a JSON object whose keys are the columns, in their order: the CSV file
 * is written from it, so that both always say the same. The columns of the reference pipeline come
 * first, with its names, then ours. */

/* ---- JSON ---- */

/* Columns are many: failures are remembered, and looked at once at the end. */
typedef struct row_writer {
    json_t *row;
    int failed;
} row_writer;

static void put(row_writer *w, const char *key, json_t *value) {
    w->failed |= json_object_set_new(w->row, key, value) != 0;
}

static void put_count(row_writer *w, const char *key, size_t n) {
    put(w, key, json_integer((json_int_t)n));
}

static semid_status finish_row(row_writer *w, json_t **out, semid_error *err) {
    if (!w->failed) return json_made(out, w->row, err);
    json_decref(w->row);
    return json_made(out, NULL, err);
}

/* "Recall@10<suffix>" for each k; null in place of figures of no rows. */
static void put_at_k(row_writer *w, const char *name, const eval_topk *topk, const double *values,
                     size_t n_rows, const char *suffix) {
    char key[64];
    for (size_t i = 0; i < topk->n; i++) {
        snprintf(key, sizeof key, "%s@%u%s", name, topk->k[i], suffix);
        put(w, key, n_rows > 0 ? json_real(values[i]) : json_null());
    }
}

static double milliseconds_each(double seconds, size_t n) {
    return 1e3 * seconds / (double)n;
}

semid_status eval_method_json(json_t **out, const char *name, const protocol *p,
                              const method_result *r, const eval_topk *topk, uint64_t index_bytes,
                              const char *query_space, semid_error *err) {
    static const char *const expansions[] = {"exact", "hamming1", "prefix", "neighbors", "beam"};
    row_writer w = {.row = json_object()};
    uint32_t *n_cand;
    TRY(mem_alloc(&n_cand, r->n_rows, sizeof *n_cand, err)); /* which the summary sorts */
    memcpy(n_cand, r->n_cand, r->n_rows * sizeof *n_cand);
    size_summary sizes = metrics_of_sizes(n_cand, r->n_rows);
    mem_free(n_cand);

    metrics m = metrics_of_ranks(r->ranks, NULL, r->n_rows, topk->k, topk->n);
    metrics answered = metrics_of_ranks(r->ranks, r->empty, r->n_rows, topk->k, topk->n);
    metrics ceiling = metrics_of_ranks(p->ceiling, NULL, r->n_rows, topk->k, topk->n);
    size_t n_all = p->rows->n + p->rows->n_cold;

    /* the reference's columns */
    put(&w, "method", json_string(name));
    put_at_k(&w, "Recall", topk, m.recall, m.n_rows, "");
    put_at_k(&w, "NDCG", topk, m.ndcg, m.n_rows, "");
    put_count(&w, "evaluated", p->rows->n);
    put_count(&w, "cold_start_skipped", p->rows->n_cold);
    put(&w, "avg_cand_size", json_real(sizes.mean));
    put_count(&w, "expand_rq_M", p->params.rq_neighbors);
    put_count(&w, "expand_vq_T", p->params.vq_neighbors);

    /* candidates, and how far the ranking could get */
    put(&w, "MRR", json_real(m.mrr));
    put(&w, "cold_start_share", json_real((double)p->rows->n_cold / (double)n_all));
    put(&w, "median_cand_size", json_real(sizes.median));
    put(&w, "p99_cand_size", json_real(sizes.p99));
    put_count(&w, "empty_candidates", r->n_empty);
    put_count(&w, "fallback_rows", p->params.skip_empty ? 0 : r->n_empty);
    put_at_k(&w, "Recall", topk, answered.recall, r->n_rows - r->n_empty, "_without_fallback");
    put_at_k(&w, "ceiling_Recall", topk, ceiling.recall, ceiling.n_rows, "");
    put_at_k(&w, "ceiling_NDCG", topk, ceiling.ndcg, ceiling.n_rows, "");
    put(&w, "ceiling_MRR", json_real(ceiling.mrr));

    /* how it was done */
    put(&w, "expand", json_string(expansions[p->params.expand.kind]));
    put_count(&w, "unindexed_items", r->n_unindexed);
    put(&w, "query_space", json_string(query_space));
    put(&w, "index_bytes", json_integer((json_int_t)index_bytes));
    put(&w, "ms_per_query", json_real(milliseconds_each(r->seconds, r->n_rows)));
    put(&w, "ceiling_ms_per_query", json_real(milliseconds_each(p->ceiling_seconds, r->n_rows)));
    return finish_row(&w, out, err);
}

semid_status eval_ceiling_json(json_t **out, const protocol *p, const eval_topk *topk,
                               semid_error *err) {
    row_writer w = {.row = json_object()};
    metrics m = metrics_of_ranks(p->ceiling, NULL, p->rows->n, topk->k, topk->n);
    put_at_k(&w, "Recall", topk, m.recall, m.n_rows, "");
    put_at_k(&w, "NDCG", topk, m.ndcg, m.n_rows, "");
    put(&w, "MRR", json_real(m.mrr));
    put(&w, "ms_per_query", json_real(milliseconds_each(p->ceiling_seconds, p->rows->n)));
    return finish_row(&w, out, err);
}

/* ---- CSV (RFC 4180, with \n) ---- */

static void write_text(FILE *f, const char *s) {
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, f);
        return;
    }

    fputc('"', f);
    for (; *s; s++) {
        if (*s == '"') fputc('"', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

static void write_value(FILE *f, const json_t *value) {
    if (json_is_string(value)) write_text(f, json_string_value(value));
    if (json_is_integer(value)) fprintf(f, "%lld", (long long)json_integer_value(value));
    if (!json_is_real(value)) return;

    /* the fewest digits that read back as the same number */
    char text[32];
    double real = json_real_value(value);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, real);
        if (strtod(text, NULL) == real) break;
    }
    fputs(text, f);
}

static void write_row(FILE *f, const json_t *row, bool header) {
    const char *key, *comma = "";
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, key, value) {
        fputs(comma, f);
        comma = ",";
        if (header)
            write_text(f, key);
        else
            write_value(f, value);
    }
    fputc('\n', f);
}

semid_status eval_table_save(const json_t *rows, const char *path, semid_error *err) {
    file_out f;
    TRY(file_out_open(&f, path, err));
    write_row(f.stream, json_array_get(rows, 0), true);
    for (size_t i = 0; i < json_array_size(rows); i++)
        write_row(f.stream, json_array_get(rows, i), false);
    semid_status status = file_out_commit(&f, err);
    file_out_release(&f);
    return status;
}

void eval_rows_begin(file_out *f) {
    fputs("method,user,item,query_code,n_cand,rank\n", f->stream);
}

void eval_rows_write(file_out *f, const char *method, const protocol *p, const method_result *r,
                     const ids *users) {
    for (size_t i = 0; i < r->n_rows; i++) {
        write_text(f->stream, method);
        fputc(',', f->stream);
        write_text(f->stream, ids_get(users, p->rows->users[i], NULL));
        fputc(',', f->stream);
        write_text(f->stream, ids_get(&p->items->list, p->rows->targets[i], NULL));

        char code[SEMID_CODE_TEXT_BYTES];
        semid_code_format(r->codes + i * r->n_levels, r->n_levels, code, sizeof code);
        fprintf(f->stream, ",%s,%u,", code, r->n_cand[i]);
        /* ranks count from 1 for readers, from 0 in the program */
        if (r->ranks[i] != RANK_NONE) fprintf(f->stream, "%u", r->ranks[i] + 1);
        fputc('\n', f->stream);
    }
}
