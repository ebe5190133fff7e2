#include "pipeline/eval.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"
#include "eval/protocol.h"
#include "formats/ids_index.h"
#include "pipeline/eval_report.h"
#include "pipeline/output_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One protocol for all methods: the same test rows, histories and ranking vectors, so that figures
 * of methods can be compared. All inputs are opened and checked before the first method runs, since
 * a method may run for an hour; the ceiling, which searches the whole catalogue, is computed once.
 *
 * A method is a folder in outputs_dir with what train and build-inverted wrote; metrics.json there
 * says whether it was trained on vectors of unit length, which decides what the queries are. */

typedef struct method_files {
    const char *name;
    char *folder, *codebook_path, *index_path, *metrics_path;
    semid_codebook *codebook;
    semid_model *model; /* beside it, or NULL */
    semid_inverted *index;
    bool unit_space;
    char *query_space; /* for the report: which it is, and how that is known */
} method_files;

typedef struct evaluation {
    const eval_params *p;
    eval_topk topk;
    protocol_params protocol_params;
    method_files *methods;
    json_t *layout; /* of the files of items */
    catalogue items;
    interaction_set set;
    histories histories;
    test_rows rows;
    faiss_search faiss;
    float *faiss_vectors; /* with --use-faiss-rerank */
    protocol protocol;
    file_out rows_file;
    json_t *table;
} evaluation;

/* ---- options ---- */

static semid_status parse_topk(eval_topk *out, const string_list *list, semid_error *err) {
    *out = (eval_topk){0};
    if (list->n_items == 0 || list->n_items > METRICS_MAX_TOPK)
        FAIL(STATUS_USAGE, "--topk: expected 1 to %d numbers, found %zu", METRICS_MAX_TOPK,
             list->n_items);

    for (size_t i = 0; i < list->n_items; i++) {
        char *end;
        errno = 0;
        long long k = strtoll(list->items[i], &end, 10);
        if (end == list->items[i] || *end || errno || k < 1 || k > 1000000)
            FAIL(STATUS_USAGE, "--topk: expected numbers from 1 to 1000000, found \"%s\"",
                 list->items[i]);

        for (size_t j = 0; j < i; j++)
            if (out->k[j] == (uint32_t)k)
                FAIL(STATUS_USAGE, "--topk: expected different numbers, found %lld twice", k);
        out->k[out->n++] = (uint32_t)k;
    }
    return SEMID_OK;
}

/* Checks the options, and sets topk and protocol_params from them. */
static semid_status read_options(evaluation *e, semid_error *err) {
    const eval_params *p = e->p;
    char extension[16];
    if (strcmp(path_extension(p->out, extension), "csv") != 0)
        FAIL(STATUS_USAGE, "--out: expected a .csv file, found \"%s\"", p->out);
    if (p->use_faiss_rerank && !p->faiss_index)
        FAIL(STATUS_USAGE, "--use-faiss-rerank: expected --faiss-index FILE as well");
    if (p->faiss_ids && !p->faiss_index)
        FAIL(STATUS_USAGE, "--faiss-ids: expected --faiss-index FILE as well");

    /* a name twice would be two rows of the table that nobody can tell apart */
    for (size_t i = 0; i < p->methods.n_items; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(p->methods.items[i], p->methods.items[j]) == 0)
                FAIL(STATUS_USAGE, "--methods: expected different names, found %s twice",
                     p->methods.items[i]);

    TRY(parse_topk(&e->topk, &p->topk, err));
    e->protocol_params = (protocol_params){
        .profile = (profile_kind)p->profile,
        .last_n = (size_t)p->last_n,
        .expand = {.kind = p->reference ? SEMID_EXPAND_NEIGHBORS : (semid_expand_kind)p->expand,
                   .n_candidates = (size_t)p->candidates,
                   .beam_width = (size_t)p->beam},
        .rq_neighbors = (size_t)p->expand_rq_m,
        .vq_neighbors = (size_t)p->expand_vq_t,
        .skip_empty = !p->reference && p->on_empty == EVAL_ON_EMPTY_SKIP,
        .reference = p->reference,
        .mask_history = p->mask_history};

    /* ranks beyond the largest k count for nothing */
    uint32_t *limit = &e->protocol_params.rank_limit;
    for (size_t i = 0; i < e->topk.n; i++)
        if (e->topk.k[i] > *limit) *limit = e->topk.k[i];
    return SEMID_OK;
}

