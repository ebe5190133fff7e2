#include "train/train_data.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>

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
        TRY(check_interrupted(err));
        TRY(embeddings_gather(v->file, rows + i, n, data->owned + i * data->dim, err));
        embeddings_drop(v->file, passed, (size_t)rows[i + n - 1] + 1);
        passed = (size_t)rows[i + n - 1] + 1;
    }
    return SEMID_OK;
}

/* ---- memory ---- */

/* Besides the rows: the program, blocks of rows and of the file, and what is kept for each row:
 * codes of all levels twice, distance or order, number, place among the sample. */
enum { FIXED_MB = 64, ROW_BYTES = 20, CODE_BYTES = 8 };
static const double MACHINE_SHARE = 0.8;

static double limit_of(const train_params *p) {
    return p->memory_limit > 0 ? (double)p->memory_limit
                               : MACHINE_SHARE * (double)mem_physical_bytes();
}

static bool must_read(const train_data *data, const train_params *p) {
    double rows = (double)data->n_rows * ((double)data->dim * sizeof(float) + ROW_BYTES);
    return rows + FIXED_MB * 1e6 > limit_of(p);
}

semid_status train_data_check_memory(const train_data *data, const train_params *p, size_t n_levels,
                                     size_t n_codewords, bool at_hand, semid_error *err) {
    if (data->rows.x) return SEMID_OK;
    double n = (double)data->n_rows, row = (double)data->dim * sizeof(float);
    double K = (double)n_codewords, L = (double)n_levels;
    double sample = p->method == TRAIN_RQKMEANS ? 64 * K : 16 * K + 16384;
    double need = FIXED_MB * 1e6 + n * (ROW_BYTES + CODE_BYTES * L) + (4 + 2 * L) * K * row +
                  (sample < n ? sample : n) * (row + 512);
    if (at_hand) need = n * (row + ROW_BYTES) + FIXED_MB * 1e6;
    if (need <= limit_of(p)) return SEMID_OK;
    FAIL(SEMID_ERR_USAGE, "--memory-limit: expected at least %.0fMB for %zu rows%s, found %.0fMB",
         ceil(need / 1e6), data->n_rows,
         at_hand ? ", which --hidden and --pca need at hand (--max-train takes fewer)" : "",
         limit_of(p) / 1e6);
}

/* ---- the rows ---- */

/* data->numbers: the sample, ascending. */
static semid_status draw_numbers(train_data *data, const vectors *v, size_t n_left, uint64_t seed,
                                 semid_error *err) {
    rng random;
    TRY(mem_alloc(&data->numbers, data->n_rows, sizeof(uint64_t), err));
    rng_init(&random, seed, STREAM_SAMPLE);
    rng_sample_sorted(&random, n_left, data->n_rows, data->numbers);
    skip_held(data->numbers, data->n_rows, data->held, data->n_held);
    for (size_t i = 0; v->usable && i < data->n_rows; i++)
        data->numbers[i] = v->usable[data->numbers[i]];
    return SEMID_OK;
}

static semid_status copy_sample(train_data *data, const vectors *v, semid_error *err) {
    size_t n = 0;
    if (!size_mul(data->n_rows, v->dim, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the sample");
    TRY(mem_alloc(&data->owned, n, sizeof(float), err));
    TRY(copy_rows(data, v, data->numbers, err));
    mem_free(data->numbers);
    data->numbers = NULL;
    data->rows = row_source_of(data->owned, data->n_rows, data->dim);
    return SEMID_OK;
}

static semid_status read_later(train_data *data, const vectors *v, semid_error *err) {
    log_info("the rows are read as they are needed, to keep to the memory limit");
    data->reader = (vectors_reader){.v = v, .numbers = data->numbers};
    data->from =
        (semid_rows){.n_rows = data->n_rows, .read = vectors_reader_read, .user = &data->reader};
    return row_source_open(&data->rows, &data->from, data->dim, err);
}

static semid_status take(train_data *data, const vectors *v, const train_params *p, uint64_t seed,
                         semid_error *err) {
    TRY(hold_out(data, v, p->holdout, seed, err));
    size_t n_left = v->n_rows - data->n_held, n_max = (size_t)p->max_train;
    data->n_rows = n_max > 0 && n_max < n_left ? n_max : n_left;
    bool all = data->n_rows == v->n_rows, read = must_read(data, p);
    const float *view = all && p->method != TRAIN_RQKMEANS ? vectors_view(v) : NULL;
    if (view && !read) {
        data->rows = row_source_of(view, data->n_rows, data->dim);
        return SEMID_OK;
    }
    if (!all || v->usable || !read) TRY(draw_numbers(data, v, n_left, seed, err));
    return read ? read_later(data, v, err) : copy_sample(data, v, err);
}

semid_status train_data_take(train_data *out, const vectors *v, const train_params *params,
                             uint64_t seed, semid_error *err) {
    *out = (train_data){.dim = v->dim};
    semid_status status = take(out, v, params, seed, err);
    if (status != SEMID_OK) train_data_release(out);
    return status;
}

void train_data_drop_rows(train_data *data) {
    row_source_release(&data->rows);
    mem_free(data->owned);
    mem_free(data->numbers);
    data->owned = NULL;
    data->numbers = NULL;
}

semid_status train_data_project(train_data *data, const semid_model *model, semid_error *err) {
    size_t latent = semid_model_latent(model);
    float *z;
    TRY(mem_alloc(&z, data->n_rows, latent * sizeof *z, err));
    semid_status status = semid_model_project(NULL, model, data->rows.x, data->n_rows, z, err);
    if (status != SEMID_OK) {
        mem_free(z);
        return status;
    }
    train_data_drop_rows(data);
    data->owned = z;
    data->dim = latent;
    data->rows = row_source_of(z, data->n_rows, latent);
    return SEMID_OK;
}

void train_data_release(train_data *data) {
    train_data_drop_rows(data);
    mem_free(data->held);
    *data = (train_data){0};
}
