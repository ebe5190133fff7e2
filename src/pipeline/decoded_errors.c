#include "pipeline/decoded_errors.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <string.h>

/* The sum of a row's codewords up to a level is decoded, and compared with the row. The sums grow
 * level by level, in the order in which decoding a code adds them, so that the error is that of the
 * vector which a user of the code gets. Decoding a block costs as much as the decoder network does,
 * per level: `first` leaves out levels whose errors nobody wants. */

enum { ROWS_PER_CHUNK = 64 };

semid_status decoded_errors_init(decoded_errors *d, const semid_model *model,
                                 const semid_codebook *cb, size_t max_rows, semid_error *err) {
    *d = (decoded_errors){.model = model, .cb = cb};
    TRY(mem_alloc(&d->sums, max_rows, semid_model_latent(model) * sizeof(float), err));
    return mem_alloc(&d->decoded, max_rows, semid_model_dim(model) * sizeof(float), err);
}

void decoded_errors_release(decoded_errors *d) {
    mem_free(d->sums);
    mem_free(d->decoded);
    *d = (decoded_errors){0};
}

/* Both tasks of a level. */
typedef struct level_error_task {
    const decoded_errors *d;
    const float *x;
    const int32_t *codes;
    size_t level;
    float *errors;
} level_error_task;

static void add_codewords(void *user, size_t chunk, size_t begin, size_t end) {
    const level_error_task *task = user;
    const semid_codebook *cb = task->d->cb;
    size_t latent = semid_codebook_dim(cb), L = semid_codebook_levels(cb);
    (void)chunk;

    for (size_t i = begin; i < end; i++) {
        size_t code = (size_t)task->codes[i * L + task->level];
        const float *c = semid_codebook_level(cb, task->level) + code * latent;
        float *sum = task->d->sums + i * latent;
        for (size_t j = 0; j < latent; j++) sum[j] += c[j];
    }
}

static void measure_rows(void *user, size_t chunk, size_t begin, size_t end) {
    const level_error_task *task = user;
    size_t dim = semid_model_dim(task->d->model), L = semid_codebook_levels(task->d->cb);
    (void)chunk;
    for (size_t i = begin; i < end; i++)
        task->errors[i * L + task->level] =
            kernels()->sqdist_f32(task->x + i * dim, task->d->decoded + i * dim, dim);
}

semid_status decoded_errors_measure(decoded_errors *d, const float *x, const int32_t *codes,
                                    size_t n, size_t first, float *errors, semid_error *err) {
    level_error_task task = {.d = d, .x = x, .codes = codes, .errors = errors};
    memset(d->sums, 0, n * semid_codebook_dim(d->cb) * sizeof(float));
    for (; task.level < semid_codebook_levels(d->cb); task.level++) {
        parallel_chunks(n, ROWS_PER_CHUNK, add_codewords, &task);
        if (task.level < first) continue;
        TRY(semid_model_reconstruct(NULL, d->model, d->sums, n, d->decoded, err));
        parallel_chunks(n, ROWS_PER_CHUNK, measure_rows, &task);
    }
    return SEMID_OK;
}
