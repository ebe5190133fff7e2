#include "assign/unique.h"

#include "base/failure.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "codebook/codebook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEPT_BYTES = 4 << 20, /* of residuals that a thread keeps for a second look */
    BLOCK_ROWS = 512,     /* that are looked at at once */
    READ_ROWS = 32,       /* that a thread reads at a time */
    LARGE_ROWS = 8192     /* a prefix with more to look at is shared by all threads */
};

/* A prefix, order[begin, end), in which codewords hold too many rows. */
typedef struct crowd {
    size_t begin, end, n_rows; /* n_rows: of such codewords */
} crowd;

/* A row of a crowded codeword, what leaving adds to its squared error, and the nearest codeword
 * with room; or no more than a lower bound of it. */
typedef struct wish {
    double regret;
    uint32_t row, slot;
    int32_t from, to; /* to: NOWHERE as long as it is not known */
} wish;

enum { NOWHERE = -1 };
#define NO_SLOT UINT32_MAX

/* The rows of a crowded codeword, wishes[begin, end). */
typedef struct queue {
    size_t begin, end;
    wish last;       /* of those that have to leave, in the order of leaving */
    bool is_settled; /* the wishes of those are known */
} queue;

/* Room for a prefix. */
typedef struct desk {
    const struct job *job;
    size_t *counts; /* [K] rows a codeword holds */
    size_t n_excess;
    float *bias; /* [K] +inf: no room */
    nearest *search;
    float *kept;      /* [kept_rows, dim] residuals above the level, by slot */
    float *block;     /* [BLOCK_ROWS, dim] */
    float *errors;    /* [BLOCK_ROWS, L] */
    int32_t *found;   /* [BLOCK_ROWS, L] */
    shortlist *lists; /* [BLOCK_ROWS], where rows have shortlists */
    float *gaps;      /* [BLOCK_ROWS] */
    queue *queues;    /* [n_queues <= K] */
    wish *wishes;     /* [n_wishes] */
    wish *going;      /* [n_wishes] of those that have to leave */
    uint32_t *asked;  /* [n_wishes] wishes that are to be found */
    wish *batch[BLOCK_ROWS];
    size_t n_queues, n_wishes, n_going, n_asked, n_kept;
} desk;

typedef struct job {
    unique *u;
    size_t level, room, kept_rows, n_desks;
    crowd *crowds;
    size_t n_crowds, capacity;
    desk *desks;
    failure failure; /* by crowd */
} job;

static int32_t *code_of(const desk *d, uint32_t row) {
    const unique *u = d->job->u;
    return &u->codes[row * u->n_levels + d->job->level];
}

static const float *codeword(const desk *d, int32_t code) {
    const unique *u = d->job->u;
    return semid_codebook_level(u->cb, d->job->level) + (size_t)code * u->dim;
}

static double price(const desk *d, int32_t code) {
    const unique *u = d->job->u;
    return u->prices ? (double)u->prices[d->job->level * u->n_codewords + (size_t)code] : 0;
}

/* ---- residuals ---- */

typedef struct reading {
    const desk *d;
    failure failure;
} reading;

static void load_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    reading *r = user;
    const desk *d = r->d;
    const unique *u = d->job->u;
    semid_status status = SEMID_OK;
    semid_error error;
    for (size_t i = begin; status == SEMID_OK && i < end; i++) {
        const wish *w = d->batch[i];
        float *out = d->block + i * u->dim;
        if (w->slot != NO_SLOT)
            memcpy(out, d->kept + w->slot * u->dim, u->dim * sizeof *out);
        else
            status = unique_residual(u, w->row, d->job->level, out, &error);
    }
    failure_note(&r->failure, chunk, status, &error);
}

/* Residuals of the first n rows of the batch into the block. */
static semid_status load_batch(desk *d, size_t n, semid_error *err) {
    reading r = {.d = d};
    failure_init(&r.failure);
    TRY(check_interrupted(err));
    parallel_chunks(n, READ_ROWS, load_chunk, &r);
    return failure_status(&r.failure, err);
}

