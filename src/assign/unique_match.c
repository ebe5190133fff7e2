#include "assign/unique.h"

#include "base/failure.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "assign/matching.h"
#include "codebook/scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Prefixes that a thread takes at a time, and that lie between two reports of progress. */
enum { CHUNK_GROUPS = 8, STEP_GROUPS = 2048 };

/* The rows of one prefix, order[begin, end), some of which share a code. */
typedef struct group {
    size_t begin, end;
} group;

typedef struct placed {
    float cost;
    int32_t column;
} placed;

/* A thread's room for a prefix. Rows get a slot when all their costs are wanted. */
typedef struct desk {
    const struct job *job;
    size_t n_rows, n_slots;
    bool has_lists;   /* of all rows of this prefix */
    uint32_t *rows;   /* [max_rows] of the prefix, those that share a code first */
    int32_t *slots;   /* [max_rows] or -1 */
    float *residuals; /* [max_rows, dim] by slot */
    float *costs;     /* [max_rows, stride] by slot */
    float *listed;    /* [stride] costs of a row's shortlist, +inf for what is not listed */
    const shortlist *laid_out;
    placed *placed;  /* [max_rows] */
    uint32_t *equal; /* [max_rows] */
    bool *is_done;   /* [max_rows] */
    matching match;
    semid_status status; /* of a search that was stopped */
    semid_error error;
} desk;

typedef struct job {
    unique *u;
    scores *last;
    group *groups;
    size_t n_groups, max_rows;
    desk *desks;
    size_t first;    /* of the step at hand */
    failure failure; /* of the step, by chunk */
} job;

/* ---- which prefixes ---- */

/* Do two rows of the prefix share a code? They would be neighbours. */
static bool has_conflict(const unique *u, size_t begin, size_t end) {
    for (size_t i = begin; i + 1 < end; i++)
        if (code_order_run(&u->order, i, i + 2, u->n_levels) > i + 1) return true;
    return false;
}

static semid_status find_groups(job *j, semid_error *err) {
    const unique *u = j->u;
    size_t n = u->source->n_rows, capacity = 0;
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = code_order_run(&u->order, begin, n, u->n_levels - 1);
        if (!has_conflict(u, begin, end)) continue;
        TRY(mem_reserve(&j->groups, &capacity, j->n_groups + 1, sizeof(group), err));
        j->groups[j->n_groups++] = (group){begin, end};
        if (end - begin > j->max_rows) j->max_rows = end - begin;
    }
    return SEMID_OK;
}

/* ---- the rows of a prefix ---- */

static int32_t *last_code(const desk *d, size_t i) {
    const unique *u = d->job->u;
    return &u->codes[(size_t)d->rows[i] * u->n_levels + u->n_levels - 1];
}

/* List the rows that share a code, then the others; both in order. */
static size_t list_rows(desk *d, const group *g) {
    const unique *u = d->job->u;
    size_t n = 0, n_sharing = 0;
    for (int sharing = 1; sharing >= 0; sharing--) {
        for (size_t i = g->begin, end; i < g->end; i = end) {
            end = code_order_run(&u->order, i, g->end, u->n_levels);
            if ((end - i > 1) != sharing) continue;
            memcpy(d->rows + n, u->order.rows + i, (end - i) * sizeof *d->rows);
            n += end - i;
        }
        if (sharing) n_sharing = n;
    }
    d->n_rows = n;
    return n_sharing;
}

static const shortlist *list_of(const desk *d, size_t i) {
    return &d->job->u->lists[d->rows[i]];
}

static bool has_list(const desk *d, size_t i) {
    return d->has_lists && !shortlist_is_clear(list_of(d, i));
}

static semid_status read_slot(desk *d, size_t slot, size_t i, semid_error *err) {
    const unique *u = d->job->u;
    d->slots[i] = (int32_t)slot;
    return unique_residual(u, d->rows[i], u->n_levels - 1, d->residuals + slot * u->dim, err);
}

static void add_prices(const unique *u, float *costs) {
    const float *prices = u->prices + (u->n_levels - 1) * u->n_codewords;
    for (size_t k = 0; k < u->n_codewords; k++) costs[k] += prices[k];
}

/* Costs are squared errors less the row's norm, plus prices. A row alone: one sum after the other
 * is faster then than 16 side by side. */
static semid_status measure_row(desk *d, size_t i) {
    const unique *u = d->job->u;
    size_t slot = d->n_slots++;
    float *costs = d->costs + slot * scores_stride(d->job->last);
    TRY(read_slot(d, slot, i, &d->error));
    kernels()->rescore_f32(d->residuals + slot * u->dim,
                           semid_codebook_level(u->cb, u->n_levels - 1), scores_norms(d->job->last),
                           u->dim, NULL, u->n_codewords, costs);
    if (u->prices) add_prices(u, costs);
    return SEMID_OK;
}

