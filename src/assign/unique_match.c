/* Distinct last codes by minimum-cost matching, prefix by prefix.
 *
 * In a prefix in which two rows share a code, its rows are matched with the K codewords of the last
 * level at the least sum of squared errors (plus prices): the rectangular assignment problem,
 * solved by shortest augmenting paths (matching.h; Jonker & Volgenant 1987, Crouse 2016). Encoding
 * has solved most of it: the first row of each code keeps it, which is the cheapest matching of
 * those rows (if codes are nearest codewords) with all duals zero, and only the others are added,
 * one path each.
 *
 * Costs are computed lazily. A path rarely leaves the neighbourhood of its row, so the shortlist
 * that encoding kept for a row (its 16 nearest codewords and a lower bound of all others) mostly
 * suffices; the matching asks for all costs of a row only where the bound does not. Rows without a
 * list, and all rows of a dense prefix, have their costs computed together. Where rows fill half of
 * the codewords or more, paths would be long: matching_dense takes over.
 *
 * Equal rows are interchangeable; they get their codewords by rising cost in row order, so that the
 * result does not depend on the path. Prefixes are independent of each other and run in parallel.
 * Cost: n paths of O(n K) in a prefix of n rows at worst, far less where few rows collide. */
#include "assign/unique_match.h"

#include "assign/matching.h"
#include "base/context.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "codebook/scores.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Prefixes per chunk of parallel work, and between two reports of progress. */
enum { CHUNK_PREFIXES = 8, STEP_PREFIXES = 2048 };

/* A prefix in which rows share a code: order[begin, end). */
typedef struct conflict_prefix {
    size_t begin, end;
} conflict_prefix;

typedef struct column_cost {
    float cost;
    int32_t column;
} column_cost;

/* What a thread needs to match a prefix. Rows of the prefix are numbered from 0; those whose costs
 * of all codewords are known have a slot. */
typedef struct match_workspace {
    const struct match_task *task;
    size_t n_rows, n_slots;
    bool has_lists;                /* the rows of this prefix have shortlists */
    uint32_t *rows;                /* [max_rows] rows that share a code first */
    int32_t *slots;                /* [max_rows], -1: none */
    float *residuals;              /* [max_rows, dim] by slot */
    float *costs;                  /* [max_rows, stride] by slot */
    float *listed_costs;           /* [stride] of `expanded`, +inf for codewords not listed */
    const shortlist *expanded;     /* or NULL */
    column_cost *columns_of_equal; /* [max_rows] */
    uint32_t *equal_rows;          /* [max_rows] */
    bool *is_ordered;              /* [max_rows] */
    matching match;
    semid_status status; /* of a cost that could not be computed */
    semid_error error;
} match_workspace;

typedef struct match_task {
    unique_state *state;
    scores *last; /* the codewords of the last level */
    conflict_prefix *prefixes;
    size_t n_prefixes, max_rows;
    match_workspace *workspaces; /* one per thread */
    size_t first;                /* prefix of the current step */
    failure failure;             /* of the step, by chunk */
} match_task;

static int32_t *last_code(const match_workspace *w, size_t i) {
    const unique_state *u = w->task->state;
    return &u->codes[(size_t)w->rows[i] * u->n_levels + u->n_levels - 1];
}

static const shortlist *list_of(const match_workspace *w, size_t i) {
    return &w->task->state->lists[w->rows[i]];
}

static bool has_list(const match_workspace *w, size_t i) {
    return w->has_lists && !shortlist_is_clear(list_of(w, i));
}

/* ---- costs: squared errors less the row's norm, plus prices ---- */

static semid_status read_residual(match_workspace *w, size_t slot, size_t i, semid_error *err) {
    const unique_state *u = w->task->state;
    w->slots[i] = (int32_t)slot;
    return unique_residual(u, w->rows[i], u->n_levels - 1, w->residuals + slot * u->dim, err);
}

static void add_prices(const unique_state *u, float *costs) {
    const float *prices = u->prices + (u->n_levels - 1) * u->n_codewords;
    for (size_t k = 0; k < u->n_codewords; k++) costs[k] += prices[k];
}

/* The costs of row i as matching.h wants them: from its shortlist, or with `all` of all columns. */
static const float *row_costs(void *user, size_t i, bool all, float *rest) {
    match_workspace *w = user;
    const unique_state *u = w->task->state;
    size_t stride = scores_stride(w->task->last);
    if (w->slots[i] >= 0) return w->costs + (size_t)w->slots[i] * stride;

    if (has_list(w, i) && !all) {
        const shortlist *list = list_of(w, i);
        for (size_t c = 0; w->expanded && c < SHORTLIST_CODES; c++)
            w->listed_costs[w->expanded->codes[c]] = INFINITY;
        for (size_t c = 0; c < SHORTLIST_CODES; c++)
            if (list->scores[c] < INFINITY) w->listed_costs[list->codes[c]] = list->scores[c];
        w->expanded = list;
        *rest = list->rest;
        return w->listed_costs;
    }

    /* A row by itself: one inner product after the other is faster than 16 side by side. */
    size_t slot = w->n_slots++;
    float *costs = w->costs + slot * stride;
    w->status = read_residual(w, slot, i, &w->error);
    if (w->status != SEMID_OK) return NULL;
    kernels()->rescore_f32(w->residuals + slot * u->dim,
                           semid_codebook_level(u->cb, u->n_levels - 1),
                           scores_norms(w->task->last), u->dim, NULL, u->n_codewords, costs);
    if (u->prices) add_prices(u, costs);
    return costs;
}

