#include "eval/protocol.h"

#include "base/context.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "formats/ids_index.h"

#include <string.h>

/* The protocol is leave-last-out: a user's history is all of train and valid, and the item of the
 * test row is to be found again. The profile is the mean of the unit vectors of the newest n items
 * of the history, scaled to length 1; candidates are ranked by its inner product with their unit
 * vectors, which is their cosine.
 *
 * The ceiling of a row is the rank of its item in the whole catalogue, by exhaustive search: what
 * retrieval by codes can reach with this profile if no item is missed. It is computed once and
 * shared by all methods.
 *
 * A method quantizes the profile (or, where its codebooks were trained on vectors that are not of
 * unit length, the mean of the raw ones; with a model, that mean's latent), expands the code into
 * ranges of codes, and ranks their items. A row whose ranges are empty gets the ceiling, or what
 * FAISS finds, or counts as a miss. The item's rank is RANK_NONE if its code is not in the ranges.
 *
 * Rows are processed in blocks, so that memory for profiles does not grow with the test file, and
 * within a block in parallel. Rows are independent and results are stored per row: they do not
 * depend on the number of threads. */

enum { BLOCK_ROWS = 4096, PROFILES_PER_CHUNK = 64, ROWS_PER_CHUNK = 16 };

/* ---- profiles ---- */

typedef struct profile_task {
    const protocol *p;
    size_t first_row;
    const float *x; /* [n_items, dim] */
    bool normalize;
    double *workspaces; /* [workers, dim] */
    float *out;         /* [n, dim] */
} profile_task;

static void make_profiles(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const profile_task *t = user;
    const protocol *p = t->p;
    size_t dim = p->items->dim;
    double *workspace = t->workspaces + (size_t)threads_worker() * dim;

    for (size_t i = begin; i < end; i++) {
        uint32_t who = p->rows->users[t->first_row + i];
        size_t n = profile_length(p->histories, who, p->params.profile, p->params.last_n);
        profile_mean(p->histories, who, n, t->x, dim, workspace, t->out + i * dim);
        if (t->normalize) vector_normalize(t->out + i * dim, dim);
    }
}

/* Profiles of rows [first, first + n), or the means of their raw vectors. */
static semid_status profiles_of(const protocol *p, size_t first, size_t n, bool raw, float *out,
                                semid_error *err) {
    profile_task t = {.p = p,
                      .first_row = first,
                      .x = raw ? p->items->raw : p->items->unit,
                      .normalize = !raw,
                      .out = out};
    TRY(mem_alloc(&t.workspaces, (size_t)threads_get(), p->items->dim * sizeof *t.workspaces, err));
    parallel_chunks(n, PROFILES_PER_CHUNK, make_profiles, &t);
    mem_free(t.workspaces);
    return SEMID_OK;
}

static size_t block_size(const protocol *p, size_t first) {
    return p->rows->n - first < BLOCK_ROWS ? p->rows->n - first : BLOCK_ROWS;
}

/* ---- the ceiling ---- */

static rank_queries queries_of(const protocol *p, size_t first, size_t n, const float *profiles) {
    return (rank_queries){.n = n,
                          .profiles = profiles,
                          .targets = p->rows->targets + first,
                          .users = p->rows->users + first,
                          .masked = p->params.mask_history ? p->histories : NULL};
}

