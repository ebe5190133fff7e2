#include "learn/shuffled_rows.h"

#include "base/memory.h"
#include "base/threads.h"

#include <string.h>

/* Rows in memory are used where they lie. Rows that are read one by one in random order would cost
 * a disk access each, and a batch is too small to help: so a window of the order, as many rows as
 * the source reads at once, is gathered together, in ascending order of the rows. The batches of
 * the window are then served from it. Which rows a batch holds depends on the order alone, so that
 * training gives the same bits either way.
 *
 * Memory: 4 bytes per row, and the window (16 MB, or a batch where that is larger). */

enum { ROWS_PER_CHUNK = 128 };

semid_status shuffled_rows_init(shuffled_rows *s, const row_source *source, size_t batch_rows,
                                semid_error *err) {
    *s = (shuffled_rows){.source = source};
    TRY(mem_alloc(&s->order, source->n, sizeof *s->order, err));
    shuffled_rows_reset(s);
    if (source->x) return SEMID_OK;

    s->window_rows = source->block_rows > batch_rows ? source->block_rows : batch_rows;
    return mem_alloc(&s->window, s->window_rows, source->dim * sizeof *s->window, err);
}

void shuffled_rows_release(shuffled_rows *s) {
    mem_free(s->order);
    mem_free(s->window);
    *s = (shuffled_rows){0};
}

void shuffled_rows_reset(shuffled_rows *s) {
    for (size_t i = 0; i < s->source->n; i++) s->order[i] = (uint32_t)i;
    s->window_end = 0;
}

void shuffled_rows_shuffle(shuffled_rows *s, rng *random) {
    rng_shuffle_u32(random, s->order, s->source->n);
    s->window_end = 0;
}

semid_status shuffled_rows_fetch(shuffled_rows *s, size_t first, size_t n, semid_error *err) {
    if (!s->window || (first >= s->window_begin && first + n <= s->window_end)) return SEMID_OK;

    size_t left = s->source->n - first, take = left < s->window_rows ? left : s->window_rows;
    s->window_end = 0; /* a failure leaves nothing fetched */
    TRY(row_source_gather_u32(s->source, s->order + first, take, s->window, err));
    s->window_begin = first;
    s->window_end = first + take;
    return SEMID_OK;
}

typedef struct copy_rows_task {
    const shuffled_rows *rows;
    size_t first;
    float *out;
} copy_rows_task;

static void copy_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const copy_rows_task *task = user;
    size_t dim = task->rows->source->dim;
    (void)chunk;
    for (size_t i = begin; i < end; i++)
        memcpy(task->out + i * dim, shuffled_rows_at(task->rows, task->first + i),
               dim * sizeof *task->out);
}

semid_status shuffled_rows_copy(shuffled_rows *s, size_t first, size_t n, float *out,
                                semid_error *err) {
    copy_rows_task task = {s, first, out};
    TRY(shuffled_rows_fetch(s, first, n, err));
    parallel_chunks(n, ROWS_PER_CHUNK, copy_chunk, &task);
    return SEMID_OK;
}
