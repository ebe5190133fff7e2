#include "pipeline/train_encode.h"

#include "assign/balance_assign.h"
#include "assign/unique.h"
#include "base/log.h"
#include "base/memory.h"
#include "codebook/beam.h"
#include "codebook/codebook.h"
#include "codebook/encode.h"
#include "pipeline/decoded_errors.h"
#include "pipeline/health.h"

#include <string.h>

typedef struct encoder {
    const semid_codebook *cb;
    const vectors *v;
    beam *search; /* NULL: greedy */
    const semid_model *model;
    float *latents; /* [batch_rows or n_rows, latent], with a model */
    bool keep_latents;
    float *prices;    /* [L, K] of balanced codes, else NULL */
    shortlist *lists; /* [n_rows] of greedy codes that are to become unique, else NULL */
    float *gaps;      /* [n_rows] with lists */
    crowding crowded;
    decoded_errors decoded;
    size_t first_measured; /* level, of errors that must be decoded */
    size_t n_levels, batch_rows;
    float *block;      /* [batch_rows, dim] rows that cannot be used in place */
    const float *rows; /* [n, dim] of the block at hand */
    float *errors;     /* [batch_rows or n_rows, L] squared error of a row after each level */
    bool keep_errors;
    const uint64_t *held; /* [n_held] */
    size_t n_held, n_held_done;
    encoded result; /* mse: sums of errors, until the end */
} encoder;

/* ---- errors ---- */

static void add_errors(double *sums, const float *errors, size_t n_levels) {
    for (size_t l = 0; l < n_levels; l++) sums[l] += (double)errors[l];
}

static void start_measuring(encoder *e) {
    memset(e->result.all.mse, 0, e->n_levels * sizeof(double));
    memset(e->result.held.mse, 0, e->n_levels * sizeof(double));
    e->n_held_done = 0;
}

/* Rows [row, row + n), the held ones among them also by themselves. errors: [n, L] */
static void measure(encoder *e, size_t row, size_t n, const float *errors) {
    size_t L = e->n_levels;
    encoded_rows *all = &e->result.all, *held = &e->result.held;
    for (size_t i = 0; i < n; i++) add_errors(all->mse, errors + i * L, L);
    for (; e->n_held_done < e->n_held && e->held[e->n_held_done] < row + n; e->n_held_done++) {
        size_t i = (size_t)e->held[e->n_held_done];
        memcpy(held->codes.data + e->n_held_done * L, all->codes.data + i * L, L * sizeof(int32_t));
        add_errors(held->mse, errors + (i - row) * L, L);
    }
}

static double mean_error(const encoder *e) {
    double n_values = (double)e->v->n_rows * (double)e->v->dim;
    return e->result.all.mse[e->n_levels - 1] / n_values;
}

static void finish_measuring(encoded_rows *r, size_t dim) {
    double n_values = (double)r->codes.n_rows * (double)dim;
    for (size_t l = 0; l < r->codes.n_levels; l++) r->mse[l] /= n_values;
}

/* ---- passes over the rows ---- */

/* Codes of a block of rows, or what given ones come to; and the errors. */
typedef semid_status (*block_fn)(encoder *e, size_t row, size_t n, int32_t *codes, float *errors,
                                 semid_error *err);

static semid_status choose_codes(encoder *e, size_t row, size_t n, int32_t *codes, float *errors,
                                 semid_error *err) {
    const float *x = e->rows;
    bool listed = e->lists != NULL;
    shortlists lists = {.of_row = listed ? e->lists + row : NULL,
                        .crowded = &e->crowded,
                        .gaps = listed ? e->gaps + row : NULL};
    e->result.met_bad_row = !e->v->is_scanned && !rows_are_finite(x, n, e->v->dim);
    if (e->result.met_bad_row) return SEMID_OK;
    if (e->model) {
        float *latents = e->latents + (e->keep_latents ? row : 0) * semid_codebook_dim(e->cb);
        TRY(semid_model_project(NULL, e->model, x, n, latents, err));
        x = latents;
    }
    if (e->search)
        beam_encode(e->search, x, n, codes, errors);
    else
        encode_greedy(e->cb, x, n, codes, errors, listed ? &lists : NULL);
    if (listed) crowding_add(&e->crowded, codes, n);
    if (!e->model) return SEMID_OK;
    return decoded_errors_measure(&e->decoded, e->rows, codes, n, e->first_measured, errors, err);
}

static semid_status measure_codes(encoder *e, size_t row, size_t n, int32_t *codes, float *errors,
                                  semid_error *err) {
    (void)row;
    if (e->model)
        return decoded_errors_measure(&e->decoded, e->rows, codes, n, e->first_measured, errors,
                                      err);
    codebook_errors(e->cb, e->rows, n, codes, errors);
    return SEMID_OK;
}