semid_status protocol_init(protocol *out, const protocol_params *params, const catalogue *items,
                           const histories *past, const test_rows *rows, const faiss_search *faiss,
                           const float *vectors, semid_error *err) {
    semid_status status = SEMID_OK;
    float *profiles = NULL;
    progress bar;
    protocol p = {
        .params = *params, .items = items, .histories = past, .rows = rows, .faiss = faiss};

    ranker_init(&p.exact, params->device, items->unit, items->n_items, items->dim,
                params->reference);
    p.candidates = p.exact;
    if (vectors)
        ranker_init(&p.candidates, params->device, vectors, items->n_items, items->dim,
                    params->reference);

    double start_s = clock_seconds();
    progress_begin(&bar, "exhaustive search", "rows", rows->n);
    TRY_GOTO(mem_alloc(&p.ceiling, rows->n, sizeof *p.ceiling, err));
    TRY_GOTO(mem_alloc(&profiles, BLOCK_ROWS, items->dim * sizeof *profiles, err));
    for (size_t first = 0; first < rows->n; first += BLOCK_ROWS) {
        size_t n = block_size(&p, first);
        TRY_GOTO(profiles_of(&p, first, n, false, profiles, err));
        rank_queries q = queries_of(&p, first, n, profiles);
        TRY_GOTO(rank_in_catalogue(&p.exact, &q, params->rank_limit, p.ceiling + first, err));
        progress_add(&bar, n);
    }

    p.ceiling_seconds = clock_seconds() - start_s;
    *out = p;
    p.ceiling = NULL; /* owned by *out now */
done:
    progress_end(&bar);
    mem_free(profiles);
    protocol_release(&p);
    return status;
}

void protocol_release(protocol *p) {
    mem_free(p->ceiling);
    p->ceiling = NULL;
}

/* ---- one method ---- */

/* How its codes are expanded: residual levels and the tokens of a VQ have their own number of
 * neighbors. */
static semid_expand_params expansion_of(const protocol_params *params,
                                        const semid_codebook *codebook) {
    semid_expand_params expand = params->expand;
    expand.n_neighbors =
        semid_codebook_is_vq(codebook) ? params->vq_neighbors : params->rq_neighbors;
    return expand;
}

semid_status protocol_check(const protocol_params *params, const catalogue *items,
                            const method_input *method, semid_error *err) {
    const semid_model *model = method->model;
    size_t dim = model ? semid_model_dim(model) : semid_codebook_dim(method->codebook);
    if (dim != items->dim)
        FAIL(SEMID_ERR_SHAPE, "expected %s of %zu dimensions, as in %s, found %zu",
             model ? "a model for vectors" : "codewords", items->dim, embeddings_path(items->file),
             dim);
    if (params->expand.kind == SEMID_EXPAND_HAMMING1 && semid_codebook_is_vq(method->codebook))
        FAIL(STATUS_USAGE, "hamming1 needs codes of several levels: with the one token "
                           "of a VQ it is the whole catalogue");

    semid_expand_params expand = expansion_of(params, method->codebook);
    return semid_expand_check(&expand, method->codebook, method->index, err);
}

typedef struct row_workspace {
    semid_expander_workspace *expand;
    uint32_t *rows; /* [n_items] candidates */
    float *scores;  /* [n_items] */
} row_workspace;

typedef struct method_run {
    const protocol *p;
    const method_input *method;
    method_result *result;
    semid_expander *expander;
    uint32_t *item_rows;       /* [items of the index] their catalogue rows, or ROW_NONE */
    uint32_t *n_listed;        /* [n_rows] candidates, and items that are not in the catalogue */
    row_workspace *workspaces; /* [n_workers] */
    size_t n_workers;
    float *profiles, *raw; /* [BLOCK_ROWS, dim]; the same array if profiles are quantized */
    float *queries;        /* [BLOCK_ROWS, query_dim] raw, or its latents */
    size_t query_dim;
    size_t first_row; /* of the block */
} method_run;