/* ---- inputs ---- */

/* Files side by side are weighed as the first method was trained; the others must agree. */
static semid_status load_items(evaluation *e, semid_error *err) {
    embeddings *file = NULL;
    char *folder = NULL, *codebooks = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(path_join(&folder, e->p->outputs_dir, e->p->methods.items[0], err));
    TRY_GOTO(path_join(&codebooks, folder, "codebooks.npz", err));
    TRY_GOTO(concat_open(&file, &e->layout, e->p->items_emb, &e->p->concat, codebooks, err));
    TRY_GOTO(catalogue_load(&e->items, file, e->p->items_ids, err));
done:
    mem_free(folder);
    mem_free(codebooks);
    return status;
}

static semid_status load_rows(evaluation *e, uint64_t seed, semid_error *err) {
    semid_status status = SEMID_OK;
    const char *const files[3] = {e->p->train, e->p->valid, e->p->test};
    uint32_t *item_rows = NULL;
    test_sample sample = {
        .max_rows = (size_t)e->p->max_test, .seed = seed, .as_pandas = e->p->reference};

    TRY_GOTO(interactions_load(&e->set, files, err));
    TRY_GOTO(mem_alloc(&item_rows, e->set.items.n_ids, sizeof *item_rows, err));

    /* items of the interactions as rows of the catalogue */
    for (size_t i = 0; i < e->set.items.n_ids; i++) {
        size_t n_bytes;
        const char *id = ids_get(&e->set.items, i, &n_bytes);
        size_t row = ids_index_find(&e->items.index, id, n_bytes);
        item_rows[i] = row == IDS_NOT_FOUND ? ROW_NONE : (uint32_t)row;
    }

    TRY_GOTO(histories_init(&e->histories, &e->set, item_rows, err));
    TRY_GOTO(test_rows_init(&e->rows, &e->set, &e->histories, item_rows, &sample, e->p->test, err));
done:
    mem_free(item_rows);
    return status;
}

static semid_status load_faiss(evaluation *e, semid_error *err) {
    if (!e->p->faiss_index) return SEMID_OK;
    char *ids_path = NULL;
    semid_status status = SEMID_OK;
    const char *index = e->p->faiss_index, *name = path_basename(index);

    /* build-faiss writes the ids beside the index */
    if (e->p->faiss_ids)
        TRY_GOTO(mem_strdup(&ids_path, e->p->faiss_ids, err));
    else
        TRY_GOTO(mem_format(&ids_path, err, "%.*sids.npy", (int)(name - index), index));

    TRY_GOTO(faiss_search_open(&e->faiss, index, ids_path, &e->items, err));
    if (e->p->use_faiss_rerank) TRY_GOTO(faiss_search_vectors(&e->faiss, &e->faiss_vectors, err));
done:
    mem_free(ids_path);
    return status;
}

/* ---- methods ---- */

/* Were the codebooks trained on vectors of unit length? As `train` noted, else as the vectors are.
 */
