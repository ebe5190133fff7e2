#include "quant/unique.h"

#include "base/failure.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "quant/codebook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEPT_BYTES = 4 << 20, /* of residuals that a thread keeps for a second look */
    BLOCK_ROWS = 256,     /* that are looked at again at once */
    READ_ROWS = 32,       /* that a thread reads at a time */
    LARGE_ROWS = 8192     /* a prefix with more to look at is shared by all threads */
};

/* A prefix, order[begin, end), in which codewords hold too many rows. */
typedef struct crowd {
    size_t begin, end, n_rows; /* n_rows: of such codewords */
} crowd;

/* A row of a crowded codeword and the nearest codeword with room. */
typedef struct wish {
    double regret; /* what going there adds to its squared error */
    uint32_t row, slot;
    int32_t from, to;
} wish;

/* Room for a prefix. */
typedef struct desk {
    const struct job *job;
    size_t *counts; /* [K] rows a codeword holds */
    size_t n_excess;
    float *bias; /* [K] +inf: no room */
    nearest *search;
    float *kept;    /* [kept_rows, dim] residuals above the level, of wishes by slot if they fit */
    float *block;   /* [BLOCK_ROWS, dim] */
    float *errors;  /* [kept_rows, L] */
    int32_t *found; /* [kept_rows, L] */
    shortlist *lists; /* [BLOCK_ROWS], where rows have shortlists */
    wish *wishes;     /* [n_wishes], from n_known on they are to be found */
    wish *going;      /* [n_going] of those that have to leave */
    size_t n_wishes, n_known, n_going;
    bool is_kept, is_first;
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
    const wish *wishes;
    float *out;
    failure failure;
} reading;

static void read_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    reading *r = user;
    const job *j = r->d->job;
    semid_status status = SEMID_OK;
    semid_error error;
    for (size_t i = begin; status == SEMID_OK && i < end; i++)
        status = unique_residual(j->u, r->wishes[i].row, j->level, r->out + i * j->u->dim, &error);
    failure_note(&r->failure, chunk, status, &error);
}

static semid_status read_rows(const desk *d, const wish *wishes, size_t n, float *out,
                              semid_error *err) {
    reading r = {.d = d, .wishes = wishes, .out = out};
    failure_init(&r.failure);
    parallel_chunks(n, READ_ROWS, read_chunk, &r);
    return failure_status(&r.failure, err);
}

/* Once more. */
static semid_status fetch_rows(const desk *d, const wish *wishes, size_t n, float *out,
                               semid_error *err) {
    size_t dim = d->job->u->dim;
    if (!d->is_kept) return read_rows(d, wishes, n, out, err);
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * dim, d->kept + wishes[i].slot * dim, dim * sizeof *out);
    return SEMID_OK;
}

/* ---- who wants to go where ---- */

static void close_full_codewords(desk *d) {
    for (size_t k = 0; k < d->job->u->n_codewords; k++)
        d->bias[k] = d->counts[k] < d->job->room ? (float)price(d, (int32_t)k) : INFINITY;
    nearest_set_bias(d->search, d->bias);
}

static void find_block(desk *d, wish *wishes, size_t n, const float *residuals) {
    size_t dim = d->job->u->dim;
    nearest_find(d->search, residuals, n, d->found, d->errors);
    for (size_t i = 0; i < n; i++) {
        wish *w = &wishes[i];
        double here = (double)kernels()->sqdist_f32(residuals + i * dim, codeword(d, w->from), dim);
        w->to = d->found[i];
        w->regret = (double)d->errors[i] + price(d, w->to) - here - price(d, w->from);
    }
}

static semid_status find_wishes(desk *d, semid_error *err) {
    size_t step = d->is_first ? d->job->kept_rows : BLOCK_ROWS, n;
    if (d->n_known < d->n_wishes) close_full_codewords(d);
    for (; d->n_known < d->n_wishes; d->n_known += n) {
        wish *wishes = d->wishes + d->n_known;
        float *residuals = d->is_first ? d->kept : d->block;
        n = d->n_wishes - d->n_known < step ? d->n_wishes - d->n_known : step;
        if (interrupted()) FAIL(SEMID_ERR_INTERRUPTED, "interrupted");
        TRY((d->is_first ? read_rows : fetch_rows)(d, wishes, n, residuals, err));
        find_block(d, wishes, n, residuals);
    }
    d->is_first = false;
    return SEMID_OK;
}

/* Codewords only fill up: a wish holds until the codeword it names is full. */
static void ask_again(desk *d) {
    size_t n = 0, room = d->job->room;
    d->n_known = 0;
    for (size_t i = 0; i < d->n_wishes; i++) {
        wish w = d->wishes[i];
        if (*code_of(d, w.row) != w.from || d->counts[w.from] <= room) continue;
        d->wishes[n++] = w;
        if (d->counts[w.to] >= room) continue;
        d->wishes[n - 1] = d->wishes[d->n_known];
        d->wishes[d->n_known++] = w;
    }
    d->n_wishes = n;
}

/* ---- who goes ---- */

/* By codeword; who loses least leaves first, and of equal rows the last. */
static int leaving_order(const void *a, const void *b) {
    const wish *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    if (x->regret != y->regret) return x->regret < y->regret ? -1 : 1;
    return (x->row < y->row) - (x->row > y->row);
}