/* All rows once, block by block, up to a bad one; errors are counted from nothing. */
static semid_status pass(encoder *e, const char *label, block_fn work, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n_rows = e->v->n_rows, L = e->n_levels;
    const float *view = vectors_view(e->v);
    progress bar;
    start_measuring(e);
    progress_begin(&bar, label, "rows", n_rows);
    for (size_t row = 0; row < n_rows; row += e->batch_rows) {
        size_t n = n_rows - row < e->batch_rows ? n_rows - row : e->batch_rows;
        float *errors = e->errors + (e->keep_errors ? row * L : 0);
        TRY_GOTO(check_interrupted(err));
        if (!view) TRY_GOTO(vectors_read(e->v, row, n, e->block, err));
        e->rows = view ? view + row * e->v->dim : e->block;
        TRY_GOTO(work(e, row, n, e->result.all.codes.data + row * L, errors, err));
        if (e->result.met_bad_row) break;
        measure(e, row, n, errors);
        if (!e->v->usable) embeddings_drop(e->v->file, row, row + n);
        progress_add(&bar, n);
    }
done:
    progress_end(&bar);
    return status;
}

/* ---- one code for each row ---- */

typedef struct row_reader {
    vectors_reader rows;
    const float *latents; /* [n_rows, latent] with a model: what is quantized */
    size_t latent;
} row_reader;

static semid_status read_rows(void *user, size_t row, size_t n, float *out, semid_error *err) {
    row_reader *r = user;
    if (!r->latents) return vectors_reader_read(&r->rows, row, n, out, err);
    memcpy(out, r->latents + row * r->latent, n * r->latent * sizeof *out);
    return SEMID_OK;
}

static semid_status make_balanced(encoder *e, const semid_rows *rows, semid_error *err) {
    encode_change *made = &e->result.balance;
    log_info("balancing the use of codewords");
    made->before = mean_error(e);
    TRY(balance_assign(e->cb, rows, e->result.all.codes.data, &e->prices, &made->n_moved, err));
    TRY(pass(e, "measure", measure_codes, err));
    made->after = mean_error(e);
    return SEMID_OK;
}

static semid_status make_unique(encoder *e, const semid_rows *rows, semid_error *err) {
    encode_change *made = &e->result.unique;
    float *errors = e->keep_errors ? e->errors : NULL;
    const shortlists lists = {.of_row = e->lists, .gaps = e->gaps};
    semid_unique_report report;
    log_info("giving each row a code of its own");
    made->before = mean_error(e);
    if (unique_assign(e->cb, rows, e->prices, e->result.all.codes.data, e->lists ? &lists : NULL,
                      errors, &report, err) != SEMID_OK)
        return error_prefix(err, "%s: --unique", embeddings_path(e->v->file));
    made->n_moved = report.n_moved;
    made->n_spilled = report.n_spilled;
    if (errors) {
        start_measuring(e);
        measure(e, 0, e->v->n_rows, errors);
    } else {
        TRY(pass(e, "measure", measure_codes, err));
    }
    made->after = mean_error(e);
    return SEMID_OK;
}

semid_status encode_check_unique(const vectors *v, size_t n_levels, size_t n_codewords,
                                 semid_error *err) {
    if (unique_check_rows(v->n_rows, n_levels, n_codewords, err) != SEMID_OK)
        return error_prefix(err, "%s: --unique", embeddings_path(v->file));
    return SEMID_OK;
}

static semid_status lists_init(encoder *e, semid_error *err) {
    TRY(crowding_init(&e->crowded, e->v->n_rows, e->n_levels, UNIQUE_DENSE_ROWS, err));
    TRY(mem_alloc(&e->gaps, e->v->n_rows, sizeof *e->gaps, err));
    return mem_alloc(&e->lists, e->v->n_rows, sizeof *e->lists, err);
}

static semid_status encode_all(encoder *e, const encode_choice *choice, semid_error *err) {
    row_reader reader = {.rows = {.v = e->v, .numbers = e->v->usable},
                         .latents = e->latents,
                         .latent = semid_codebook_dim(e->cb)};
    semid_rows rows = {.n_rows = e->v->n_rows, .read = read_rows, .user = &reader};
    size_t last = e->n_levels - 1;
    if (choice->unique)
        TRY(encode_check_unique(e->v, e->n_levels, semid_codebook_codewords(e->cb), err));
    if (choice->unique && !choice->balance && choice->beam <= 1 && codebook_makes_lists(e->cb))
        TRY(lists_init(e, err));
    if (choice->beam > 1) TRY(beam_new(&e->search, e->cb, choice->beam, err));
    /* Of codes that are still to change, the error of the last level alone is told. */
    e->first_measured = choice->balance || choice->unique ? last : 0;
    TRY(pass(e, "encode", choose_codes, err));
    if (e->result.met_bad_row) return SEMID_OK;
    e->first_measured = choice->unique ? last : 0;
    if (choice->balance) TRY(make_balanced(e, &rows, err));
    e->first_measured = 0;
    if (choice->unique) TRY(make_unique(e, &rows, err));
    return SEMID_OK;
}