static semid_status find_space(method_files *m, const catalogue *items, bool reference,
                               semid_error *err) {
    json_t *noted = NULL, *document = NULL;
    if (path_exists(m->metrics_path)) {
        TRY(json_file_load(&document, m->metrics_path, err));
        noted = json_object_get(document, "input_unit_norm");
    }
    bool is_noted = json_is_boolean(noted);
    m->unit_space = is_noted ? json_is_true(noted) : items->rows_are_unit;
    json_decref(document);

    const char *unit = is_noted ? "profile (metrics.json: unit vectors)"
                                : "profile (all vectors are of unit length)";
    const char *raw = is_noted ? "raw mean (metrics.json: raw vectors)"
                               : "raw mean (not all vectors are of unit length)";
    const char *space = reference ? "profile (reference)" : m->unit_space ? unit : raw;
    const char *map = !m->model                                ? ""
                      : semid_model_hidden_count(m->model) > 0 ? ", through the encoder network"
                                                               : ", through its linear map";
    return mem_format(&m->query_space, err, "%s%s", space, map);
}

static method_input input_of(const method_files *m) {
    return (method_input){.codebook = m->codebook,
                          .model = m->model,
                          .index = m->index,
                          .raw_queries = !m->unit_space};
}

static semid_status open_methods(evaluation *e, semid_error *err) {
    size_t n = e->p->methods.n_items;
    TRY(mem_calloc(&e->methods, n, sizeof *e->methods, err));

    for (size_t i = 0; i < n; i++) {
        method_files *m = &e->methods[i];
        m->name = e->p->methods.items[i];
        TRY(path_join(&m->folder, e->p->outputs_dir, m->name, err));
        TRY(path_join(&m->codebook_path, m->folder, "codebooks.npz", err));
        TRY(path_join(&m->index_path, m->folder, "inverted.sid", err));
        TRY(path_join(&m->metrics_path, m->folder, "metrics.json", err));
        if (!path_is_dir(m->folder))
            FAIL(SEMID_ERR_IO, "%s: expected the folder of a method, found %s", m->folder,
                 path_exists(m->folder) ? "a file" : "nothing");

        TRY(semid_codebook_load(NULL, &m->codebook, m->codebook_path, err));
        TRY(semid_model_beside(NULL, &m->model, m->codebook_path, m->codebook, err));
        TRY(concat_check(e->layout, m->codebook_path, err));
        TRY(semid_inverted_open(&m->index, m->index_path, err));
        TRY(find_space(m, &e->items, e->p->reference, err));

        /* does it fit the catalogue, and what is asked of it? */
        method_input input = input_of(m);
        semid_status status = protocol_check(&e->protocol_params, &e->items, &input, err);
        if (status == STATUS_USAGE) error_prefix(err, "--expand");
        if (status != SEMID_OK) return error_prefix(err, "%s", m->folder);
    }
    return SEMID_OK;
}

static semid_status evaluate_method(evaluation *e, const method_files *m, semid_error *err) {
    semid_status status = SEMID_OK;
    method_input input = input_of(m);
    method_result result = {0};
    json_t *row = NULL;

    /* an interruption concerns no method */
    status = protocol_run(&result, &e->protocol, &input, err);
    if (status != SEMID_OK) {
        if (status != SEMID_ERR_INTERRUPTED) error_prefix(err, "%s", m->folder);
        goto done;
    }
    if (result.n_unindexed > 0)
        log_warn("%s: %zu of %zu items are not in it and cannot be found", m->index_path,
                 result.n_unindexed, e->items.n_items);

    TRY_GOTO(eval_method_json(&row, m->name, &e->protocol, &result, &e->topk,
                              file_bytes(m->index_path), m->query_space, err));
    TRY_GOTO(json_append(e->table, row, err));
    if (e->p->rows) eval_rows_write(&e->rows_file, m->name, &e->protocol, &result, &e->set.users);
done:
    method_result_release(&result);
    return status;
}

/* ---- the report ---- */

