#include "quant/unique.h"

#include "base/log.h"
#include "base/memory.h"
#include "kernels/kernels.h"
#include "quant/codebook.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows whose residuals are held at once. */
enum { BLOCK_ROWS = 1024 };

/* A row of a crowded codeword and the nearest codeword with room. */
typedef struct wish {
    double regret; /* what going there adds to its squared error */
    uint32_t row;
    int32_t from, to;
} wish;

typedef struct spill {
    unique *u;
    size_t level, room, n_rows;
    const uint32_t *rows; /* [n_rows] of the prefix */
    size_t *counts;       /* [K] rows a codeword holds */
    float *bias;          /* [K] +inf: no room */
    nearest *search;
    float *block;      /* [BLOCK_ROWS, dim] */
    float *distances;  /* [BLOCK_ROWS, L] */
    shortlist *lists;  /* [BLOCK_ROWS], where rows have shortlists */
    int32_t *found;    /* [BLOCK_ROWS, L] */
    uint32_t *asked;   /* [n_rows] rows of crowded codewords whose wish is to be found */
    wish *wishes;      /* [n_rows] of rows of crowded codewords */
    wish *going;       /* [n_rows] of those that have to leave */
    uint32_t *leaving; /* [n_rows] rows that moved */
    size_t n_asked, n_wishes, n_going, n_leaving;
} spill;

static void spill_release(spill *s) {
    mem_free(s->counts);
    mem_free(s->bias);
    nearest_free(s->search);
    mem_free(s->block);
    mem_free(s->distances);
    mem_free(s->lists);
    mem_free(s->found);
    mem_free(s->asked);
    mem_free(s->wishes);
    mem_free(s->going);
    mem_free(s->leaving);
}

static semid_status spill_init(spill *s, semid_error *err) {
    const unique *u = s->u;
    TRY(mem_calloc(&s->counts, u->n_codewords, sizeof *s->counts, err));
    TRY(mem_alloc(&s->bias, u->n_codewords, sizeof *s->bias, err));
    TRY(nearest_new(&s->search, u->n_codewords, u->dim, err));
    TRY(mem_alloc(&s->block, BLOCK_ROWS, u->dim * sizeof *s->block, err));
    TRY(mem_alloc(&s->distances, BLOCK_ROWS, u->n_levels * sizeof *s->distances, err));
    if (u->lists) TRY(mem_alloc(&s->lists, BLOCK_ROWS, sizeof *s->lists, err));
    TRY(mem_alloc(&s->found, BLOCK_ROWS, u->n_levels * sizeof *s->found, err));
    TRY(mem_alloc(&s->asked, s->n_rows, sizeof *s->asked, err));
    TRY(mem_alloc(&s->wishes, s->n_rows, sizeof *s->wishes, err));
    TRY(mem_alloc(&s->going, s->n_rows, sizeof *s->going, err));
    return mem_alloc(&s->leaving, s->n_rows, sizeof *s->leaving, err);
}

static int32_t *code_of(const spill *s, uint32_t row) {
    return &s->u->codes[row * s->u->n_levels + s->level];
}

static double price(const spill *s, int32_t code) {
    const unique *u = s->u;
    return u->prices ? (double)u->prices[s->level * u->n_codewords + (size_t)code] : 0;
}

static semid_status read_block(const spill *s, const uint32_t *rows, size_t n, size_t n_levels,
                               semid_error *err) {
    for (size_t i = 0; i < n; i++)
        TRY(unique_residual(s->u, rows[i], n_levels, s->block + i * s->u->dim, err));
    return SEMID_OK;
}

/* ---- who wants to go where ---- */

static void close_full_codewords(const spill *s) {
    const unique *u = s->u;
    for (size_t k = 0; k < u->n_codewords; k++)
        s->bias[k] = s->counts[k] < s->room ? (float)price(s, (int32_t)k) : INFINITY;
    nearest_set_biased(s->search, semid_codebook_level(u->cb, s->level), s->bias);
}

static void wish_block(spill *s, const uint32_t *rows, size_t n) {
    const unique *u = s->u;
    nearest_find(s->search, s->block, n, s->found, s->distances);
    for (size_t i = 0; i < n; i++) {
        int32_t from = *code_of(s, rows[i]);
        float *residual = s->block + i * u->dim;
        kernels()->sub_f32(residual, semid_codebook_level(u->cb, s->level) + (size_t)from * u->dim,
                           u->dim);
        double here = (double)kernels()->dot_f32(residual, residual, u->dim) + price(s, from);
        s->wishes[s->n_wishes++] =
            (wish){.regret = (double)s->distances[i] + price(s, s->found[i]) - here,
                   .row = rows[i],
                   .from = from,
                   .to = s->found[i]};
    }
}