/* For a second look, as far as there is room. */
static void keep_batch(desk *d, size_t n) {
    size_t dim = d->job->u->dim;
    for (size_t i = 0; i < n && d->n_kept < d->job->kept_rows; i++) {
        if (d->batch[i]->slot != NO_SLOT) continue;
        d->batch[i]->slot = (uint32_t)d->n_kept++;
        memcpy(d->kept + d->batch[i]->slot * dim, d->block + i * dim, dim * sizeof(float));
    }
}

/* ---- who wants to go where ---- */

static bool has_room(const desk *d, int32_t code) {
    return d->counts[code] < d->job->room;
}

static void close_full_codewords(desk *d) {
    for (size_t k = 0; k < d->job->u->n_codewords; k++)
        d->bias[k] = has_room(d, (int32_t)k) ? (float)price(d, (int32_t)k) : INFINITY;
    nearest_set_bias(d->search, d->bias);
}

static int32_t first_with_room(const desk *d) {
    int32_t code = 0;
    while (!has_room(d, code)) code++;
    return code;
}

/* Where float32 overflows, all codewords are equally far. */
static void find_batch(desk *d, size_t n) {
    size_t dim = d->job->u->dim;
    nearest_find(d->search, d->block, n, d->found, d->errors);
    for (size_t i = 0; i < n; i++) {
        wish *w = d->batch[i];
        double here = (double)kernels()->sqdist_f32(d->block + i * dim, codeword(d, w->from), dim);
        w->to = has_room(d, d->found[i]) ? d->found[i] : first_with_room(d);
        w->regret = (double)d->errors[i] + price(d, w->to) - here - price(d, w->from);
        if (isnan(w->regret)) w->regret = INFINITY;
    }
}

static semid_status find_asked(desk *d, semid_error *err) {
    for (size_t i = 0, n; i < d->n_asked; i += n) {
        n = d->n_asked - i < BLOCK_ROWS ? d->n_asked - i : BLOCK_ROWS;
        for (size_t r = 0; r < n; r++) d->batch[r] = &d->wishes[d->asked[i + r]];
        TRY(load_batch(d, n, err));
        keep_batch(d, n);
        find_batch(d, n);
    }
    return SEMID_OK;
}

/* ---- who has to leave ---- */

/* Who loses least leaves first, and of equal rows the last. */
static bool leaves_before(const wish *x, const wish *y) {
    return x->regret != y->regret ? x->regret < y->regret : x->row > y->row;
}

/* The k-th of n wishes in the order of leaving; they are shuffled. */
static wish kth_to_leave(wish *w, size_t n, size_t k) {
    ptrdiff_t low = 0, high = (ptrdiff_t)n - 1, at = (ptrdiff_t)k;
    while (low < high) {
        wish pivot = w[low + (high - low) / 2];
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (leaves_before(&w[i], &pivot)) i++;
            while (leaves_before(&pivot, &w[j])) j--;
            if (i > j) break;
            wish swap = w[i];
            w[i++] = w[j];
            w[j--] = swap;
        }
        if (at <= j)
            high = j;
        else if (at >= i)
            low = i;
        else
            break;
    }
    return w[k];
}

/* Ask for the wishes of rows that would have to leave going by what is known. */
static void ask(desk *d, queue *q) {
    size_t n = q->end - q->begin, n_asked = d->n_asked;
    size_t n_excess = d->counts[d->wishes[q->begin].from] - d->job->room;
    memcpy(d->going, d->wishes + q->begin, n * sizeof *d->going);
    q->last = kth_to_leave(d->going, n, n_excess - 1);
    for (size_t i = q->begin; i < q->end; i++)
        if (d->wishes[i].to == NOWHERE && d->wishes[i].regret <= q->last.regret)
            d->asked[d->n_asked++] = (uint32_t)i;
    q->is_settled = d->n_asked == n_asked;
}

