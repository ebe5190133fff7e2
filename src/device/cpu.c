#include "device/device.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A task is a block of queries against a segment of the items; segments are many enough for a
 * single query to keep several cores busy, and few enough for their lists to stay small. */
enum { TASK_PANELS = 4, MIN_SEGMENT_ROWS = 16384, MAX_SEGMENTS = 16 };

typedef struct topk {
    const float *items, *panels; /* panels [n_panels, dim, PANEL_WIDTH]: the queries */
    size_t n_items, n_queries, dim, k;
    size_t segment_rows, n_segments, n_query_blocks;
    device_hit *lists; /* [n_segments, n_queries, k] heaps, the worst hit first */
    size_t *lengths;   /* [n_segments, n_queries] */
} topk;

static bool is_worse(device_hit a, device_hit b) {
    return a.score != b.score ? a.score < b.score : a.row > b.row;
}

/* Put `hit` at the root of heap [n] or below. */
static void sift_down(device_hit *heap, size_t n, device_hit hit) {
    size_t at = 0;
    for (size_t child = 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && is_worse(heap[child + 1], heap[child])) child++;
        if (!is_worse(heap[child], hit)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = hit;
}

static void sift_up(device_hit *heap, size_t at, device_hit hit) {
    for (; at > 0 && is_worse(hit, heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = hit;
}

static void offer(device_hit *heap, size_t *length, size_t k, device_hit hit) {
    if (*length < k)
        sift_up(heap, (*length)++, hit);
    else if (is_worse(heap[0], hit))
        sift_down(heap, k, hit);
}

/* Rows [begin, end) against one panel of queries, of which n are real. */
static void scan_panel(const topk *t, const float *panel, size_t n, size_t begin, size_t end,
                       device_hit *lists, size_t *lengths) {
    float scores[KERNEL_MAX_ROWS * PANEL_WIDTH], floors[PANEL_WIDTH];
    uint16_t above[KERNEL_MAX_ROWS];
    for (size_t i = 0; i < PANEL_WIDTH; i++) {
        bool full = i < n && lengths[i] == t->k;
        floors[i] = i >= n ? INFINITY : full ? lists[i * t->k].score : -INFINITY;
    }
    kernels()->inner_f32(t->items + begin * t->dim, end - begin, panel, t->dim, floors, scores,
                         above);
    for (size_t r = 0; r < end - begin; r++)
        for (unsigned mask = above[r]; mask; mask &= mask - 1) {
            size_t i = (size_t)__builtin_ctz(mask);
            device_hit hit = {.score = scores[r * PANEL_WIDTH + i], .row = (uint32_t)(begin + r)};
            offer(lists + i * t->k, &lengths[i], t->k, hit);
        }
}

static void search_task(void *user, size_t task, size_t unused_begin, size_t unused_end) {
    (void)unused_begin;
    (void)unused_end;
    const topk *t = user;
    size_t segment = task / t->n_query_blocks, block = task % t->n_query_blocks;
    size_t begin = segment * t->segment_rows, end = begin + t->segment_rows;
    size_t query_end = (block + 1) * TASK_PANELS * PANEL_WIDTH;
    if (end > t->n_items) end = t->n_items;
    if (query_end > t->n_queries) query_end = t->n_queries;
    for (size_t row = begin; row < end && !interrupted(); row += KERNEL_MAX_ROWS) {
        size_t stop = end - row > KERNEL_MAX_ROWS ? row + KERNEL_MAX_ROWS : end;
        for (size_t q = block * TASK_PANELS * PANEL_WIDTH; q < query_end; q += PANEL_WIDTH) {
            size_t n = query_end - q < PANEL_WIDTH ? query_end - q : PANEL_WIDTH;
            size_t list = segment * t->n_queries + q;
            scan_panel(t, t->panels + q * t->dim, n, row, stop, t->lists + list * t->k,
                       t->lengths + list);
        }
    }
}

static int best_first(const void *a, const void *b) {
    device_hit x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return is_worse(x, y) ? 1 : is_worse(y, x) ? -1 : 0;
}

/* The lists of all segments into the first one's, which ends sorted. */
static void merge_segments(const topk *t, size_t query, device_hit *hits) {
    device_hit *first = t->lists + query * t->k;
    size_t length = t->lengths[query];
    for (size_t s = 1; s < t->n_segments; s++) {
        size_t list = s * t->n_queries + query;
        for (size_t i = 0; i < t->lengths[list]; i++)
            offer(first, &length, t->k, t->lists[list * t->k + i]);
    }
    qsort(first, length, sizeof *first, best_first);
    memcpy(hits + query * t->k, first, t->k * sizeof *hits);
}

static void pack_queries(float *panels, const float *queries, size_t n_queries, size_t dim) {
    for (size_t q = 0; q < n_queries; q++) {
        float *panel = panels + q / PANEL_WIDTH * PANEL_WIDTH * dim + q % PANEL_WIDTH;
        for (size_t j = 0; j < dim; j++) panel[j * PANEL_WIDTH] = queries[q * dim + j];
    }
}

static semid_status topk_inner(const float *queries, size_t n_queries, const float *items,
                               size_t n_items, size_t dim, size_t k, device_hit *hits,
                               semid_error *err) {
    semid_status status;
    float *panels = NULL;
    if (k == 0 || k > n_items || n_items > UINT32_MAX)
        FAIL(SEMID_ERR_ARGUMENT, "top-k: expected 1 <= k <= items < 2^32, found k = %zu of %zu", k,
             n_items);
    topk t = {.items = items, .n_items = n_items, .n_queries = n_queries, .dim = dim, .k = k};
    size_t n_panels = chunk_count(n_queries, PANEL_WIDTH);
    t.segment_rows = chunk_count(n_items, MAX_SEGMENTS);
    if (t.segment_rows < MIN_SEGMENT_ROWS) t.segment_rows = MIN_SEGMENT_ROWS;
    t.n_segments = chunk_count(n_items, t.segment_rows);
    t.n_query_blocks = chunk_count(n_panels, TASK_PANELS);
    TRY_GOTO(mem_calloc(&panels, n_panels * PANEL_WIDTH, dim * sizeof *panels, err));
    TRY_GOTO(mem_alloc(&t.lists, t.n_segments * n_queries, k * sizeof *t.lists, err));
    TRY_GOTO(mem_calloc(&t.lengths, t.n_segments, n_queries * sizeof *t.lengths, err));
    pack_queries(panels, queries, n_queries, dim);
    t.panels = panels;
    parallel_chunks(t.n_segments * t.n_query_blocks, 1, search_task, &t);
    if (interrupted()) FAIL_GOTO(SEMID_ERR_INTERRUPTED, "interrupted");
    for (size_t q = 0; q < n_queries; q++) merge_segments(&t, q, hits);
done:
    mem_free(panels);
    mem_free(t.lists);
    mem_free(t.lengths);
    return status;
}

const device device_cpu = {.name = "cpu", .topk_inner = topk_inner};
