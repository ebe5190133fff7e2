#include "eval/rank.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>

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

/* One held-out item: its score, and within which distance of it a float32 score says nothing. */
typedef struct target {
    const float *profile;
    uint32_t row;
    double score;
    float floor, ceiling; /* below: surely worse; above: surely better */
} target;

static target target_of(const ranker *r, const float *profile, uint32_t row) {
    double norm = sqrt(dot_double(profile, profile, r->dim));
    /* A sum of n products in any order is off by at most n 2^-24 |a| |b| (Higham 2002, 3.1). */
    double margin = ((double)r->dim + 8) * 0x1p-24 * norm * r->largest_norm;
    double score = dot_double(profile, r->x + row * r->dim, r->dim);
    return (target){.profile = profile,
                    .row = row,
                    .score = score,
                    .floor = nextafterf((float)(score - margin), -INFINITY),
                    .ceiling = nextafterf((float)(score + margin), INFINITY)};
}

static bool is_better_exactly(const ranker *r, const target *t, uint32_t row) {
    double score = dot_double(t->profile, r->x + row * r->dim, r->dim);
    if (score != t->score) return score > t->score;
    return r->high_row_first ? row > t->row : row < t->row;
}

/* `score` is the float32 one, not below the floor. */
static bool is_better(const ranker *r, const target *t, uint32_t row, float score) {
    return score > t->ceiling || (row != t->row && is_better_exactly(r, t, row));
}

uint32_t rank_among(const ranker *r, const float *profile, uint32_t target_row,
                    const uint32_t *rows, size_t n, float *scores) {
    const kernel_table *k = kernels();
    target t = target_of(r, profile, target_row);
    uint32_t rank = 0;
    for (size_t i = 0; i < n; i++) scores[i] = k->dot_f32(profile, r->x + rows[i] * r->dim, r->dim);
    for (size_t i = 0; i < n; i++)
        rank += scores[i] >= t.floor && is_better(r, &t, rows[i], scores[i]);
    return rank;
}

/* ---- the whole catalogue ---- */

enum { CHUNK_QUERIES = 64 };

typedef struct search {
    const ranker *r;
    const rank_queries *q;
    uint32_t limit, *ranks;
    target *targets;  /* [q->n] */
    float *floors;    /* [q->n] of the targets */
    uint32_t *counts; /* [q->n] better items so far */
    uint32_t *stops;  /* [q->n] at so many the place is beyond the limit */
} search;

static void begin_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    search *s = user;
    const rank_queries *q = s->q;
    for (size_t i = begin; i < end; i++) {
        size_t n_masked = q->masked ? histories_length(q->masked, q->users[i]) : 0;
        s->stops[i] = s->limit + (uint32_t)n_masked;
        s->targets[i] = target_of(s->r, q->profiles + i * s->r->dim, q->targets[i]);
        s->floors[i] = s->targets[i].floor;
    }
}

static float count_row(void *user, size_t query, uint32_t row, float score) {
    search *s = user;
    const target *t = &s->targets[query];
    s->counts[query] += is_better(s->r, t, row, score);
    return s->counts[query] < s->stops[query] ? t->floor : INFINITY;
}

/* Better items that the user's history hides were counted too. */
static uint32_t count_masked(const search *s, const target *t, uint32_t user) {
    const histories *h = s->q->masked;
    uint32_t n = 0;
    if (!h) return 0;
    for (uint64_t i = h->offsets[user]; i < h->offsets[user + 1]; i++) {
        if (i > h->offsets[user] && h->sorted[i] == h->sorted[i - 1]) continue;
        if (h->sorted[i] != t->row) n += is_better_exactly(s->r, t, h->sorted[i]);
    }
    return n;
}

static void finish_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    search *s = user;
    for (size_t i = begin; i < end; i++) {
        s->ranks[i] = RANK_NONE;
        if (s->counts[i] >= s->stops[i]) continue;
        uint32_t rank = s->counts[i] - count_masked(s, &s->targets[i], s->q->users[i]);
        if (rank < s->limit) s->ranks[i] = rank;
    }
}

semid_status rank_in_catalogue(const ranker *r, const rank_queries *q, uint32_t limit,
                               uint32_t *ranks, semid_error *err) {
    semid_status status;
    search s = {.r = r, .q = q, .limit = limit, .ranks = ranks};
    device_scan scan = {.queries = q->profiles,
                        .items = r->x,
                        .n_queries = q->n,
                        .n_items = r->n_items,
                        .dim = r->dim,
                        .visit = count_row,
                        .user = &s};
    TRY_GOTO(mem_alloc(&s.targets, q->n, sizeof *s.targets, err));
    TRY_GOTO(mem_alloc(&s.floors, q->n, sizeof *s.floors, err));
    TRY_GOTO(mem_calloc(&s.counts, q->n, sizeof *s.counts, err));
    TRY_GOTO(mem_alloc(&s.stops, q->n, sizeof *s.stops, err));
    scan.floors = s.floors;
    parallel_chunks(q->n, CHUNK_QUERIES, begin_chunk, &s);
    TRY_GOTO(r->device->scan_inner(&scan, err));
    parallel_chunks(q->n, CHUNK_QUERIES, finish_chunk, &s);
done:
    mem_free(s.targets);
    mem_free(s.floors);
    mem_free(s.counts);
    mem_free(s.stops);
    return status;
}
