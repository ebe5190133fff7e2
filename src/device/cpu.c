#include "device/device.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Queries a task handles, and rows after which those that are done leave it. */
enum { TASK_QUERIES = 64, ROUND_ROWS = 1536, MAX_PANELS = TASK_QUERIES / PANEL_WIDTH };

typedef struct scan_task {
    const device_scan *scan;
    float *panels; /* [workers, MAX_PANELS, dim, PANEL_WIDTH] */
} scan_task;

/* The queries of one task that are still searched for. */
typedef struct open_queries {
    size_t n, query[TASK_QUERIES];
    float floors[TASK_QUERIES];
    float *panels;
} open_queries;

/* Queries side by side as the kernel reads them; the last panel is filled with zeros. */
static void pack_panels(const device_scan *scan, open_queries *open) {
    size_t dim = scan->dim, n_panels = chunk_count(open->n, PANEL_WIDTH);
    memset(open->panels, 0, n_panels * PANEL_WIDTH * dim * sizeof *open->panels);
    for (size_t i = 0; i < open->n; i++) {
        const float *query = scan->queries + open->query[i] * dim;
        float *panel = open->panels + i / PANEL_WIDTH * PANEL_WIDTH * dim + i % PANEL_WIDTH;
        for (size_t j = 0; j < dim; j++) panel[j * PANEL_WIDTH] = query[j];
    }
}

static void visit_row(const device_scan *scan, open_queries *open, size_t first, unsigned above,
                      uint32_t row, const float *scores) {
    for (; above; above &= above - 1) {
        size_t lane = (size_t)__builtin_ctz(above), i = first + lane;
        /* The floor may have risen since the kernel saw it. */
        if (scores[lane] > open->floors[i])
            open->floors[i] = scan->visit(scan->user, open->query[i], row, scores[lane]);
    }
}

/* Rows [begin, end) against one panel of queries. */
static void scan_panel(const device_scan *scan, open_queries *open, size_t first, size_t begin,
                       size_t end) {
    float scores[KERNEL_MAX_ROWS * PANEL_WIDTH], floors[PANEL_WIDTH];
    uint16_t above[KERNEL_MAX_ROWS];
    for (size_t l = 0; l < PANEL_WIDTH; l++)
        floors[l] = first + l < open->n ? open->floors[first + l] : INFINITY;
    kernels()->inner_f32(scan->items + begin * scan->dim, end - begin,
                         open->panels + first * scan->dim, scan->dim, floors, scores, above);
    for (size_t row = begin; row < end; row++)
        if (above[row - begin])
            visit_row(scan, open, first, above[row - begin], (uint32_t)row,
                      scores + (row - begin) * PANEL_WIDTH);
}

static void scan_round(const device_scan *scan, open_queries *open, size_t begin, size_t end) {
    for (size_t row = begin; row < end; row += KERNEL_MAX_ROWS) {
        size_t stop = end - row > KERNEL_MAX_ROWS ? row + KERNEL_MAX_ROWS : end;
        for (size_t first = 0; first < open->n; first += PANEL_WIDTH)
            scan_panel(scan, open, first, row, stop);
    }
}

/* Returns whether any query went. */
static bool drop_finished(open_queries *open) {
    size_t kept = 0;
    for (size_t i = 0; i < open->n; i++) {
        if (open->floors[i] == INFINITY) continue;
        open->query[kept] = open->query[i];
        open->floors[kept++] = open->floors[i];
    }
    bool any = kept < open->n;
    open->n = kept;
    return any;
}

static void scan_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const scan_task *task = user;
    const device_scan *scan = task->scan;
    open_queries open = {.n = end - begin};
    open.panels = task->panels + (size_t)threads_worker() * MAX_PANELS * PANEL_WIDTH * scan->dim;
    for (size_t i = 0; i < open.n; i++) {
        open.query[i] = begin + i;
        open.floors[i] = scan->floors[begin + i];
    }
    pack_panels(scan, &open);
    for (size_t row = 0; row < scan->n_items && open.n > 0 && !interrupted(); row += ROUND_ROWS) {
        size_t left = scan->n_items - row;
        scan_round(scan, &open, row, row + (left < ROUND_ROWS ? left : ROUND_ROWS));
        if (drop_finished(&open)) pack_panels(scan, &open);
    }
}

static semid_status scan_inner(const device_scan *scan, semid_error *err) {
    scan_task task = {.scan = scan};
    size_t n_panels = (size_t)threads_get() * MAX_PANELS;
    TRY(mem_alloc(&task.panels, n_panels, PANEL_WIDTH * scan->dim * sizeof(float), err));
    parallel_chunks(scan->n_queries, TASK_QUERIES, scan_chunk, &task);
    mem_free(task.panels);
    TRY(check_interrupted(err));
    return SEMID_OK;
}

const device device_cpu = {.name = "cpu", .scan_inner = scan_inner};