static semid_status make_report(evaluation *e, json_t **out, semid_error *err) {
    static const char *const profiles[] = {"mean", "last", "lastN"};
    const eval_params *p = e->p;
    json_t *ceiling;
    TRY(eval_ceiling_json(&ceiling, &e->protocol, &e->topk, err));

    return json_made(
        out,
        json_pack(
            "{s:O, s:o, s:I, s:I, s:I, s:I, s:s, s:I, s:s, s:b, s:b, s:s, s:I, s:I, s:I, s:s}",
            "methods", e->table, "ceiling", ceiling, "items", (json_int_t)e->items.n_items,
            "test_rows", (json_int_t)(e->rows.n + e->rows.n_cold), "evaluated",
            (json_int_t)e->rows.n, "cold_start_skipped", (json_int_t)e->rows.n_cold, "profile",
            profiles[p->profile], "lastN", (json_int_t)p->last_n, "on_empty",
            e->protocol.params.skip_empty ? "skip" : "full", "reference", p->reference,
            "mask_history", p->mask_history, "ranked_by",
            p->use_faiss_rerank ? "FAISS" : "inner product", "candidates",
            (json_int_t)p->candidates, "beam", (json_int_t)p->beam, "faiss_index_bytes",
            (json_int_t)(p->faiss_index ? file_bytes(p->faiss_index) : 0), "out", p->out),
        err);
}

static void evaluation_release(evaluation *e) {
    for (size_t i = 0; e->methods && i < e->p->methods.n_items; i++) {
        method_files *m = &e->methods[i];
        semid_codebook_free(m->codebook);
        semid_model_free(m->model);
        semid_inverted_close(m->index);
        mem_free(m->query_space);
        mem_free(m->folder);
        mem_free(m->codebook_path);
        mem_free(m->index_path);
        mem_free(m->metrics_path);
    }
    mem_free(e->methods);

    json_decref(e->table);
    json_decref(e->layout);
    file_out_release(&e->rows_file);
    protocol_release(&e->protocol);
    mem_free(e->faiss_vectors);
    faiss_search_close(&e->faiss);
    test_rows_release(&e->rows);
    histories_release(&e->histories);
    interactions_release(&e->set);
    catalogue_release(&e->items);
}

semid_status step_eval(const eval_params *params, const step_context *ctx, json_t **report,
                       semid_error *err) {
    step_timer timer = step_begin();
    semid_status status = SEMID_OK;
    json_t *whole = NULL;
    char *json_path = NULL; /* of the report, beside the table */
    evaluation e = {.p = params, .table = json_array()};
    TRY_GOTO(read_options(&e, err));
    TRY_GOTO(device_find(&e.protocol_params.device, ctx->device, err));

    TRY_GOTO(output_check_file(params->out, NULL, err));
    if (params->rows) TRY_GOTO(output_check_file(params->rows, NULL, err));
    TRY_GOTO(path_replace_extension(&json_path, params->out, ".json", err));
    TRY_GOTO(output_check_file(json_path, NULL, err));

    TRY_GOTO(load_items(&e, err));
    TRY_GOTO(open_methods(&e, err));
    TRY_GOTO(load_rows(&e, ctx->seed, err));
    TRY_GOTO(load_faiss(&e, err));

    TRY_GOTO(protocol_init(&e.protocol, &e.protocol_params, &e.items, &e.histories, &e.rows,
                           e.faiss.index ? &e.faiss : NULL, e.faiss_vectors, err));
    if (params->rows) {
        TRY_GOTO(file_out_open(&e.rows_file, params->rows, err));
        eval_rows_begin(&e.rows_file);
    }
    for (size_t i = 0; i < params->methods.n_items; i++)
        TRY_GOTO(evaluate_method(&e, &e.methods[i], err));

    /* files at the end, together: a method that fails leaves the old ones */
    TRY_GOTO(make_report(&e, &whole, err));
    TRY_GOTO(step_end(timer, whole, err));
    if (params->rows) TRY_GOTO(file_out_commit(&e.rows_file, err));
    TRY_GOTO(eval_table_save(e.table, params->out, err));
    TRY_GOTO(json_file_save(whole, json_path, err));
    *report = json_incref(whole);
done:
    json_decref(whole);
    mem_free(json_path);
    evaluation_release(&e);
    return status;
}