/* The first n rows, but for those that have a list. */
static semid_status measure_rows(desk *d, size_t n) {
    const unique *u = d->job->u;
    for (size_t i = 0; i < n; i++)
        if (!has_list(d, i)) TRY(read_slot(d, d->n_slots++, i, &d->error));
    scores_measure(d->job->last, d->residuals, d->n_slots, d->costs);
    for (size_t i = 0; u->prices && i < d->n_slots; i++)
        add_prices(u, d->costs + i * scores_stride(d->job->last));
    return SEMID_OK;
}

static const float *lay_out(desk *d, const shortlist *list) {
    for (size_t i = 0; d->laid_out && i < SHORTLIST_CODES; i++)
        d->listed[d->laid_out->codes[i]] = INFINITY;
    for (size_t i = 0; i < SHORTLIST_CODES; i++)
        if (list->scores[i] < INFINITY) d->listed[list->codes[i]] = list->scores[i];
    d->laid_out = list;
    return d->listed;
}

static const float *row_costs(void *user, size_t i, bool all, float *rest) {
    desk *d = user;
    if (d->slots[i] < 0 && has_list(d, i) && !all) {
        *rest = list_of(d, i)->rest;
        return lay_out(d, list_of(d, i));
    }
    if (d->slots[i] < 0) {
        d->status = measure_row(d, i);
        if (d->status != SEMID_OK) return NULL;
    }
    return d->costs + (size_t)d->slots[i] * scores_stride(d->job->last);
}

/* ---- equal rows in row order ---- */

static int by_cost(const void *a, const void *b) {
    const placed *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

/* Rows whose shortlists agree in every bit are taken for equal: they may swap listed columns. */
static bool are_equal(const desk *d, size_t i, size_t j) {
    size_t dim = d->job->u->dim;
    if (has_list(d, i)) return memcmp(list_of(d, i), list_of(d, j), sizeof(shortlist)) == 0;
    if (has_list(d, j)) return false;
    return memcmp(d->residuals + (size_t)d->slots[i] * dim,
                  d->residuals + (size_t)d->slots[j] * dim, dim * sizeof(float)) == 0;
}

/* The columns of equal rows, of which n are listed in ascending order, by falling error. */
static void deal_columns(desk *d, size_t n) {
    float rest;
    for (size_t e = 0; e < n; e++) {
        int32_t column = d->match.column_of[d->equal[e]];
        d->placed[e] = (placed){row_costs(d, d->equal[e], false, &rest)[column], column};
    }
    qsort(d->placed, n, sizeof *d->placed, by_cost);
    for (size_t e = 0; e < n; e++) d->match.column_of[d->equal[e]] = d->placed[e].column;
}

/* Equal rows shared a code: they are among the first n_sharing, side by side with their likes. */
static void order_equal_rows(desk *d, size_t n_sharing) {
    for (size_t i = 0; i < n_sharing; i++) d->is_done[i] = false;
    for (size_t i = 0; i < n_sharing; i++) {
        size_t n = 0;
        for (size_t j = i; j < n_sharing && *last_code(d, j) == *last_code(d, i); j++) {
            if (d->is_done[j] || !are_equal(d, i, j)) continue;
            d->is_done[j] = true;
            d->equal[n++] = (uint32_t)j;
        }
        if (n > 1) deal_columns(d, n);
    }
}

/* ---- matching ---- */

static bool fills_half(const desk *d) {
    return 2 * d->n_rows >= d->job->u->n_codewords;
}

/* The first row of each code takes it, the others are added. */
static semid_status match_rows(desk *d, size_t n_sharing) {
    if (fills_half(d)) {
        matching_dense(&d->match, d->costs, scores_stride(d->job->last), d->n_rows);
        return SEMID_OK;
    }
    matching_clear(&d->match);
    for (size_t i = 0; i < d->n_rows; i++) {
        d->match.column_of[i] = -1;
        if (d->match.row_of[*last_code(d, i)] < 0)
            matching_take(&d->match, i, (size_t)*last_code(d, i));
    }
    for (size_t i = 0; i < n_sharing; i++)
        if (d->match.column_of[i] < 0 && !matching_add(&d->match, i)) return d->status;
    return SEMID_OK;
}

/* What is sure to be needed is measured at once: rows that share a code, or all of a dense prefix.
 */
static semid_status prepare_costs(desk *d, size_t n_sharing) {
    bool dense = d->n_rows >= UNIQUE_DENSE_ROWS || fills_half(d);
    d->has_lists = d->job->u->lists && !dense;
    d->n_slots = 0;
    for (size_t i = 0; i < d->n_rows; i++) d->slots[i] = -1;
    return measure_rows(d, dense ? d->n_rows : n_sharing);
}

/* The column may be one that an equal row found beyond their shortlist. */
static semid_status move_row(desk *d, size_t i) {
    const unique *u = d->job->u;
    int32_t from = *last_code(d, i), to = d->match.column_of[i];
    float rest;
    const float *costs = row_costs(d, i, false, &rest);
    if (!(costs[to] < INFINITY)) costs = row_costs(d, i, true, &rest);
    if (!costs) return d->status;
    if (u->errors)
        u->errors[(size_t)d->rows[i] * u->n_levels + u->n_levels - 1] += costs[to] - costs[from];
    *last_code(d, i) = to;
    if (u->moved[d->rows[i]] == 0) u->moved[d->rows[i]] = 1;
    return SEMID_OK;
}

static semid_status match_group(desk *d, const group *g) {
    size_t n_sharing = list_rows(d, g);
    TRY(prepare_costs(d, n_sharing));
    TRY(match_rows(d, n_sharing));
    order_equal_rows(d, n_sharing);
    for (size_t i = 0; i < d->n_rows; i++)
        if (*last_code(d, i) != d->match.column_of[i]) TRY(move_row(d, i));
    return SEMID_OK;
}

static void match_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    job *j = user;
    desk *d = &j->desks[threads_worker()];
    for (size_t g = begin; g < end; g++) {
        if (failure_before(&j->failure, chunk) || interrupted()) return;
        semid_status status = match_group(d, &j->groups[j->first + g]);
        failure_note(&j->failure, chunk, status, &d->error);
        if (status != SEMID_OK) return;
    }
}