/* ---- a prefix ---- */

static int by_cost(const void *a, const void *b) {
    const column_cost *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

/* Equal rows get their columns by rising cost in row order. They shared a code: all are among the
 * first n_sharing rows, next to others of that code. Rows whose shortlists agree in every bit are
 * taken for equal: they may swap listed columns. */
static void order_equal_rows(match_workspace *w, size_t n_sharing) {
    size_t dim = w->task->state->dim;
    for (size_t i = 0; i < n_sharing; i++) w->is_ordered[i] = false;
    for (size_t i = 0; i < n_sharing; i++) {
        bool is_listed = has_list(w, i);
        size_t n = 0;
        for (size_t j = i; j < n_sharing && *last_code(w, j) == *last_code(w, i); j++) {
            if (w->is_ordered[j] || has_list(w, j) != is_listed) continue;
            int difference =
                is_listed ? memcmp(list_of(w, i), list_of(w, j), sizeof(shortlist))
                          : memcmp(w->residuals + (size_t)w->slots[i] * dim,
                                   w->residuals + (size_t)w->slots[j] * dim, dim * sizeof(float));
            if (difference != 0) continue;
            w->is_ordered[j] = true;
            w->equal_rows[n++] = (uint32_t)j;
        }
        if (n < 2) continue;

        for (size_t e = 0; e < n; e++) {
            float rest;
            int32_t column = w->match.column_of[w->equal_rows[e]];
            float cost = row_costs(w, w->equal_rows[e], false, &rest)[column];
            w->columns_of_equal[e] = (column_cost){cost, column};
        }
        qsort(w->columns_of_equal, n, sizeof *w->columns_of_equal, by_cost);
        for (size_t e = 0; e < n; e++)
            w->match.column_of[w->equal_rows[e]] = w->columns_of_equal[e].column;
    }
}

static semid_status match_prefix(match_workspace *w, const conflict_prefix *prefix) {
    const unique_state *u = w->task->state;
    matching *m = &w->match;
    size_t n_sharing = 0, stride = scores_stride(w->task->last);

    /* List the rows that share a code, then the others, both in order. */
    w->n_rows = 0;
    for (int sharing = 1; sharing >= 0; sharing--) {
        for (size_t i = prefix->begin, end; i < prefix->end; i = end) {
            end = code_order_run(&u->order, i, prefix->end, u->n_levels);
            if ((end - i > 1) != sharing) continue;
            memcpy(w->rows + w->n_rows, u->order.rows + i, (end - i) * sizeof *w->rows);
            w->n_rows += end - i;
        }
        if (sharing) n_sharing = w->n_rows;
    }

    bool fills_half = 2 * w->n_rows >= u->n_codewords;
    bool is_dense = fills_half || w->n_rows >= UNIQUE_DENSE_ROWS;
    w->has_lists = u->lists && !is_dense;

    /* Compute at once what is sure to be needed: all costs of a dense prefix, else those of rows
     * that share a code. */
    w->n_slots = 0;
    for (size_t i = 0; i < w->n_rows; i++) w->slots[i] = -1;
    for (size_t i = 0; i < (is_dense ? w->n_rows : n_sharing); i++)
        if (!has_list(w, i)) TRY(read_residual(w, w->n_slots++, i, &w->error));
    scores_measure(w->task->last, w->residuals, w->n_slots, w->costs);
    for (size_t i = 0; u->prices && i < w->n_slots; i++) add_prices(u, w->costs + i * stride);

    if (fills_half) {
        matching_dense(m, w->costs, stride, w->n_rows);
    } else {
        /* The first row of each code has it, the others are added. */
        matching_clear(m);
        for (size_t i = 0; i < w->n_rows; i++) {
            m->column_of[i] = -1;
            if (m->row_of[*last_code(w, i)] < 0) matching_take(m, i, (size_t)*last_code(w, i));
        }
        for (size_t i = 0; i < n_sharing; i++)
            if (m->column_of[i] < 0 && !matching_add(m, i)) return w->status;
    }
    order_equal_rows(w, n_sharing);

    for (size_t i = 0; i < w->n_rows; i++) {
        int32_t from = *last_code(w, i), to = m->column_of[i];
        if (from == to) continue;

        /* The column may be one that an equal row found beyond their shortlist. */
        float rest;
        const float *costs = row_costs(w, i, false, &rest);
        if (!(costs[to] < INFINITY)) costs = row_costs(w, i, true, &rest);
        if (!costs) return w->status;

        size_t row = w->rows[i];
        *last_code(w, i) = to;
        if (u->errors) u->errors[(row + 1) * u->n_levels - 1] += costs[to] - costs[from];
        if (u->moved[row] == ROW_KEPT) u->moved[row] = ROW_MOVED;
    }
    return SEMID_OK;
}

/* ---- all prefixes ---- */

static semid_status allocate_workspace(match_workspace *w, const match_task *t, semid_error *err) {
    size_t n = t->max_rows, dim = t->state->dim, stride = scores_stride(t->last);
    w->task = t;
    TRY(mem_alloc(&w->rows, n, sizeof *w->rows, err));
    TRY(mem_alloc(&w->slots, n, sizeof *w->slots, err));
    TRY(mem_alloc(&w->residuals, n, dim * sizeof *w->residuals, err));
    TRY(mem_alloc(&w->costs, n, stride * sizeof *w->costs, err));

    TRY(mem_alloc(&w->listed_costs, stride, sizeof *w->listed_costs, err));
    for (size_t k = 0; k < stride; k++) w->listed_costs[k] = INFINITY;

    TRY(mem_alloc(&w->columns_of_equal, n, sizeof *w->columns_of_equal, err));
    TRY(mem_alloc(&w->equal_rows, n, sizeof *w->equal_rows, err));
    TRY(mem_alloc(&w->is_ordered, n, sizeof *w->is_ordered, err));

    w->match.costs = row_costs;
    w->match.user = w;
    return matching_init(&w->match, t->state->n_codewords, n, err);
}

static void match_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    match_task *t = user;
    match_workspace *w = &t->workspaces[threads_worker()];
    for (size_t p = begin; p < end; p++) {
        if (failure_before(&t->failure, chunk) || interrupted()) return;
        semid_status status = match_prefix(w, &t->prefixes[t->first + p]);
        failure_note(&t->failure, chunk, status, &w->error);
        if (status != SEMID_OK) return;
    }
}

