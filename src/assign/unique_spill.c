/* Assignment under capacities, by a greedy method: one level of the codes.
 *
 * Rows whose codes agree above the level form a prefix. A codeword of the level has a capacity, the
 * number of codes below it; rows beyond that are its excess and move to other codewords of the same
 * prefix. A move costs what it adds to the row's squared error (plus price): the distance to the
 * nearest codeword with space less the distance to its own. In each round every overfull codeword
 * selects the moves of its excess, those that cost least (Hoare's quickselect), and the selected
 * moves of the whole prefix are applied by rising cost while their targets have space: at least one
 * per round. Rounds go on until no codeword is overfull. Levels below are encoded greedily for the
 * rows that moved.
 *
 * Codewords with space only fill up, and overfull ones stay full, so the cost of a move never
 * falls: what it was in an earlier round is a lower bound, and so is the gap between the nearest
 * and the second codeword, if encoding noted it. Moves are therefore evaluated lazily (as in
 * Minoux's accelerated greedy algorithm, 1978): only those that are selected by their bounds, until
 * all that are selected are evaluated.
 *
 * Ties are broken by row number, so that results do not depend on threads. Small prefixes get a
 * thread each; in a large one all threads work together. Cost: one nearest-codeword search per
 * evaluated move and one greedy encoding per applied one. */
#include "assign/unique_spill.h"

#include "base/context.h"
#include "base/failure.h"
#include "base/memory.h"
#include "base/threads.h"
#include "codebook/codebook.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEPT_BYTES = 4 << 20, /* residuals that a thread keeps for later rounds */
    BLOCK_ROWS = 512,     /* rows that are searched together */
    READ_ROWS = 32,       /* rows per chunk of reading */
    LARGE_ROWS = 8192     /* a prefix with more candidates is shared by all threads */
};

/* A prefix with overfull codewords: order[begin, end). n_rows: those of its overfull codewords. */
typedef struct full_prefix {
    size_t begin, end, n_rows;
} full_prefix;

/* A row of an overfull codeword and where it would go. */
typedef struct move {
    double cost;        /* a lower bound as long as the move is not evaluated */
    uint32_t row, slot; /* slot: where its residual is kept, or NO_SLOT */
    int32_t from, to;   /* to: the nearest codeword with space, or NOT_EVALUATED */
} move;

enum { NOT_EVALUATED = -1 };
#define NO_SLOT UINT32_MAX

/* An overfull codeword; its candidates are moves[begin, end). */
typedef struct overfull_codeword {
    size_t begin, end;
    move last;     /* the last of the selected moves, in the order of leaving */
    bool is_exact; /* all selected moves are evaluated */
} overfull_codeword;

/* What a thread needs to work on a prefix. */
typedef struct spill_workspace {
    const struct spill_task *task;
    size_t *counts; /* [K] rows per codeword */
    size_t n_excess;
    float *bias; /* [K] prices, +inf for codewords without space */
    nearest *search;
    float *kept;                 /* [kept_rows, dim] residuals before the level, by slot */
    float *block;                /* [BLOCK_ROWS, dim] residuals before the level */
    float *errors;               /* [BLOCK_ROWS, L] */
    int32_t *found;              /* [BLOCK_ROWS, L] codes */
    shortlist *lists;            /* [BLOCK_ROWS], or NULL: rows have none */
    float *gaps;                 /* [BLOCK_ROWS] */
    overfull_codeword *overfull; /* [n_overfull <= K] */
    move *moves;                 /* [n_moves] candidates of all overfull codewords */
    move *selected;              /* [n_selected], also space for quickselect */
    uint32_t *to_evaluate;       /* [n_to_evaluate] indices of moves */
    move *batch[BLOCK_ROWS];     /* whose residuals are in block */
    size_t n_overfull, n_moves, n_selected, n_to_evaluate, n_kept;
} spill_workspace;

typedef struct spill_task {
    unique_state *state;
    size_t level, capacity, kept_rows;
    full_prefix *prefixes;
    size_t n_prefixes;
    spill_workspace *workspaces; /* one per thread */
    failure failure;             /* by prefix */
} spill_task;

