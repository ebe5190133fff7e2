#include "train/train_data.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>

/* First the held-out rows are drawn from the usable rows of the file, then the sample from those
 * that are left; each with a random stream of its own, so that --max-train does not change which
 * rows are held out.
 *
 * How the sample reaches the trainer depends on two things. RQ-KMeans works in its rows, so it
 * needs a copy; the other methods only read, and take a float32 file in place when they see all of
 * it. And rows that exceed the memory limit are read again in every pass: slower, the same bits. */

enum { ROWS_AT_ONCE = 4096 };

/* ---- memory ---- */

/* Besides the rows: the program with its blocks of rows and of the file; and per row its number in
 * the file, distance and place in the sample, and the codes of all levels twice. Per weight of
 * networks: itself, its gradient and moments, and the copies that products are computed from. */
enum { FIXED_MB = 64, WEIGHT_BYTES = 32, ROW_BYTES = 20, CODE_BYTES = 8 };
static const double MACHINE_SHARE = 0.8;

static double limit_of(const train_params *p) {
    return p->memory_limit > 0 ? (double)p->memory_limit
                               : MACHINE_SHARE * (double)mem_physical_bytes();
}

semid_status train_data_check_memory(const train_data *data, const train_params *p,
                                     const train_memory *m, semid_error *err) {
    if (data->rows.x) return SEMID_OK; /* taken within the limit */
    double n = (double)data->n_rows, dim = (double)data->dim, row = dim * sizeof(float);
    double K = (double)m->n_codewords, L = (double)m->n_levels;
    double latent_row = (double)m->latent * sizeof(float);

    double need = FIXED_MB * 1e6 + n * (ROW_BYTES + CODE_BYTES * L + latent_row);
    if (m->n_weights > 0) { /* latents twice, and the sample that the codewords start from */
        double sample = 64 * K + 16384;
        need += n * latent_row + (sample < n ? sample : n) * (row + 2 * latent_row) +
                WEIGHT_BYTES * (double)m->n_weights;
    } else if (m->latent > 0) { /* the covariance with its eigenvectors */
        need += 4 * dim * dim * sizeof(double);
    } else { /* codebooks with their sums, and the sample that they start from */
        double sample = p->method == TRAIN_RQKMEANS ? 64 * K : 16 * K + 16384;
        need += (4 + 2 * L) * K * row + (sample < n ? sample : n) * (row + 512);
    }

    if (need <= limit_of(p)) return SEMID_OK;
    FAIL(STATUS_USAGE,
         "--memory-limit: expected at least %.0fMB for %zu rows (--max-train takes fewer), found "
         "%.0fMB",
         ceil(need / 1e6), data->n_rows, limit_of(p) / 1e6);
}

/* ---- which rows ---- */

/* Numbers of the rows to train on, n_rows of the n_left usable ones that are not held, as numbers
 * in the file. */
static semid_status draw_sample(uint64_t **out, const train_data *data, const file_rows *rows,
                                size_t n_left, uint64_t seed, semid_error *err) {
    rng random;
    uint64_t *numbers;
    TRY(mem_alloc(&numbers, data->n_rows, sizeof *numbers, err));
    rng_init(&random, seed, RNG_TRAIN_SAMPLE);
    rng_sample_sorted(&random, n_left, data->n_rows, numbers);

    /* From places among the rows that are left to places among all: both lists ascend, and each
     * held row at or before a place moves it on by one. */
    size_t n_passed = 0;
    for (size_t i = 0; i < data->n_rows; i++) {
        while (n_passed < data->n_held && data->held[n_passed] <= numbers[i] + n_passed) n_passed++;
        numbers[i] += n_passed;
        if (rows->numbers) numbers[i] = rows->numbers[numbers[i]];
    }
    *out = numbers;
    return SEMID_OK;
}

semid_status train_data_take(train_data *out, const file_rows *rows, const train_params *params,
                             uint64_t seed, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t dim = rows->dim, n_values;
    rng random;
    *out = (train_data){.dim = dim};
    out->n_held = (size_t)((double)rows->n_rows * params->holdout + 1e-9);
    TRY_GOTO(mem_alloc(&out->held, out->n_held, sizeof *out->held, err));
    rng_init(&random, seed, RNG_TRAIN_HOLDOUT);
    rng_sample_sorted(&random, rows->n_rows, out->n_held, out->held);

    size_t n_left = rows->n_rows - out->n_held, n_max = (size_t)params->max_train;
    out->n_rows = n_max > 0 && n_max < n_left ? n_max : n_left;

    /* in place, copied, or read later */
    bool takes_all = out->n_rows == rows->n_rows;
    double n_bytes = (double)out->n_rows * ((double)dim * sizeof(float) + ROW_BYTES);
    bool exceeds_memory = n_bytes + FIXED_MB * 1e6 > limit_of(params);
    const float *view = takes_all && params->method != TRAIN_RQKMEANS ? file_rows_view(rows) : NULL;
    if (view && !exceeds_memory) {
        out->rows = row_source_of(view, out->n_rows, dim);
        return SEMID_OK;
    }

    uint64_t *numbers = NULL;
    if (!takes_all || rows->numbers) TRY_GOTO(draw_sample(&numbers, out, rows, n_left, seed, err));
    out->sample = file_rows_subset(rows, numbers, out->n_rows);
    if (exceeds_memory) {
        log_info("the rows are read as they are needed, to keep to the memory limit");
        out->from = file_rows_callback(&out->sample);
        TRY_GOTO(row_source_open(&out->rows, &out->from, dim, err));
        return SEMID_OK;
    }

    /* Copied block by block, so that pages of the file do not pile up beside the copy. */
    if (!size_mul(out->n_rows, dim, &n_values))
        FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: the sample");
    TRY_GOTO(mem_alloc(&out->owned, n_values, sizeof(float), err));
    for (size_t row = 0; row < out->n_rows; row += ROWS_AT_ONCE) {
        size_t n = out->n_rows - row < ROWS_AT_ONCE ? out->n_rows - row : ROWS_AT_ONCE;
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(file_rows_read(&out->sample, row, n, out->owned + row * dim, err));
        file_rows_release_pages(&out->sample, row, n);
    }
    file_rows_close(&out->sample);
    out->rows = row_source_of(out->owned, out->n_rows, dim);
done:
    if (status != SEMID_OK) train_data_release(out);
    return status;
}

/* ---- later ---- */

void train_data_drop_rows(train_data *data) {
    row_source_release(&data->rows);
    mem_free(data->owned);
    file_rows_close(&data->sample);
    data->owned = NULL;
    data->from = (semid_rows){0};
}

semid_status train_data_project(train_data *data, const semid_model *model, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t latent = semid_model_latent(model), n;
    float *z;
    TRY(mem_alloc(&z, data->n_rows, latent * sizeof *z, err));
    /* rows in memory are one block */
    for (size_t row = 0; row < data->n_rows; row += n) {
        const float *x;
        TRY_GOTO(row_source_block(&data->rows, row, &x, &n, err));
        TRY_GOTO(semid_model_project(NULL, model, x, n, z + row * latent, err));
    }

    train_data_drop_rows(data);
    data->owned = z;
    data->dim = latent;
    data->rows = row_source_of(z, data->n_rows, latent);
    return SEMID_OK;
done:
    mem_free(z);
    return status;
}

void train_data_release(train_data *data) {
    train_data_drop_rows(data);
    mem_free(data->held);
    *data = (train_data){0};
}