/* Who loses least is served first, and of equal rows the first. */
static int arriving_order(const void *a, const void *b) {
    const wish *x = a, *y = b;
    if (x->regret != y->regret) return x->regret < y->regret ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Those that have to leave: as many a codeword as it holds too many. */
static void choose_going(desk *d) {
    size_t n = 0;
    d->n_going = 0;
    qsort(d->wishes, d->n_wishes, sizeof *d->wishes, leaving_order);
    for (size_t i = 0; i < d->n_wishes; i++) {
        n = i > 0 && d->wishes[i].from == d->wishes[i - 1].from ? n + 1 : 0;
        if (n < d->counts[d->wishes[i].from] - d->job->room) d->going[d->n_going++] = d->wishes[i];
    }
}

/* Grant wishes until the codewords they name are full; the others stay for now. */
static void grant(desk *d) {
    size_t n = 0;
    qsort(d->going, d->n_going, sizeof *d->going, arriving_order);
    for (size_t i = 0; i < d->n_going; i++) {
        wish w = d->going[i];
        if (d->counts[w.to] >= d->job->room) continue;
        d->counts[w.from]--;
        d->counts[w.to]++;
        d->n_excess--;
        *code_of(d, w.row) = w.to;
        d->job->u->moved[w.row] = 2;
        d->going[n++] = w;
    }
    d->n_going = n;
}

/* ---- what becomes of those that went ---- */

/* What was found below the level for row i of a block, whose new codeword left over `residual`. */
static void store(const desk *d, size_t i, uint32_t row, const float *residual) {
    const unique *u = d->job->u;
    size_t n_below = u->n_levels - d->job->level - 1;
    memcpy(code_of(d, row) + 1, d->found + i * n_below, n_below * sizeof *d->found);
    if (u->lists) u->lists[row] = d->lists[i];
    if (!u->errors) return;
    float *errors = u->errors + row * u->n_levels + d->job->level;
    errors[0] = kernels()->dot_f32(residual, residual, u->dim);
    memcpy(errors + 1, d->errors + i * n_below, n_below * sizeof *errors);
}

/* Levels below are greedy again. */
static semid_status encode_below(desk *d, semid_error *err) {
    const unique *u = d->job->u;
    size_t first = d->job->level + 1, n_below = u->n_levels - first, n;
    for (size_t i = 0; i < d->n_going; i += n) {
        const wish *wishes = d->going + i;
        n = d->n_going - i < BLOCK_ROWS ? d->n_going - i : BLOCK_ROWS;
        TRY(fetch_rows(d, wishes, n, d->block, err));
        for (size_t r = 0; r < n; r++)
            kernels()->sub_f32(d->block + r * u->dim, codeword(d, wishes[r].to), u->dim);
        nearest_find_residual(codebook_searches(u->cb) + first, n_below, d->block, n, d->found,
                              d->errors, u->lists ? &(shortlists){.of_row = d->lists} : NULL);
        for (size_t r = 0; r < n; r++) store(d, r, wishes[r].row, d->block + r * u->dim);
    }
    return SEMID_OK;
}

/* ---- a prefix ---- */

/* Count the rows of each codeword, and list those of crowded ones. */
static void list_rows(desk *d, const crowd *c) {
    const job *j = d->job;
    const code_order *order = &j->u->order;
    memset(d->counts, 0, j->u->n_codewords * sizeof *d->counts);
    d->n_excess = d->n_wishes = d->n_known = 0;
    for (size_t begin = c->begin, end; begin < c->end; begin = end) {
        int32_t from = *code_of(d, order->rows[begin]);
        end = code_order_run(order, begin, c->end, j->level + 1);
        d->counts[from] = end - begin;
        if (end - begin <= j->room) continue;
        d->n_excess += end - begin - j->room;
        for (size_t i = begin; i < end; i++, d->n_wishes++)
            d->wishes[d->n_wishes] =
                (wish){.row = order->rows[i], .slot = (uint32_t)d->n_wishes, .from = from};
    }
    d->is_first = true;
    d->is_kept = d->n_wishes <= j->kept_rows;
}

static semid_status spill_crowd(desk *d, const crowd *c, semid_error *err) {
    list_rows(d, c);
    while (d->n_excess > 0) {
        TRY(find_wishes(d, err));
        choose_going(d);
        grant(d);
        TRY(encode_below(d, err));
        ask_again(d);
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
    TRY(mem_alloc(&d->errors, j->kept_rows, u->n_levels * sizeof *d->errors, err));
    TRY(mem_alloc(&d->found, j->kept_rows, u->n_levels * sizeof *d->found, err));
    if (u->lists) TRY(mem_alloc(&d->lists, BLOCK_ROWS, sizeof *d->lists, err));
    TRY(mem_alloc(&d->wishes, n_wishes, sizeof *d->wishes, err));
    TRY(mem_alloc(&d->going, n_wishes, sizeof *d->going, err));
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
    mem_free(d->wishes);
    mem_free(d->going);
    nearest_free(d->search);
}

/* The first desk also takes large prefixes. */
static semid_status make_desks(job *j, semid_error *err) {
    size_t n_most = 0, n_threads = (size_t)threads_get();
    for (size_t c = 0; c < j->n_crowds; c++)
        if (j->crowds[c].n_rows > n_most) n_most = j->crowds[c].n_rows;
    j->kept_rows = KEPT_BYTES / (j->u->dim * sizeof(float));
    if (j->kept_rows < BLOCK_ROWS) j->kept_rows = BLOCK_ROWS;
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