static int32_t *code_of(const spill_workspace *w, uint32_t row) {
    const unique_state *u = w->task->state;
    return &u->codes[row * u->n_levels + w->task->level];
}

static const float *codeword_of(const spill_workspace *w, int32_t code) {
    const unique_state *u = w->task->state;
    return semid_codebook_level(u->cb, w->task->level) + (size_t)code * u->dim;
}

static double price_of(const spill_workspace *w, int32_t code) {
    const unique_state *u = w->task->state;
    return u->prices ? (double)u->prices[w->task->level * u->n_codewords + (size_t)code] : 0;
}

static bool has_space(const spill_workspace *w, int32_t code) {
    return w->counts[code] < w->task->capacity;
}

/* ---- residuals ---- */

typedef struct load_residuals_task {
    const spill_workspace *w;
    failure failure;
} load_residuals_task;

static void load_residuals(void *user, size_t chunk, size_t begin, size_t end) {
    load_residuals_task *t = user;
    const spill_workspace *w = t->w;
    const unique_state *u = w->task->state;
    semid_status status = SEMID_OK;
    semid_error error;

    for (size_t i = begin; status == SEMID_OK && i < end; i++) {
        const move *m = w->batch[i];
        float *out = w->block + i * u->dim;
        if (m->slot != NO_SLOT)
            memcpy(out, w->kept + m->slot * u->dim, u->dim * sizeof *out);
        else
            status = unique_residual(u, m->row, w->task->level, out, &error);
    }
    failure_note(&t->failure, chunk, status, &error);
}

/* Residuals of the first n rows of the batch into the block. */
static semid_status load_batch(const spill_workspace *w, size_t n, semid_error *err) {
    load_residuals_task t = {.w = w};
    failure_init(&t.failure);
    TRY(check_interrupted(err));
    parallel_chunks(n, READ_ROWS, load_residuals, &t);
    return failure_status(&t.failure, err);
}

/* ---- the moves of a round ---- */

/* The order of leaving: by rising cost, and of equal rows the last first. */
static bool leaves_before(const move *x, const move *y) {
    return x->cost != y->cost ? x->cost < y->cost : x->row > y->row;
}

/* The k-th of n moves in the order of leaving; they are reordered. */
static move quickselect(move *moves, size_t n, size_t k) {
    ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, at = (ptrdiff_t)k;
    while (low < high) {
        move pivot = moves[low + (high - low) / 2];
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (leaves_before(&moves[i], &pivot)) i++;
            while (leaves_before(&pivot, &moves[j])) j--;
            if (i > j) break;
            move swap = moves[i];
            moves[i++] = moves[j];
            moves[j--] = swap;
        }

        /* Now [low, j] <= pivot <= [i, high], and what lies between equals it. */
        if (at <= j)
            high = j;
        else if (at >= i)
            low = i;
        else
            break;
    }
    return moves[k];
}