static semid_status find_wishes(spill *s, semid_error *err) {
    if (s->n_asked > 0) close_full_codewords(s);
    for (size_t i = 0; i < s->n_asked; i += BLOCK_ROWS) {
        size_t n = s->n_asked - i < BLOCK_ROWS ? s->n_asked - i : BLOCK_ROWS;
        if (interrupted()) FAIL(SEMID_ERR_INTERRUPTED, "interrupted");
        TRY(read_block(s, s->asked + i, n, s->level, err));
        wish_block(s, s->asked + i, n);
    }
    s->n_asked = 0;
    return SEMID_OK;
}

static void ask_crowded(spill *s) {
    for (size_t i = 0; i < s->n_rows; i++)
        if (s->counts[*code_of(s, s->rows[i])] > s->room) s->asked[s->n_asked++] = s->rows[i];
}

/* Codewords only fill up: a wish holds until the codeword it names is full. */
static void ask_again(spill *s) {
    size_t kept = 0;
    for (size_t i = 0; i < s->n_wishes; i++) {
        const wish *w = &s->wishes[i];
        if (*code_of(s, w->row) != w->from || s->counts[w->from] <= s->room) continue;
        if (s->counts[w->to] < s->room)
            s->wishes[kept++] = *w;
        else
            s->asked[s->n_asked++] = w->row;
    }
    s->n_wishes = kept;
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
static void choose_going(spill *s) {
    size_t n = 0;
    s->n_going = 0;
    qsort(s->wishes, s->n_wishes, sizeof *s->wishes, leaving_order);
    for (size_t i = 0; i < s->n_wishes; i++) {
        n = i > 0 && s->wishes[i].from == s->wishes[i - 1].from ? n + 1 : 0;
        if (n < s->counts[s->wishes[i].from] - s->room) s->going[s->n_going++] = s->wishes[i];
    }
}

/* Grant wishes until the codewords they name are full. */
static void grant(spill *s) {
    qsort(s->going, s->n_going, sizeof *s->going, arriving_order);
    for (size_t i = 0; i < s->n_going; i++) {
        const wish *w = &s->going[i];
        if (s->counts[w->to] >= s->room) continue;
        s->counts[w->from]--;
        s->counts[w->to]++;
        *code_of(s, w->row) = w->to;
        s->u->moved[w->row] = 2;
        s->leaving[s->n_leaving++] = w->row;
    }
}

/* A row's new errors: of this level, whose codeword left `residual`, and of the levels below. */
static void store_errors(const spill *s, uint32_t row, const float *residual, const float *below) {
    const unique *u = s->u;
    size_t n_below = u->n_levels - s->level - 1;
    float *errors = u->errors + row * u->n_levels + s->level;
    errors[0] = kernels()->dot_f32(residual, residual, u->dim);
    memcpy(errors + 1, below, n_below * sizeof *below);
}

/* Levels below are greedy again. */
static semid_status encode_below(spill *s, semid_error *err) {
    const unique *u = s->u;
    size_t first = s->level + 1, n_below = u->n_levels - first;
    for (size_t i = 0; i < s->n_leaving; i += BLOCK_ROWS) {
        size_t n = s->n_leaving - i < BLOCK_ROWS ? s->n_leaving - i : BLOCK_ROWS;
        TRY(read_block(s, s->leaving + i, n, first, err));
        nearest_find_residual(codebook_searches(u->cb) + first, n_below, s->block, n, s->found,
                              s->distances, s->lists);
        for (size_t r = 0; r < n; r++) {
            uint32_t row = s->leaving[i + r];
            memcpy(code_of(s, row) + 1, s->found + r * n_below, n_below * sizeof *s->found);
            if (u->lists) u->lists[row] = s->lists[r];
            if (u->errors) store_errors(s, row, s->block + r * u->dim, s->distances + r * n_below);
        }
    }
    return SEMID_OK;
}

static bool is_crowded(const spill *s) {
    for (size_t k = 0; k < s->u->n_codewords; k++)
        if (s->counts[k] > s->room) return true;
    return false;
}

semid_status unique_spill(unique *u, size_t level, size_t begin, size_t end, size_t room,
                          size_t *n_moved, semid_error *err) {
    semid_status status;
    spill s = {
        .u = u, .level = level, .room = room, .n_rows = end - begin, .rows = u->order.rows + begin};
    TRY_GOTO(spill_init(&s, err));
    for (size_t i = 0; i < s.n_rows; i++) s.counts[*code_of(&s, s.rows[i])]++;
    ask_crowded(&s);
    while (is_crowded(&s)) {
        TRY_GOTO(find_wishes(&s, err));
        choose_going(&s);
        grant(&s);
        ask_again(&s);
    }
    TRY_GOTO(encode_below(&s, err));
    *n_moved += s.n_leaving;
done:
    spill_release(&s);
    return status;
}
