#include "device/device.h"

#include "base/context.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* A catalogue against many queries, above a floor for each query that rises as its caller learns
 * more. Each thread takes 64 queries and walks all items past them: an item row is read once for
 * all 64, and the queries, packed side by side in panels as the kernel wants them, stay in cache.
 *
 * The kernel marks the few scores above the floors; only these go to the caller. A query whose
 * floor is +inf has found all it needs: after each round of rows such queries leave, and the rest
 * is packed closer, so that the work falls with the number of queries that are still open. A score
 * is a sum in the same order wherever its query stands, so neither threads nor neighbours in a
 * panel change it. */

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

/* Queries side by side as the kernel reads them; the last panel is filled up with zeros. */
static void pack_panels(const device_scan *scan, open_queries *open) {
    size_t dim = scan->dim, n_panels = chunk_count(open->n, PANEL_WIDTH);

    memset(open->panels, 0, n_panels * PANEL_WIDTH * dim * sizeof *open->panels);
    for (size_t i = 0; i < open->n; i++) {
        const float *query = scan->queries + open->query[i] * dim;
        float *panel = open->panels + i / PANEL_WIDTH * PANEL_WIDTH * dim + i % PANEL_WIDTH;
        for (size_t j = 0; j < dim; j++) panel[j * PANEL_WIDTH] = query[j];
    }
}

/* Rows [begin, end) of the items against the panel that begins with query `first`. */
static void scan_panel(const device_scan *scan, open_queries *open, size_t first, size_t begin,
                       size_t end) {
    float scores[KERNEL_MAX_ROWS * PANEL_WIDTH], floors[PANEL_WIDTH];
    uint16_t above[KERNEL_MAX_ROWS];
    for (size_t l = 0; l < PANEL_WIDTH; l++)
        floors[l] = first + l < open->n ? open->floors[first + l] : INFINITY;
    kernels()->inner_f32(scan->items + begin * scan->dim, end - begin,
                         open->panels + first * scan->dim, scan->dim, floors, scores, above);

    for (size_t row = begin; row < end; row++)
        for (unsigned lanes = above[row - begin]; lanes; lanes &= lanes - 1) {
            size_t lane = (size_t)__builtin_ctz(lanes), i = first + lane;
            float score = scores[(row - begin) * PANEL_WIDTH + lane];
            /* The floor may have risen since the kernel saw it. */
            if (score > open->floors[i])
                open->floors[i] = scan->visit(scan->user, open->query[i], (uint32_t)row, score);
        }
}

/* Drop the queries that are done; returns whether there were any. */
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

    for (size_t round = 0; round < scan->n_items && open.n > 0; round += ROUND_ROWS) {
        size_t left = scan->n_items - round;
        size_t round_end = round + (left < ROUND_ROWS ? left : ROUND_ROWS);
        if (interrupted()) return;

        /* A few rows stay in the nearest cache while all panels pass over them. */
        for (size_t row = round; row < round_end; row += KERNEL_MAX_ROWS) {
            size_t stop = round_end - row > KERNEL_MAX_ROWS ? row + KERNEL_MAX_ROWS : round_end;
            for (size_t first = 0; first < open.n; first += PANEL_WIDTH)
                scan_panel(scan, &open, first, row, stop);
        }
        if (drop_finished(&open)) pack_panels(scan, &open);
    }
}

static semid_status scan_inner(const device_scan *scan, semid_error *err) {
    scan_task task = {.scan = scan};
    size_t n_panels = (size_t)threads_get() * MAX_PANELS;
    TRY(mem_alloc(&task.panels, n_panels, PANEL_WIDTH * scan->dim * sizeof(float), err));
    parallel_chunks(scan->n_queries, TASK_QUERIES, scan_chunk, &task);
    mem_free(task.panels);
    return check_interrupted(err);
}

const device device_cpu = {.name = "cpu", .scan_inner = scan_inner};
