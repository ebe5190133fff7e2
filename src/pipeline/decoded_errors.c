#include "pipeline/decoded_errors.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <string.h>

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

typedef struct level_job {
    const decoded_errors *d;
    const float *x;
    const int32_t *codes;
    size_t level;
    float *errors;
} level_job;

static void add_codewords(void *user, size_t chunk, size_t begin, size_t end) {
    const level_job *job = user;
    const semid_codebook *cb = job->d->cb;
    size_t latent = semid_codebook_dim(cb), L = semid_codebook_levels(cb);
    (void)chunk;
    for (size_t i = begin; i < end; i++) {
        size_t code = (size_t)job->codes[i * L + job->level];
        const float *c = semid_codebook_level(cb, job->level) + code * latent;
        float *sum = job->d->sums + i * latent;
        for (size_t j = 0; j < latent; j++) sum[j] += c[j];
    }
}

static void measure_rows(void *user, size_t chunk, size_t begin, size_t end) {
    const level_job *job = user;
    size_t dim = semid_model_dim(job->d->model), L = semid_codebook_levels(job->d->cb);
    (void)chunk;
    for (size_t i = begin; i < end; i++)
        job->errors[i * L + job->level] =
            kernels()->sqdist_f32(job->x + i * dim, job->d->decoded + i * dim, dim);
}

semid_status decoded_errors_measure(decoded_errors *d, const float *x, const int32_t *codes,
                                    size_t n, size_t first, float *errors, semid_error *err) {
    level_job job = {.d = d, .x = x, .codes = codes, .errors = errors};
    memset(d->sums, 0, n * semid_codebook_dim(d->cb) * sizeof(float));
    for (; job.level < semid_codebook_levels(d->cb); job.level++) {
        parallel_chunks(n, ROWS_PER_CHUNK, add_codewords, &job);
        if (job.level < first) continue;
        TRY(semid_model_reconstruct(NULL, d->model, d->sums, n, d->decoded, err));
        parallel_chunks(n, ROWS_PER_CHUNK, measure_rows, &job);
    }
    return SEMID_OK;
}