semid_status unique_match(unique_state *u, semid_error *err) {
    semid_status status;
    match_task t = {.state = u};
    size_t n_rows = u->rows->n_rows, n_workspaces = (size_t)threads_get(), capacity = 0;
    progress bar;

    /* Prefixes with two equal codes, which are next to each other in the order of codes. */
    for (size_t begin = 0, end; begin < n_rows; begin = end) {
        end = code_order_run(&u->order, begin, n_rows, u->n_levels - 1);
        bool has_conflict = false;
        for (size_t i = begin; i + 1 < end && !has_conflict; i++)
            has_conflict = code_order_run(&u->order, i, i + 2, u->n_levels) > i + 1;
        if (!has_conflict) continue;
        TRY_GOTO(mem_reserve(&t.prefixes, &capacity, t.n_prefixes + 1, sizeof *t.prefixes, err));
        t.prefixes[t.n_prefixes++] = (conflict_prefix){begin, end};
        if (end - begin > t.max_rows) t.max_rows = end - begin;
    }

    TRY_GOTO(scores_new(&t.last, semid_codebook_level(u->cb, u->n_levels - 1), u->n_codewords,
                        u->dim, err));
    TRY_GOTO(mem_calloc(&t.workspaces, n_workspaces, sizeof *t.workspaces, err));
    for (size_t i = 0; i < n_workspaces; i++)
        TRY_GOTO(allocate_workspace(&t.workspaces[i], &t, err));

    progress_begin(&bar, "unique", "prefixes", t.n_prefixes);
    for (size_t n; status == SEMID_OK && t.first < t.n_prefixes; t.first += n) {
        n = t.n_prefixes - t.first < STEP_PREFIXES ? t.n_prefixes - t.first : STEP_PREFIXES;
        failure_init(&t.failure);
        parallel_chunks(n, CHUNK_PREFIXES, match_chunk, &t);
        status = check_interrupted(err);
        if (status == SEMID_OK) status = failure_status(&t.failure, err);
        progress_add(&bar, n);
    }
    progress_end(&bar);
done:
    for (size_t i = 0; t.workspaces && i < n_workspaces; i++) {
        match_workspace *w = &t.workspaces[i];
        mem_free(w->rows);
        mem_free(w->slots);
        mem_free(w->residuals);
        mem_free(w->costs);
        mem_free(w->listed_costs);
        mem_free(w->columns_of_equal);
        mem_free(w->equal_rows);
        mem_free(w->is_ordered);
        matching_release(&w->match);
    }
    mem_free(t.workspaces);
    mem_free(t.prefixes);
    scores_free(t.last);
    return status;
}