static semid_status prepare_run(method_run *run, semid_error *err) {
    const protocol *p = run->p;
    const semid_codebook *cb = run->method->codebook;
    method_result *r = run->result;

    semid_expand_params expand = expansion_of(&p->params, cb);
    TRY(semid_expander_new(NULL, &run->expander, cb, run->method->index, &expand, err));

    /* The catalogue row of each item of the index, by its id. */
    const semid_inverted *index = run->method->index;
    size_t n_items = semid_inverted_items(index), n_found = 0;
    TRY(mem_alloc(&run->item_rows, n_items, sizeof *run->item_rows, err));
    for (size_t i = 0; i < n_items; i++) {
        const char *id = semid_inverted_id(index, i);
        size_t row = ids_index_find(&p->items->index, id, strlen(id));
        run->item_rows[i] = row == IDS_NOT_FOUND ? ROW_NONE : (uint32_t)row;
        n_found += row != IDS_NOT_FOUND;
    }
    if (n_found == 0)
        FAIL(SEMID_ERR_DATA, "expected the items of %s in the inverted index, found none of them",
             embeddings_path(p->items->file));
    r->n_unindexed = p->items->n_items > n_found ? p->items->n_items - n_found : 0;

    run->n_workers = (size_t)threads_get();
    TRY(mem_calloc(&run->workspaces, run->n_workers, sizeof *run->workspaces, err));
    for (size_t i = 0; i < run->n_workers; i++) {
        row_workspace *w = &run->workspaces[i];
        TRY(semid_expander_workspace_new(&w->expand, run->expander, err));
        TRY(mem_alloc(&w->rows, n_items, sizeof *w->rows, err));
        TRY(mem_alloc(&w->scores, n_items, sizeof *w->scores, err));
    }

    /* Without raw queries or a model, three names stand for one array. */
    TRY(mem_alloc(&run->profiles, BLOCK_ROWS, p->items->dim * sizeof(float), err));
    run->raw = run->profiles;
    if (run->method->raw_queries && !p->params.reference)
        TRY(mem_alloc(&run->raw, BLOCK_ROWS, p->items->dim * sizeof(float), err));
    run->queries = run->raw;
    run->query_dim = semid_codebook_dim(cb);
    if (run->method->model)
        TRY(mem_alloc(&run->queries, BLOCK_ROWS, run->query_dim * sizeof(float), err));

    TRY(mem_alloc(&run->n_listed, r->n_rows, sizeof *run->n_listed, err));
    TRY(mem_alloc(&r->codes, r->n_rows, r->n_levels * sizeof *r->codes, err));
    TRY(mem_alloc(&r->n_cand, r->n_rows, sizeof *r->n_cand, err));
    TRY(mem_alloc(&r->ranks, r->n_rows, sizeof *r->ranks, err));
    return mem_alloc(&r->empty, r->n_rows, sizeof *r->empty, err);
}

static void evaluate_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const method_run *run = user;
    const protocol *p = run->p;
    method_result *r = run->result;
    row_workspace *w = &run->workspaces[threads_worker()];
    size_t dim = p->items->dim;

    for (size_t i = begin; i < end; i++) {
        size_t row = run->first_row + i;
        uint32_t who = p->rows->users[row], target = p->rows->targets[row], n = 0, n_unknown = 0;
        const semid_code_range *ranges;
        bool has_target = false;
        size_t n_ranges = semid_expander_codes(run->expander, run->queries + i * run->query_dim,
                                               r->codes + row * r->n_levels, w->expand, &ranges);

        /* The candidates: items of the codes, as rows of the catalogue. */
        for (size_t g = 0; g < n_ranges; g++) {
            size_t n_items;
            const uint32_t *items = semid_inverted_rows(run->method->index, ranges[g], &n_items);
            for (size_t j = 0; j < n_items; j++) {
                uint32_t item = run->item_rows[items[j]];
                n_unknown += item == ROW_NONE;
                has_target |= item == target;
                if (item == ROW_NONE) continue;

                bool is_hidden = p->params.mask_history && item != target &&
                                 histories_has(p->histories, who, item);
                if (!is_hidden) w->rows[n++] = item;
            }
        }
        run->n_listed[row] = n + n_unknown;

        /* Also if the item is no candidate: the time measured is that of ranking every row. */
        uint32_t rank = n == 0 ? RANK_NONE
                               : rank_among(&p->candidates, run->profiles + i * dim, target,
                                            w->rows, n, w->scores);
        r->ranks[row] = has_target && rank < p->params.rank_limit ? rank : RANK_NONE;
        r->n_cand[row] = n;
        r->empty[row] = n == 0;
    }
}

/* Ranks of the block's rows without candidates, by FAISS. It searches a contiguous batch, so their
 * profiles move to the front of the array, which is refilled for the next block. */