/* ---- all prefixes ---- */

static semid_status desk_init(desk *d, const job *j, semid_error *err) {
    size_t n = j->max_rows;
    d->job = j;
    TRY(mem_alloc(&d->rows, n, sizeof *d->rows, err));
    TRY(mem_alloc(&d->slots, n, sizeof *d->slots, err));
    TRY(mem_alloc(&d->residuals, n, j->u->dim * sizeof *d->residuals, err));
    TRY(mem_alloc(&d->costs, n, scores_stride(j->last) * sizeof *d->costs, err));
    TRY(mem_alloc(&d->listed, scores_stride(j->last), sizeof *d->listed, err));
    for (size_t k = 0; k < scores_stride(j->last); k++) d->listed[k] = INFINITY;
    TRY(mem_alloc(&d->placed, n, sizeof *d->placed, err));
    TRY(mem_alloc(&d->equal, n, sizeof *d->equal, err));
    TRY(mem_alloc(&d->is_done, n, sizeof *d->is_done, err));
    d->match.costs = row_costs;
    d->match.user = d;
    return matching_init(&d->match, j->u->n_codewords, n, err);
}

static void desk_release(desk *d) {
    mem_free(d->rows);
    mem_free(d->slots);
    mem_free(d->residuals);
    mem_free(d->costs);
    mem_free(d->listed);
    mem_free(d->placed);
    mem_free(d->equal);
    mem_free(d->is_done);
    matching_release(&d->match);
}

/* Prefixes [begin, end) side by side. */
static semid_status match_groups(job *j, size_t begin, size_t end, semid_error *err) {
    failure_init(&j->failure);
    j->first = begin;
    parallel_chunks(end - begin, CHUNK_GROUPS, match_chunk, j);
    TRY(check_interrupted(err));
    return failure_status(&j->failure, err);
}

static semid_status match_all(job *j, semid_error *err) {
    semid_status status = SEMID_OK;
    progress p;
    progress_begin(&p, "unique", "prefixes", j->n_groups);
    for (size_t begin = 0, end; status == SEMID_OK && begin < j->n_groups; begin = end) {
        end = j->n_groups - begin < STEP_GROUPS ? j->n_groups : begin + STEP_GROUPS;
        status = match_groups(j, begin, end, err);
        progress_add(&p, end - begin);
    }
    progress_end(&p);
    return status;
}

semid_status unique_match(unique *u, semid_error *err) {
    semid_status status;
    job j = {.u = u};
    size_t n_desks = (size_t)threads_get();
    TRY_GOTO(find_groups(&j, err));
    TRY_GOTO(scores_new(&j.last, semid_codebook_level(u->cb, u->n_levels - 1), u->n_codewords,
                        u->dim, err));
    TRY_GOTO(mem_calloc(&j.desks, n_desks, sizeof *j.desks, err));
    for (size_t i = 0; i < n_desks; i++) TRY_GOTO(desk_init(&j.desks[i], &j, err));
    TRY_GOTO(match_all(&j, err));
done:
    for (size_t i = 0; j.desks && i < n_desks; i++) desk_release(&j.desks[i]);
    mem_free(j.desks);
    mem_free(j.groups);
    scores_free(j.last);
    return status;
}
