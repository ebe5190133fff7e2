#include "eval/rank.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

static double dot_double(const float *a, const float *b, size_t n) {
    double lanes[4] = {0};
    size_t j = 0;
    for (; j + 4 <= n; j += 4)
        for (size_t l = 0; l < 4; l++) lanes[l] += (double)a[j + l] * (double)b[j + l];
    for (; j < n; j++) lanes[0] += (double)a[j] * (double)b[j];
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

void ranker_init(ranker *r, const float *x, size_t n_items, size_t dim, bool high_row_first) {
    double largest = 0;
    for (size_t i = 0; i < n_items; i++) {
        double norm = dot_double(x + i * dim, x + i * dim, dim);
        if (norm > largest) largest = norm;
    }
    *r = (ranker){.x = x,
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

/* Queries a task handles, and rows after which those that are decided leave it. */
enum { TASK_QUERIES = 64, ROUND_ROWS = 1536, MAX_PANELS = TASK_QUERIES / PANEL_WIDTH };

typedef struct search_task {
    const ranker *r;
    const rank_queries *q;
    uint32_t limit, *ranks;
    float *panels; /* [workers, MAX_PANELS, dim, PANEL_WIDTH] */
} search_task;

/* What one worker is at: the queries that are not decided yet. */
typedef struct search {
    target targets[TASK_QUERIES];
    uint32_t counts[TASK_QUERIES],
        stop[TASK_QUERIES]; /* at `stop` better items: beyond the limit */
    size_t query[TASK_QUERIES];
    size_t n;
    float *panels;
} search;

static void begin_search(const search_task *task, search *s, size_t begin, size_t end) {
    const rank_queries *q = task->q;
    s->n = 0;
    for (size_t i = begin; i < end; i++) {
        size_t n_masked = q->masked ? histories_length(q->masked, q->users[i]) : 0;
        s->query[s->n] = i;
        s->counts[s->n] = 0;
        s->stop[s->n] = task->limit + (uint32_t)n_masked;
        s->targets[s->n++] = target_of(task->r, q->profiles + i * task->r->dim, q->targets[i]);
    }
}

/* Queries side by side as the kernel reads them; the last panel is filled with zeros. */
static void pack_panels(const search_task *task, search *s) {
    size_t dim = task->r->dim, n_panels = chunk_count(s->n, PANEL_WIDTH);
    memset(s->panels, 0, n_panels * PANEL_WIDTH * dim * sizeof *s->panels);
    for (size_t i = 0; i < s->n; i++) {
        float *panel = s->panels + i / PANEL_WIDTH * PANEL_WIDTH * dim + i % PANEL_WIDTH;
        for (size_t j = 0; j < dim; j++) panel[j * PANEL_WIDTH] = s->targets[i].profile[j];
    }
}

static void count_row(const ranker *r, search *s, size_t first, unsigned above, uint32_t row,
                      const float *scores) {
    for (; above; above &= above - 1) {
        size_t lane = (size_t)__builtin_ctz(above), i = first + lane;
        if (s->counts[i] < s->stop[i])
            s->counts[i] += is_better(r, &s->targets[i], row, scores[lane]);
    }
}

/* Rows [begin, end) against one panel of queries. */
static void scan_panel(const ranker *r, search *s, size_t first, size_t begin, size_t end) {
    float scores[KERNEL_MAX_ROWS * PANEL_WIDTH], floors[PANEL_WIDTH];
    uint16_t above[KERNEL_MAX_ROWS];
    const float *panel = s->panels + first * r->dim;
    for (size_t l = 0; l < PANEL_WIDTH; l++)
        floors[l] = first + l < s->n && s->counts[first + l] < s->stop[first + l]
                        ? s->targets[first + l].floor
                        : INFINITY;
    kernels()->inner_f32(r->x + begin * r->dim, end - begin, panel, r->dim, floors, scores, above);
    for (size_t row = begin; row < end; row++)
        if (above[row - begin])
            count_row(r, s, first, above[row - begin], (uint32_t)row,
                      scores + (row - begin) * PANEL_WIDTH);
}

static void scan_round(const ranker *r, search *s, size_t begin, size_t end) {
    for (size_t row = begin; row < end; row += KERNEL_MAX_ROWS) {
        size_t stop = end - row > KERNEL_MAX_ROWS ? row + KERNEL_MAX_ROWS : end;
        for (size_t first = 0; first < s->n; first += PANEL_WIDTH)
            scan_panel(r, s, first, row, stop);
    }
}

/* Leave out the queries whose item is beyond the limit already. Returns whether any went. */
static bool drop_decided(const search_task *task, search *s) {
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->counts[i] >= s->stop[i]) {
            task->ranks[s->query[i]] = RANK_NONE;
            continue;
        }
        s->targets[kept] = s->targets[i];
        s->counts[kept] = s->counts[i];
        s->stop[kept] = s->stop[i];
        s->query[kept++] = s->query[i];
    }
    bool any = kept < s->n;
    s->n = kept;
    return any;
}

/* Better items that the user's history hides were counted too. */
static uint32_t count_masked(const search_task *task, const target *t, uint32_t user) {
    const histories *h = task->q->masked;
    uint32_t n = 0;
    if (!h) return 0;
    for (uint64_t i = h->offsets[user]; i < h->offsets[user + 1]; i++) {
        if (i > h->offsets[user] && h->sorted[i] == h->sorted[i - 1]) continue;
        if (h->sorted[i] != t->row) n += is_better_exactly(task->r, t, h->sorted[i]);
    }
    return n;
}

static void search_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const search_task *task = user;
    search s;
    s.panels = task->panels + (size_t)threads_worker() * MAX_PANELS * PANEL_WIDTH * task->r->dim;
    begin_search(task, &s, begin, end);
    pack_panels(task, &s);
    for (size_t row = 0; row < task->r->n_items && s.n > 0 && !interrupted(); row += ROUND_ROWS) {
        size_t left = task->r->n_items - row;
        scan_round(task->r, &s, row, row + (left < ROUND_ROWS ? left : ROUND_ROWS));
        if (drop_decided(task, &s)) pack_panels(task, &s);
    }
    for (size_t i = 0; i < s.n; i++) {
        uint32_t rank = s.counts[i] - count_masked(task, &s.targets[i], task->q->users[s.query[i]]);
        task->ranks[s.query[i]] = rank < task->limit ? rank : RANK_NONE;
    }
}

semid_status rank_in_catalogue(const ranker *r, const rank_queries *q, uint32_t limit,
                               uint32_t *ranks, semid_error *err) {
    search_task task = {.r = r, .q = q, .limit = limit, .ranks = ranks};
    size_t n_panels = (size_t)threads_get() * MAX_PANELS;
    TRY(mem_alloc(&task.panels, n_panels, PANEL_WIDTH * r->dim * sizeof(float), err));
    parallel_chunks(q->n, TASK_QUERIES, search_chunk, &task);
    mem_free(task.panels);
    if (interrupted()) FAIL(SEMID_ERR_INTERRUPTED, "interrupted");
    return SEMID_OK;
}
