#include "eval/rank.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>

/* A rank needs no sorting: it is the number of items that score better than the held-out one, which
 * one pass over the candidates counts.
 *
 * The pass uses float32 inner products, and double only in doubt. A float32 sum of n products, in
 * any order, differs from the exact one by at most n 2^-24 |a| |b| (Higham 2002, 3.1). With that
 * margin around the target's score in double: an item above it is better, one below it is worse,
 * and the few within it are computed again in double. So the result does not depend on the order of
 * summation, hence not on the instruction set or the library that searches.
 *
 * In the whole catalogue the device calls count_row() for rows that are not below the margin. The
 * count stops at limit + length of the hidden history: beyond it the rank is over the limit however
 * many of the better items are hidden. Hidden ones are subtracted at the end. */

static double dot_double(const float *a, const float *b, size_t n) {
    double lanes[4] = {0};
    size_t j = 0;

    for (; j + 4 <= n; j += 4)
        for (size_t l = 0; l < 4; l++) lanes[l] += (double)a[j + l] * (double)b[j + l];
    for (; j < n; j++) lanes[0] += (double)a[j] * (double)b[j];
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

void ranker_init(ranker *r, const device *on, const float *x, size_t n_items, size_t dim,
                 bool high_row_first) {
    double largest = 0;
    for (size_t i = 0; i < n_items; i++) {
        double norm = dot_double(x + i * dim, x + i * dim, dim);
        if (norm > largest) largest = norm;
    }
    *r = (ranker){.device = on,
                  .x = x,
                  .n_items = n_items,
                  .dim = dim,
                  .largest_norm = sqrt(largest),
                  .high_row_first = high_row_first};
}

/* One held-out item: its score, and the float32 scores between which only double decides. */
typedef struct target {
    const float *profile;
    uint32_t row;
    double score;
    float lower, upper; /* below: certainly worse; above: certainly better */
} target;

static target target_of(const ranker *r, const float *profile, uint32_t row) {
    double norm = sqrt(dot_double(profile, profile, r->dim));
    /* dim + 8: the norms are rounded too. */
    double margin = ((double)r->dim + 8) * 0x1p-24 * norm * r->largest_norm;
    double score = dot_double(profile, r->x + row * r->dim, r->dim);
    return (target){.profile = profile,
                    .row = row,
                    .score = score,
                    .lower = nextafterf((float)(score - margin), -INFINITY),
                    .upper = nextafterf((float)(score + margin), INFINITY)};
}

static bool is_better_exactly(const ranker *r, const target *t, uint32_t row) {
    double score = dot_double(t->profile, r->x + row * r->dim, r->dim);
    if (score != t->score) return score > t->score;
    return r->high_row_first ? row > t->row : row < t->row;
}

/* score: in float32, not below the target's lower bound. */
static bool is_better(const ranker *r, const target *t, uint32_t row, float score) {
    return score > t->upper || (row != t->row && is_better_exactly(r, t, row));
}

uint32_t rank_among(const ranker *r, const float *profile, uint32_t target_row,
                    const uint32_t *rows, size_t n, float *scores) {
    const kernel_table *k = kernels();
    target t = target_of(r, profile, target_row);
    uint32_t rank = 0;

    for (size_t i = 0; i < n; i++) scores[i] = k->dot_f32(profile, r->x + rows[i] * r->dim, r->dim);
    for (size_t i = 0; i < n; i++)
        rank += scores[i] >= t.lower && is_better(r, &t, rows[i], scores[i]);
    return rank;
}

/* ---- the whole catalogue ---- */

enum { CHUNK_QUERIES = 64 };

typedef struct rank_task {
    const ranker *r;
    const rank_queries *q;
    uint32_t limit, *ranks;
    target *targets;  /* [q->n] */
    float *floors;    /* [q->n] lower bounds of the targets */
    uint32_t *counts; /* [q->n] better items so far */
    uint32_t *stops;  /* [q->n] counts at which the rank is certainly beyond the limit */
} rank_task;

static void prepare_queries(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    rank_task *t = user;
    const rank_queries *q = t->q;
    for (size_t i = begin; i < end; i++) {
        size_t n_masked = q->masked ? histories_length(q->masked, q->users[i]) : 0;
        t->stops[i] = t->limit + (uint32_t)n_masked;
        t->targets[i] = target_of(t->r, q->profiles + i * t->r->dim, q->targets[i]);
        t->floors[i] = t->targets[i].lower;
    }
}

static float count_row(void *user, size_t query, uint32_t row, float score) {
    rank_task *t = user;
    const target *wanted = &t->targets[query];
    t->counts[query] += is_better(t->r, wanted, row, score);
    return t->counts[query] < t->stops[query] ? wanted->lower : INFINITY;
}

static void finish_ranks(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    rank_task *t = user;
    const histories *hidden = t->q->masked;
    for (size_t i = begin; i < end; i++) {
        t->ranks[i] = RANK_NONE;
        if (t->counts[i] >= t->stops[i]) continue;

        /* Less the better items that the user's history hides, each counted once. */
        const target *wanted = &t->targets[i];
        uint64_t first = hidden ? hidden->offsets[t->q->users[i]] : 0;
        uint64_t last = hidden ? hidden->offsets[t->q->users[i] + 1] : 0;
        uint32_t rank = t->counts[i];
        for (uint64_t h = first; h < last; h++) {
            uint32_t row = hidden->sorted[h];
            if ((h > first && row == hidden->sorted[h - 1]) || row == wanted->row) continue;
            rank -= is_better_exactly(t->r, wanted, row);
        }
        if (rank < t->limit) t->ranks[i] = rank;
    }
}

semid_status rank_in_catalogue(const ranker *r, const rank_queries *q, uint32_t limit,
                               uint32_t *ranks, semid_error *err) {
    semid_status status;
    rank_task task = {.r = r, .q = q, .limit = limit, .ranks = ranks};
    device_scan scan = {.queries = q->profiles,
                        .items = r->x,
                        .n_queries = q->n,
                        .n_items = r->n_items,
                        .dim = r->dim,
                        .visit = count_row,
                        .user = &task};

    TRY_GOTO(mem_alloc(&task.targets, q->n, sizeof *task.targets, err));
    TRY_GOTO(mem_alloc(&task.floors, q->n, sizeof *task.floors, err));
    TRY_GOTO(mem_calloc(&task.counts, q->n, sizeof *task.counts, err));
    TRY_GOTO(mem_alloc(&task.stops, q->n, sizeof *task.stops, err));
    scan.floors = task.floors;

    parallel_chunks(q->n, CHUNK_QUERIES, prepare_queries, &task);
    TRY_GOTO(r->device->scan_inner(&scan, err));
    parallel_chunks(q->n, CHUNK_QUERIES, finish_ranks, &task);
done:
    mem_free(task.targets);
    mem_free(task.floors);
    mem_free(task.counts);
    mem_free(task.stops);
    return status;
}