/* Find the last selected move of each overfull codeword: with it, those before it are known. */
static semid_status select_moves(spill_workspace *w, semid_error *err) {
    size_t dim = w->task->state->dim;
    for (size_t k = 0; k < w->task->state->n_codewords; k++)
        w->bias[k] = has_space(w, (int32_t)k) ? (float)price_of(w, (int32_t)k) : INFINITY;
    nearest_set_bias(w->search, w->bias);

    /* Evaluating a move raises its cost, and others may be selected instead: until none is. */
    do {
        w->n_to_evaluate = 0;
        for (size_t i = 0; i < w->n_overfull; i++) {
            overfull_codeword *o = &w->overfull[i];
            if (o->is_exact) continue;

            size_t n = o->end - o->begin, n_before = w->n_to_evaluate;
            size_t n_excess = w->counts[w->moves[o->begin].from] - w->task->capacity;
            memcpy(w->selected, w->moves + o->begin, n * sizeof *w->selected);
            o->last = quickselect(w->selected, n, n_excess - 1);

            for (size_t m = o->begin; m < o->end; m++)
                if (w->moves[m].to == NOT_EVALUATED && w->moves[m].cost <= o->last.cost)
                    w->to_evaluate[w->n_to_evaluate++] = (uint32_t)m;
            o->is_exact = w->n_to_evaluate == n_before;
        }

        /* Find the targets and costs of the listed moves, block by block. */
        for (size_t first = 0, n; first < w->n_to_evaluate; first += n) {
            n = w->n_to_evaluate - first < BLOCK_ROWS ? w->n_to_evaluate - first : BLOCK_ROWS;
            for (size_t i = 0; i < n; i++) w->batch[i] = &w->moves[w->to_evaluate[first + i]];
            TRY(load_batch(w, n, err));

            /* A row that moves, or whose target fills up, is needed again. */
            for (size_t i = 0; i < n && w->n_kept < w->task->kept_rows; i++) {
                if (w->batch[i]->slot != NO_SLOT) continue;
                w->batch[i]->slot = (uint32_t)w->n_kept++;
                memcpy(w->kept + w->batch[i]->slot * dim, w->block + i * dim, dim * sizeof(float));
            }

            nearest_find(w->search, w->block, n, w->found, w->errors);
            for (size_t i = 0; i < n; i++) {
                move *m = w->batch[i];
                const float *own = codeword_of(w, m->from);
                double own_error = (double)kernels()->sqdist_f32(w->block + i * dim, own, dim);

                /* Where float32 overflows, all codewords are equally far: the first with space. */
                m->to = w->found[i];
                if (!has_space(w, m->to))
                    for (m->to = 0; !has_space(w, m->to);) m->to++;
                m->cost =
                    (double)w->errors[i] + price_of(w, m->to) - own_error - price_of(w, m->from);
                if (isnan(m->cost)) m->cost = INFINITY;
            }
        }
    } while (w->n_to_evaluate > 0);
    return SEMID_OK;
}

/* ---- applying them ---- */

