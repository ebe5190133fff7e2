#include "pipeline/train_data.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"

enum { STREAM_HOLDOUT = 200, STREAM_SAMPLE };
enum { ROWS_AT_ONCE = 4096 };

/* Turns positions among the rows that are not held (both ascending) into row numbers. */
static void skip_held(uint64_t *rows, size_t n, const uint64_t *held, size_t n_held) {
    size_t passed = 0;
    for (size_t i = 0; i < n; i++) {
        while (passed < n_held && held[passed] <= rows[i] + passed) passed++;
        rows[i] += passed;
    }
}

static semid_status hold_out(train_data *data, const vectors *v, double ratio, uint64_t seed,
                             semid_error *err) {
    rng random;
    data->n_held = (size_t)((double)v->n_rows * ratio + 1e-9);
    TRY(mem_alloc(&data->held, data->n_held, sizeof(uint64_t), err));
    rng_init(&random, seed, STREAM_HOLDOUT);
    rng_sample_sorted(&random, v->n_rows, data->n_held, data->held);
    return SEMID_OK;
}

/* A block at a time, so that pages of the file do not pile up beside the copy. rows: [n_rows]
 * ascending numbers in the file. */
static semid_status copy_rows(train_data *data, const vectors *v, const uint64_t *rows,
                              semid_error *err) {
    size_t passed = 0;
    for (size_t i = 0; i < data->n_rows; i += ROWS_AT_ONCE) {
        size_t n = data->n_rows - i < ROWS_AT_ONCE ? data->n_rows - i : ROWS_AT_ONCE;
        if (interrupted()) FAIL(SEMID_ERR_INTERRUPTED, "interrupted");
        TRY(embeddings_gather(v->file, rows + i, n, data->owned + i * data->dim, err));
        embeddings_drop(v->file, passed, (size_t)rows[i + n - 1] + 1);
        passed = (size_t)rows[i + n - 1] + 1;
    }
    return SEMID_OK;
}

static semid_status take_sample(train_data *data, const vectors *v, size_t n_left, uint64_t seed,
                                semid_error *err) {
    rng random;
    uint64_t *rows = NULL;
    TRY(mem_alloc(&rows, data->n_rows, sizeof(uint64_t), err));
    rng_init(&random, seed, STREAM_SAMPLE);
    rng_sample_sorted(&random, n_left, data->n_rows, rows);
    skip_held(rows, data->n_rows, data->held, data->n_held);
    for (size_t i = 0; v->usable && i < data->n_rows; i++) rows[i] = v->usable[rows[i]];
    semid_status status = copy_rows(data, v, rows, err);
    mem_free(rows);
    return status;
}

static semid_status fill(train_data *data, const vectors *v, size_t n_left, bool in_place,
                         uint64_t seed, semid_error *err) {
    data->x = data->n_rows == v->n_rows && in_place ? vectors_view(v) : NULL;
    if (data->x) return SEMID_OK;
    size_t n = 0;
    if (!size_mul(data->n_rows, v->dim, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the sample");
    TRY(mem_alloc(&data->owned, n, sizeof(float), err));
    data->x = data->owned;
    return take_sample(data, v, n_left, seed, err);
}

semid_status train_data_take(train_data *out, const vectors *v, const train_params *params,
                             uint64_t seed, semid_error *err) {
    semid_status status = SEMID_OK;
    train_data data = {.dim = v->dim};
    TRY_GOTO(hold_out(&data, v, params->holdout, seed, err));
    size_t n_left = v->n_rows - data.n_held, n_max = (size_t)params->max_train;
    data.n_rows = n_max > 0 && n_max < n_left ? n_max : n_left;
    TRY_GOTO(fill(&data, v, n_left, params->method != TRAIN_RQKMEANS, seed, err));
    *out = data;
    data = (train_data){0};
done:
    train_data_release(&data);
    return status;
}

semid_status train_data_project(train_data *data, const semid_model *model, semid_error *err) {
    size_t latent = semid_model_latent(model);
    float *z;
    TRY(mem_alloc(&z, data->n_rows, latent * sizeof *z, err));
    semid_status status = semid_model_project(model, data->x, data->n_rows, z, err);
    if (status != SEMID_OK) {
        mem_free(z);
        return status;
    }
    mem_free(data->owned);
    data->x = data->owned = z;
    data->dim = latent;
    return SEMID_OK;
}

void train_data_release(train_data *data) {
    mem_free(data->owned);
    mem_free(data->held);
    *data = (train_data){0};
}