static semid_status search_with_faiss(method_run *run, size_t n, semid_error *err) {
    semid_status status = SEMID_OK;
    const protocol *p = run->p;
    method_result *r = run->result;
    size_t dim = p->items->dim, n_empty = 0;
    uint32_t *arrays; /* [4, n] */

    TRY(mem_alloc(&arrays, n, 4 * sizeof *arrays, err));
    uint32_t *rows = arrays, *targets = rows + n, *users = targets + n, *ranks = users + n;
    for (size_t i = 0; i < n; i++) {
        size_t row = run->first_row + i;
        if (!r->empty[row]) continue;
        memmove(run->profiles + n_empty * dim, run->profiles + i * dim, dim * sizeof(float));
        rows[n_empty] = (uint32_t)row;
        targets[n_empty] = p->rows->targets[row];
        users[n_empty++] = p->rows->users[row];
    }

    rank_queries q = queries_of(p, 0, n_empty, run->profiles);
    q.targets = targets;
    q.users = users;
    TRY_GOTO(
        faiss_search_ranks(p->faiss, &q, p->params.rank_limit, p->params.reference, ranks, err));
    for (size_t i = 0; i < n_empty; i++) r->ranks[rows[i]] = ranks[i];
done:
    mem_free(arrays);
    return status;
}

semid_status protocol_run(method_result *out, const protocol *p, const method_input *method,
                          semid_error *err) {
    semid_status status = SEMID_OK;
    method_result r = {.n_rows = p->rows->n, .n_levels = semid_codebook_levels(method->codebook)};
    method_run run = {.p = p, .method = method, .result = &r};
    TRY_GOTO(prepare_run(&run, err));

    for (size_t first = 0; first < r.n_rows; first += BLOCK_ROWS) {
        size_t n = block_size(p, first);
        double start_s = clock_seconds();
        TRY_GOTO(check_interrupted(err));
        run.first_row = first;

        TRY_GOTO(profiles_of(p, first, n, false, run.profiles, err));
        if (run.raw != run.profiles) TRY_GOTO(profiles_of(p, first, n, true, run.raw, err));
        if (method->model)
            TRY_GOTO(semid_model_project(NULL, method->model, run.raw, n, run.queries, err));
        TRY_GOTO(semid_encode(NULL, method->codebook, run.queries, n, r.codes + first * r.n_levels,
                              err));
        parallel_chunks(n, ROWS_PER_CHUNK, evaluate_rows, &run);
        r.seconds += clock_seconds() - start_s;

        /* Rows without candidates are not in the time: they do not depend on the method. */
        if (p->params.skip_empty) continue;
        if (p->faiss) TRY_GOTO(search_with_faiss(&run, n, err));
        for (size_t row = first; row < first + n && !p->faiss; row++)
            if (r.empty[row]) r.ranks[row] = p->ceiling[row];
    }
    for (size_t i = 0; i < r.n_rows; i++) r.n_empty += r.empty[i];

    /* The reference's candidate counts include items that are not in the catalogue. */
    if (p->params.reference) memcpy(r.n_cand, run.n_listed, r.n_rows * sizeof *r.n_cand);
    *out = r;
    r = (method_result){0};
done:
    for (size_t i = 0; run.workspaces && i < run.n_workers; i++) {
        semid_expander_workspace_free(run.workspaces[i].expand);
        mem_free(run.workspaces[i].rows);
        mem_free(run.workspaces[i].scores);
    }
    mem_free(run.workspaces);
    if (run.queries != run.raw) mem_free(run.queries);
    if (run.raw != run.profiles) mem_free(run.raw);
    mem_free(run.profiles);
    mem_free(run.item_rows);
    mem_free(run.n_listed);
    semid_expander_free(run.expander);
    method_result_release(&r);
    return status;
}

void method_result_release(method_result *r) {
    mem_free(r->codes);
    mem_free(r->n_cand);
    mem_free(r->ranks);
    mem_free(r->empty);
    *r = (method_result){0};
}