static semid_status rows_init(encoded_rows *r, size_t n_rows, size_t n_levels, semid_error *err) {
    size_t n = 0;
    if (!size_mul(n_rows, n_levels, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: codes");
    r->codes = (semid_codes){.n_rows = n_rows, .n_levels = n_levels};
    TRY(mem_alloc(&r->codes.data, n, sizeof(int32_t), err));
    return mem_calloc(&r->mse, n_levels, sizeof(double), err);
}

static semid_status encoder_init(encoder *e, semid_error *err) {
    size_t n_rows = e->v->n_rows, latent = semid_codebook_dim(e->cb), L = e->n_levels;
    size_t dim = e->model ? semid_model_dim(e->model) : latent;
    if (e->v->dim != dim)
        FAIL(SEMID_ERR_SHAPE, "%s: expected vectors of dimension %zu as in the %s, found %zu",
             embeddings_path(e->v->file), dim, e->model ? "model beside the codebook" : "codebook",
             e->v->dim);
    if (e->batch_rows > n_rows) e->batch_rows = n_rows;
    TRY(rows_init(&e->result.all, n_rows, L, err));
    TRY(rows_init(&e->result.held, e->n_held, L, err));
    TRY(mem_alloc(&e->block, e->batch_rows * dim, sizeof(float), err));
    if (e->model) {
        size_t rows = e->keep_latents ? n_rows : e->batch_rows;
        TRY(mem_alloc(&e->latents, rows, latent * sizeof(float), err));
        TRY(decoded_errors_init(&e->decoded, e->model, e->cb, e->batch_rows, err));
    }
    return mem_calloc(&e->errors, e->keep_errors ? n_rows : e->batch_rows, L * sizeof(float), err);
}

semid_status train_encode(encoded *out, const semid_codebook *cb, const vectors *v,
                          const encode_choice *choice, size_t batch_rows, const uint64_t *held,
                          size_t n_held, semid_error *err) {
    semid_status status = SEMID_OK;
    encoder e = {.cb = cb,
                 .v = v,
                 .model = choice->model,
                 .keep_latents = choice->unique || choice->balance,
                 .keep_errors = choice->unique && !choice->balance && !choice->model,
                 .n_levels = semid_codebook_levels(cb),
                 .batch_rows = batch_rows,
                 .held = held,
                 .n_held = n_held};
    TRY_GOTO(encoder_init(&e, err));
    TRY_GOTO(encode_all(&e, choice, err));
    finish_measuring(&e.result.all, v->dim);
    if (n_held > 0) finish_measuring(&e.result.held, v->dim);
    *out = e.result;
    e.result = (encoded){0};
done:
    beam_free(e.search);
    decoded_errors_release(&e.decoded);
    mem_free(e.latents);
    mem_free(e.prices);
    mem_free(e.lists);
    mem_free(e.gaps);
    crowding_release(&e.crowded);
    mem_free(e.block);
    mem_free(e.errors);
    encoded_release(&e.result);
    return status;
}

static json_t *change_json(const encode_change *c, size_t n_rows) {
    double added = c->before > 0 ? c->after / c->before - 1 : 0;
    return json_pack("{s:I, s:f, s:o, s:o, s:o}", "moved", (json_int_t)c->n_moved, "moved_ratio",
                     (double)c->n_moved / (double)n_rows, "mse_before", health_figure(c->before),
                     "mse_after", health_figure(c->after), "mse_added_ratio", health_figure(added));
}

semid_status encoded_report(const encoded *e, const encode_choice *choice, json_t *report,
                            semid_error *err) {
    int failed = 0;
    size_t n_rows = e->all.codes.n_rows;
    if (choice->balance)
        failed |= json_object_set_new(report, "balance", change_json(&e->balance, n_rows));
    if (choice->unique) {
        json_t *made = change_json(&e->unique, n_rows);
        failed |=
            json_object_set_new(made, "spilled", json_integer((json_int_t)e->unique.n_spilled));
        failed |= json_object_set_new(report, "unique", made);
    }
    if (failed) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return SEMID_OK;
}

static void rows_release(encoded_rows *r) {
    semid_codes_release(&r->codes);
    mem_free(r->mse);
    r->mse = NULL;
}

void encoded_release(encoded *e) {
    rows_release(&e->all);
    rows_release(&e->held);
}