/* Look at rows until it is known of each codeword who has to leave it. */
static semid_status settle(desk *d, semid_error *err) {
    close_full_codewords(d);
    do {
        d->n_asked = 0;
        for (size_t i = 0; i < d->n_queues; i++)
            if (!d->queues[i].is_settled) ask(d, &d->queues[i]);
        TRY(find_asked(d, err));
    } while (d->n_asked > 0);
    return SEMID_OK;
}

/* ---- who goes ---- */

/* Who loses least is served first, and of equal rows the first. */
static int arriving_order(const void *a, const void *b) {
    const wish *x = a, *y = b;
    if (x->regret != y->regret) return x->regret < y->regret ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static void choose_going(desk *d) {
    d->n_going = 0;
    for (size_t i = 0; i < d->n_queues; i++) {
        const queue *q = &d->queues[i];
        for (size_t w = q->begin; w < q->end; w++)
            if (!leaves_before(&q->last, &d->wishes[w])) d->going[d->n_going++] = d->wishes[w];
    }
    qsort(d->going, d->n_going, sizeof *d->going, arriving_order);
}

/* Grant wishes until the codewords they name are full; the others stay for now. */
static void grant(desk *d) {
    size_t n = 0;
    for (size_t i = 0; i < d->n_going; i++) {
        wish w = d->going[i];
        if (!has_room(d, w.to)) continue;
        d->counts[w.from]--;
        d->counts[w.to]++;
        d->n_excess--;
        *code_of(d, w.row) = w.to;
        d->job->u->moved[w.row] = 2;
        d->going[n++] = w;
    }
    d->n_going = n;
}

/* Codewords only fill up: a wish holds until the codeword it names is full, and then what going
 * there would have added is the least that going elsewhere adds. */
static void revise(desk *d) {
    size_t n_queues = 0;
    for (size_t i = 0; i < d->n_queues; i++) {
        queue q = d->queues[i];
        size_t end = q.begin;
        int32_t from = d->wishes[q.begin].from;
        if (d->counts[from] <= d->job->room) continue;
        for (size_t k = q.begin; k < q.end; k++) {
            wish w = d->wishes[k];
            if (*code_of(d, w.row) != from) continue;
            if (w.to != NOWHERE && !has_room(d, w.to)) w.to = NOWHERE;
            d->wishes[end++] = w;
        }
        d->queues[n_queues++] = (queue){.begin = q.begin, .end = end};
    }
    d->n_queues = n_queues;
}

/* ---- what becomes of those that went ---- */

/* What was found below the level for row i of the batch, whose new codeword left over `residual`.
 */
static void store(const desk *d, size_t i, const float *residual) {
    const unique *u = d->job->u;
    size_t n_below = u->n_levels - d->job->level - 1;
    uint32_t row = d->batch[i]->row;
    memcpy(code_of(d, row) + 1, d->found + i * n_below, n_below * sizeof *d->found);
    if (u->lists) u->lists[row] = d->lists[i];
    if (u->gaps && n_below > 1) u->gaps[row] = d->gaps[i];
    if (!u->errors) return;
    float *errors = u->errors + row * u->n_levels + d->job->level;
    errors[0] = kernels()->dot_f32(residual, residual, u->dim);
    memcpy(errors + 1, d->errors + i * n_below, n_below * sizeof *errors);
}

/* Levels below are greedy again. */
static semid_status encode_below(desk *d, semid_error *err) {
    const unique *u = d->job->u;
    size_t first = d->job->level + 1, n_below = u->n_levels - first;
    const shortlists lists = {.of_row = d->lists, .gaps = u->gaps ? d->gaps : NULL};
    for (size_t i = 0, n; i < d->n_going; i += n) {
        n = d->n_going - i < BLOCK_ROWS ? d->n_going - i : BLOCK_ROWS;
        for (size_t r = 0; r < n; r++) d->batch[r] = &d->going[i + r];
        TRY(load_batch(d, n, err));
        for (size_t r = 0; r < n; r++)
            kernels()->sub_f32(d->block + r * u->dim, codeword(d, d->batch[r]->to), u->dim);
        nearest_find_residual(codebook_searches(u->cb) + first, n_below, d->block, n, d->found,
                              d->errors, u->lists ? &lists : NULL);
        for (size_t r = 0; r < n; r++) store(d, r, d->block + r * u->dim);
    }
    return SEMID_OK;
}

/* ---- a prefix ---- */

static double least_regret(const desk *d, uint32_t row) {
    const unique *u = d->job->u;
    bool has_gap = u->gaps && d->job->level + 2 == u->n_levels && !isnan(u->gaps[row]);
    return has_gap ? (double)u->gaps[row] : -INFINITY;
}

static void add_queue(desk *d, int32_t from, const uint32_t *rows, size_t n) {
    queue q = {.begin = d->n_wishes, .end = d->n_wishes + n};
    for (size_t i = 0; i < n; i++)
        d->wishes[d->n_wishes++] = (wish){.regret = least_regret(d, rows[i]),
                                          .row = rows[i],
                                          .slot = NO_SLOT,
                                          .from = from,
                                          .to = NOWHERE};
    d->queues[d->n_queues++] = q;
    d->n_excess += n - d->job->room;
}

/* Count the rows of each codeword, and list those of crowded ones. */
static void list_rows(desk *d, const crowd *c) {
    const job *j = d->job;
    const code_order *order = &j->u->order;
    memset(d->counts, 0, j->u->n_codewords * sizeof *d->counts);
    d->n_excess = d->n_queues = d->n_wishes = d->n_kept = 0;
    for (size_t begin = c->begin, end; begin < c->end; begin = end) {
        int32_t code = *code_of(d, order->rows[begin]);
        end = code_order_run(order, begin, c->end, j->level + 1);
        d->counts[code] = end - begin;
        if (end - begin > j->room) add_queue(d, code, order->rows + begin, end - begin);
    }
}

static semid_status spill_crowd(desk *d, const crowd *c, semid_error *err) {
    list_rows(d, c);
    while (d->n_excess > 0) {
        TRY(settle(d, err));
        choose_going(d);
        grant(d);
        TRY(encode_below(d, err));
        revise(d);
    }
    return SEMID_OK;
}

/* ---- all prefixes ---- */

/* Rows of codewords of the level that hold more than there is room for, in one prefix. */
static size_t crowded_rows(const job *j, size_t begin, size_t end) {
    size_t n = 0;
    for (size_t next; begin < end; begin = next) {
        next = code_order_run(&j->u->order, begin, end, j->level + 1);
        if (next - begin > j->room) n += next - begin;
    }
    return n;
}

static semid_status find_crowds(job *j, semid_error *err) {
    size_t n_rows = j->u->source->n_rows;
    for (size_t begin = 0, end; begin < n_rows; begin = end) {
        end = code_order_run(&j->u->order, begin, n_rows, j->level);
        size_t n = crowded_rows(j, begin, end);
        if (n == 0) continue;
        TRY(mem_reserve(&j->crowds, &j->capacity, j->n_crowds + 1, sizeof(crowd), err));
        j->crowds[j->n_crowds++] = (crowd){begin, end, n};
    }
    return SEMID_OK;
}

static semid_status desk_init(desk *d, const job *j, size_t n_wishes, semid_error *err) {
    const unique *u = j->u;
    d->job = j;
    TRY(mem_alloc(&d->counts, u->n_codewords, sizeof *d->counts, err));
    TRY(mem_alloc(&d->bias, u->n_codewords, sizeof *d->bias, err));
    TRY(mem_alloc(&d->kept, j->kept_rows, u->dim * sizeof *d->kept, err));
    TRY(mem_alloc(&d->block, BLOCK_ROWS, u->dim * sizeof *d->block, err));
    TRY(mem_alloc(&d->errors, BLOCK_ROWS, u->n_levels * sizeof *d->errors, err));
    TRY(mem_alloc(&d->found, BLOCK_ROWS, u->n_levels * sizeof *d->found, err));
    if (u->lists) TRY(mem_alloc(&d->lists, BLOCK_ROWS, sizeof *d->lists, err));
    TRY(mem_alloc(&d->gaps, BLOCK_ROWS, sizeof *d->gaps, err));
    TRY(mem_alloc(&d->queues, u->n_codewords, sizeof *d->queues, err));
    TRY(mem_alloc(&d->wishes, n_wishes, sizeof *d->wishes, err));
    TRY(mem_alloc(&d->going, n_wishes, sizeof *d->going, err));
    TRY(mem_alloc(&d->asked, n_wishes, sizeof *d->asked, err));
    TRY(nearest_new(&d->search, u->n_codewords, u->dim, err));
    nearest_set(d->search, semid_codebook_level(u->cb, j->level));
    return SEMID_OK;
}

static void desk_release(desk *d) {
    mem_free(d->counts);
    mem_free(d->bias);
    mem_free(d->kept);
    mem_free(d->block);
    mem_free(d->errors);
    mem_free(d->found);
    mem_free(d->lists);
    mem_free(d->gaps);
    mem_free(d->queues);
    mem_free(d->wishes);
    mem_free(d->going);
    mem_free(d->asked);
    nearest_free(d->search);
}

/* The first desk also takes large prefixes. */
static semid_status make_desks(job *j, semid_error *err) {
    size_t n_most = 0, n_threads = (size_t)threads_get();
    for (size_t c = 0; c < j->n_crowds; c++)
        if (j->crowds[c].n_rows > n_most) n_most = j->crowds[c].n_rows;
    j->kept_rows = KEPT_BYTES / (j->u->dim * sizeof(float));
    j->n_desks = n_threads < j->n_crowds ? n_threads : j->n_crowds;
    TRY(mem_calloc(&j->desks, j->n_desks, sizeof *j->desks, err));
    for (size_t i = 0; i < j->n_desks; i++)
        TRY(desk_init(&j->desks[i], j, i > 0 && n_most > LARGE_ROWS ? LARGE_ROWS : n_most, err));
    return SEMID_OK;
}

static semid_status spill_large_crowds(job *j, semid_error *err) {
    for (size_t c = 0; c < j->n_crowds; c++)
        if (j->crowds[c].n_rows > LARGE_ROWS) TRY(spill_crowd(j->desks, &j->crowds[c], err));
    return SEMID_OK;
}

static void spill_small_crowd(void *user, size_t chunk, size_t begin, size_t end) {
    job *j = user;
    semid_error error;
    (void)end;
    if (j->crowds[begin].n_rows > LARGE_ROWS || failure_before(&j->failure, chunk)) return;
    semid_status status = spill_crowd(&j->desks[threads_worker()], &j->crowds[begin], &error);
    failure_note(&j->failure, chunk, status, &error);
}

semid_status unique_spill(unique *u, size_t level, semid_error *err) {
    semid_status status;
    job j = {.u = u, .level = level};
    failure_init(&j.failure);
    j.room = unique_codes_below(u->n_codewords, u->n_levels - 1 - level);
    TRY_GOTO(find_crowds(&j, err));
    if (j.n_crowds == 0) goto done;
    TRY_GOTO(make_desks(&j, err));
    TRY_GOTO(spill_large_crowds(&j, err));
    parallel_chunks(j.n_crowds, 1, spill_small_crowd, &j);
    TRY_GOTO(failure_status(&j.failure, err));
    code_order_sort(&u->order);
done:
    for (size_t i = 0; j.desks && i < j.n_desks; i++) desk_release(&j.desks[i]);
    mem_free(j.desks);
    mem_free(j.crowds);
    return status;
}