/* The order of arrival: by rising cost, and of equal rows the first first. */
static int by_arrival(const void *a, const void *b) {
    const move *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Apply the selected moves while their targets have space, and list the candidates of the next
 * round. `selected` becomes what was applied. */
static void apply_moves(spill_workspace *w) {
    w->n_selected = 0;
    for (size_t i = 0; i < w->n_overfull; i++) {
        const overfull_codeword *o = &w->overfull[i];
        for (size_t m = o->begin; m < o->end; m++)
            if (!leaves_before(&o->last, &w->moves[m])) w->selected[w->n_selected++] = w->moves[m];
    }
    qsort(w->selected, w->n_selected, sizeof *w->selected, by_arrival);

    size_t n_applied = 0;
    for (size_t i = 0; i < w->n_selected; i++) {
        move m = w->selected[i];
        if (!has_space(w, m.to)) continue;
        w->counts[m.from]--;
        w->counts[m.to]++;
        w->n_excess--;
        *code_of(w, m.row) = m.to;
        w->task->state->moved[m.row] = ROW_SPILLED;
        w->selected[n_applied++] = m;
    }
    w->n_selected = n_applied;

    /* Candidates are the rows that are left in codewords that still are overfull. A cost stays
     * exact while its target has space; after that it is a lower bound. */
    size_t n_overfull = 0;
    for (size_t i = 0; i < w->n_overfull; i++) {
        overfull_codeword o = w->overfull[i];
        int32_t code = w->moves[o.begin].from;
        if (w->counts[code] <= w->task->capacity) continue;

        size_t end = o.begin;
        for (size_t k = o.begin; k < o.end; k++) {
            move m = w->moves[k];
            if (*code_of(w, m.row) != code) continue;
            if (m.to != NOT_EVALUATED && !has_space(w, m.to)) m.to = NOT_EVALUATED;
            w->moves[end++] = m;
        }
        w->overfull[n_overfull++] = (overfull_codeword){.begin = o.begin, .end = end};
    }
    w->n_overfull = n_overfull;
}

/* Encode the levels below greedily for the rows that moved, and update what is known of them. */
static semid_status encode_below(spill_workspace *w, semid_error *err) {
    const unique_state *u = w->task->state;
    size_t dim = u->dim, level = w->task->level, n_below = u->n_levels - level - 1;
    const shortlists lists = {.of_row = w->lists, .gaps = u->gaps ? w->gaps : NULL};

    for (size_t first = 0, n; first < w->n_selected; first += n) {
        n = w->n_selected - first < BLOCK_ROWS ? w->n_selected - first : BLOCK_ROWS;
        for (size_t i = 0; i < n; i++) w->batch[i] = &w->selected[first + i];
        TRY(load_batch(w, n, err));
        for (size_t i = 0; i < n; i++)
            kernels()->sub_f32(w->block + i * dim, codeword_of(w, w->batch[i]->to), dim);
        nearest_find_residual(codebook_searches(u->cb) + level + 1, n_below, w->block, n, w->found,
                              w->errors, u->lists ? &lists : NULL);

        for (size_t i = 0; i < n; i++) {
            uint32_t row = w->batch[i]->row;
            memcpy(code_of(w, row) + 1, w->found + i * n_below, n_below * sizeof *w->found);
            if (u->lists) u->lists[row] = w->lists[i];
            if (u->gaps && n_below > 1) u->gaps[row] = w->gaps[i];
            if (!u->errors) continue;
            const float *residual = w->block + i * dim; /* after this level */
            float *errors = u->errors + row * u->n_levels + level;
            errors[0] = kernels()->dot_f32(residual, residual, dim);
            memcpy(errors + 1, w->errors + i * n_below, n_below * sizeof *errors);
        }
    }
    return SEMID_OK;
}

static semid_status spill_prefix(spill_workspace *w, const full_prefix *prefix, semid_error *err) {
    const spill_task *t = w->task;
    const unique_state *u = t->state;
    const float *gaps = t->level + 2 == u->n_levels ? u->gaps : NULL;
    memset(w->counts, 0, u->n_codewords * sizeof *w->counts);
    w->n_excess = w->n_overfull = w->n_moves = w->n_kept = 0;

    /* Candidates: all rows of overfull codewords, with what is known about their costs. */
    for (size_t begin = prefix->begin, end; begin < prefix->end; begin = end) {
        end = code_order_run(&u->order, begin, prefix->end, t->level + 1);
        int32_t code = *code_of(w, u->order.rows[begin]);
        size_t n = end - begin;
        w->counts[code] = n;
        if (n <= t->capacity) continue;

        w->n_excess += n - t->capacity;
        w->overfull[w->n_overfull++] =
            (overfull_codeword){.begin = w->n_moves, .end = w->n_moves + n};
        for (size_t i = begin; i < end; i++) {
            uint32_t row = u->order.rows[i];
            bool has_gap = gaps && !isnan(gaps[row]);
            w->moves[w->n_moves++] = (move){.cost = has_gap ? (double)gaps[row] : -INFINITY,
                                            .row = row,
                                            .slot = NO_SLOT,
                                            .from = code,
                                            .to = NOT_EVALUATED};
        }
    }

    while (w->n_excess > 0) {
        TRY(select_moves(w, err));
        apply_moves(w);
        TRY(encode_below(w, err));
    }
    return SEMID_OK;
}

/* ---- all prefixes ---- */

static semid_status allocate_workspace(spill_workspace *w, const spill_task *t, size_t n_moves,
                                       semid_error *err) {
    const unique_state *u = t->state;
    w->task = t;
    TRY(mem_alloc(&w->counts, u->n_codewords, sizeof *w->counts, err));
    TRY(mem_alloc(&w->bias, u->n_codewords, sizeof *w->bias, err));
    TRY(mem_alloc(&w->kept, t->kept_rows, u->dim * sizeof *w->kept, err));

    TRY(mem_alloc(&w->block, BLOCK_ROWS, u->dim * sizeof *w->block, err));
    TRY(mem_alloc(&w->errors, BLOCK_ROWS, u->n_levels * sizeof *w->errors, err));
    TRY(mem_alloc(&w->found, BLOCK_ROWS, u->n_levels * sizeof *w->found, err));
    if (u->lists) TRY(mem_alloc(&w->lists, BLOCK_ROWS, sizeof *w->lists, err));
    TRY(mem_alloc(&w->gaps, BLOCK_ROWS, sizeof *w->gaps, err));

    TRY(mem_alloc(&w->overfull, u->n_codewords, sizeof *w->overfull, err));
    TRY(mem_alloc(&w->moves, n_moves, sizeof *w->moves, err));
    TRY(mem_alloc(&w->selected, n_moves, sizeof *w->selected, err));
    TRY(mem_alloc(&w->to_evaluate, n_moves, sizeof *w->to_evaluate, err));

    TRY(nearest_new(&w->search, u->n_codewords, u->dim, err));
    nearest_set(w->search, semid_codebook_level(u->cb, t->level));
    return SEMID_OK;
}

static void spill_small_prefix(void *user, size_t chunk, size_t begin, size_t end) {
    (void)end; /* one prefix per chunk */
    spill_task *t = user;
    const full_prefix *prefix = &t->prefixes[begin];
    if (prefix->n_rows > LARGE_ROWS || failure_before(&t->failure, chunk)) return;

    semid_error error;
    semid_status status = spill_prefix(&t->workspaces[threads_worker()], prefix, &error);
    failure_note(&t->failure, chunk, status, &error);
}

semid_status unique_spill(unique_state *u, size_t level, semid_error *err) {
    semid_status status = SEMID_OK;
    const code_order *order = &u->order;
    size_t n_workspaces = (size_t)threads_get(), prefix_capacity = 0, n_most = 0;
    spill_task t = {.state = u, .level = level};
    t.capacity = unique_capacity(u->n_codewords, u->n_levels - 1 - level);
    t.kept_rows = KEPT_BYTES / (u->dim * sizeof(float));
    failure_init(&t.failure);

    for (size_t begin = 0, end; begin < order->n_rows; begin = end) {
        end = code_order_run(order, begin, order->n_rows, level);
        size_t n_rows = 0; /* of overfull codewords */
        for (size_t i = begin, next; i < end; i = next) {
            next = code_order_run(order, i, end, level + 1);
            if (next - i > t.capacity) n_rows += next - i;
        }
        if (n_rows == 0) continue;
        TRY_GOTO(
            mem_reserve(&t.prefixes, &prefix_capacity, t.n_prefixes + 1, sizeof *t.prefixes, err));
        t.prefixes[t.n_prefixes++] = (full_prefix){begin, end, n_rows};
        if (n_rows > n_most) n_most = n_rows;
    }
    if (t.n_prefixes == 0) goto done;

    /* The first workspace also takes the large prefixes. */
    if (n_workspaces > t.n_prefixes) n_workspaces = t.n_prefixes;
    TRY_GOTO(mem_calloc(&t.workspaces, n_workspaces, sizeof *t.workspaces, err));
    for (size_t i = 0; i < n_workspaces; i++) {
        size_t n_moves = i > 0 && n_most > LARGE_ROWS ? LARGE_ROWS : n_most;
        TRY_GOTO(allocate_workspace(&t.workspaces[i], &t, n_moves, err));
    }

    for (size_t p = 0; p < t.n_prefixes; p++)
        if (t.prefixes[p].n_rows > LARGE_ROWS)
            TRY_GOTO(spill_prefix(t.workspaces, &t.prefixes[p], err));
    parallel_chunks(t.n_prefixes, 1, spill_small_prefix, &t);
    TRY_GOTO(failure_status(&t.failure, err));
    code_order_sort(&u->order);
done:
    for (size_t i = 0; t.workspaces && i < n_workspaces; i++) {
        spill_workspace *w = &t.workspaces[i];
        mem_free(w->counts);
        mem_free(w->bias);
        mem_free(w->kept);
        mem_free(w->block);
        mem_free(w->errors);
        mem_free(w->found);
        mem_free(w->lists);
        mem_free(w->gaps);
        mem_free(w->overfull);
        mem_free(w->moves);
        mem_free(w->selected);
        mem_free(w->to_evaluate);
        nearest_free(w->search);
    }
    mem_free(t.workspaces);
    mem_free(t.prefixes);
    return status;
}
