#include "pipeline/train_encode.h"

#include "base/log.h"
#include "base/memory.h"
#include "pipeline/decoded_errors.h"
#include "quant/balance.h"
#include "quant/beam.h"
#include "quant/codebook.h"
#include "quant/unique.h"

#include <string.h>

typedef struct encoder {
    const semid_codebook *cb;
    const vectors *v;
    beam *search; /* NULL: greedy */
    const semid_model *model;
    float *latents; /* [batch_rows or n_rows, latent], with a model */
    bool keep_latents;
    float *prices; /* [L, K] of balanced codes, else NULL */
    decoded_errors decoded;
    size_t n_levels, batch_rows;
    float *block;         /* [batch_rows, dim] rows that cannot be used in place */
    const float *rows;    /* [n, dim] of the block at hand */
    float *block_errors;  /* [batch_rows, L] squared error after each level */
    double *errors;       /* [L] over all rows */
    const uint64_t *held; /* [n_held] */
    size_t n_held, n_held_done;
    semid_codes held_codes; /* [n_held, L] */
    double *held_errors;    /* [L] */
} encoder;

static void add_errors(double *sums, const float *errors, size_t n_levels) {
    for (size_t l = 0; l < n_levels; l++) sums[l] += (double)errors[l];
}

/* The held rows of this block. */
static void measure_held(encoder *e, size_t row, size_t n, const int32_t *codes) {
    size_t L = e->n_levels;
    for (; e->n_held_done < e->n_held && e->held[e->n_held_done] < row + n; e->n_held_done++) {
        size_t i = (size_t)e->held[e->n_held_done] - row;
        memcpy(e->held_codes.data + e->n_held_done * L, codes + i * L, L * sizeof(int32_t));
        add_errors(e->held_errors, e->block_errors + i * L, L);
    }
}

/* Codes of a block of rows, or what given ones come to; and the errors. */
typedef semid_status (*block_fn)(encoder *e, size_t row, size_t n, int32_t *codes,
                                 semid_error *err);

static semid_status choose_codes(encoder *e, size_t row, size_t n, int32_t *codes,
                                 semid_error *err) {
    const float *x = e->rows;
    if (e->model) {
        float *latents = e->latents + (e->keep_latents ? row : 0) * semid_codebook_dim(e->cb);
        TRY(semid_model_project(e->model, x, n, latents, err));
        x = latents;
    }
    if (e->search)
        beam_encode(e->search, x, n, codes, e->block_errors);
    else
        codebook_encode(e->cb, x, n, codes, e->block_errors);
    if (!e->model) return SEMID_OK;
    return decoded_errors_measure(&e->decoded, e->rows, codes, n, e->block_errors, err);
}

static semid_status measure_codes(encoder *e, size_t row, size_t n, int32_t *codes,
                                  semid_error *err) {
    (void)row;
    if (e->model)
        return decoded_errors_measure(&e->decoded, e->rows, codes, n, e->block_errors, err);
    codebook_errors(e->cb, e->rows, n, codes, e->block_errors);
    return SEMID_OK;
}

/* All rows once, block by block; errors are counted from nothing. */
static semid_status pass(encoder *e, const char *label, block_fn work, semid_codes *codes,
                         semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n_rows = e->v->n_rows;
    const float *view = vectors_view(e->v);
    progress bar;
    memset(e->errors, 0, e->n_levels * sizeof *e->errors);
    memset(e->held_errors, 0, e->n_levels * sizeof *e->held_errors);
    e->n_held_done = 0;
    progress_begin(&bar, label, "rows", n_rows);
    for (size_t row = 0; row < n_rows; row += e->batch_rows) {
        size_t n = n_rows - row < e->batch_rows ? n_rows - row : e->batch_rows;
        int32_t *to = codes->data + row * e->n_levels;
        if (interrupted()) FAIL_GOTO(SEMID_ERR_INTERRUPTED, "interrupted");
        if (!view) TRY_GOTO(vectors_read(e->v, row, n, e->block, err));
        e->rows = view ? view + row * e->v->dim : e->block;
        TRY_GOTO(work(e, row, n, to, err));
        for (size_t i = 0; i < n; i++)
            add_errors(e->errors, e->block_errors + i * e->n_levels, e->n_levels);
        measure_held(e, row, n, to);
        if (!e->v->usable) embeddings_drop(e->v->file, row, row + n);
        progress_add(&bar, n);
    }
done:
    progress_end(&bar);
    return status;
}

static double mean_error(const encoder *e) {
    return e->errors[e->n_levels - 1] / ((double)e->v->n_rows * (double)e->v->dim);
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

static semid_status change(encoder *e, encoded *result, encode_change *made, semid_error *err) {
    made->before = mean_error(e);
    TRY(pass(e, "measure", measure_codes, &result->codes, err));
    made->after = mean_error(e);
    return SEMID_OK;
}

static semid_status make_balanced(encoder *e, const semid_rows *rows, encoded *result,
                                  semid_error *err) {
    log_info("balancing the use of codewords");
    TRY(balance_assign(e->cb, rows, result->codes.data, &e->prices, &result->balance.n_moved, err));
    return change(e, result, &result->balance, err);
}

static semid_status make_unique(encoder *e, const semid_rows *rows, encoded *result,
                                semid_error *err) {
    semid_unique_report made;
    log_info("giving each row a code of its own");
    if (unique_assign(e->cb, rows, e->prices, result->codes.data, NULL, &made, err) != SEMID_OK)
        return error_prefix(err, "%s: --unique", embeddings_path(e->v->file));
    result->unique.n_moved = made.n_moved;
    result->unique.n_spilled = made.n_spilled;
    return change(e, result, &result->unique, err);
}

semid_status encode_check_unique(const vectors *v, size_t n_levels, size_t n_codewords,
                                 semid_error *err) {
    if (unique_check_rows(v->n_rows, n_levels, n_codewords, err) != SEMID_OK)
        return error_prefix(err, "%s: --unique", embeddings_path(v->file));
    return SEMID_OK;
}

static semid_status encode_all(encoder *e, const encode_choice *choice, encoded *result,
                               semid_error *err) {
    row_reader reader = {.rows = {.v = e->v, .numbers = e->v->usable},
                         .latents = e->latents,
                         .latent = semid_codebook_dim(e->cb)};
    semid_rows rows = {.n_rows = e->v->n_rows, .read = read_rows, .user = &reader};
    if (choice->unique)
        TRY(encode_check_unique(e->v, e->n_levels, semid_codebook_codewords(e->cb), err));
    if (choice->beam > 1) TRY(beam_new(&e->search, e->cb, choice->beam, err));
    TRY(pass(e, "encode", choose_codes, &result->codes, err));
    if (choice->balance) TRY(make_balanced(e, &rows, result, err));
    if (choice->unique) TRY(make_unique(e, &rows, result, err));
    return SEMID_OK;
}

static semid_status encoder_init(encoder *e, semid_codes *codes, semid_error *err) {
    size_t n_rows = e->v->n_rows, latent = semid_codebook_dim(e->cb), n = 0;
    size_t dim = e->model ? semid_model_dim(e->model) : latent;
    if (e->v->dim != dim)
        FAIL(SEMID_ERR_SHAPE, "%s: expected vectors of dimension %zu as in the %s, found %zu",
             embeddings_path(e->v->file), dim, e->model ? "model beside the codebook" : "codebook",
             e->v->dim);
    if (e->batch_rows > n_rows) e->batch_rows = n_rows;
    if (!size_mul(n_rows, e->n_levels, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: codes");
    codes->n_rows = n_rows;
    codes->n_levels = e->held_codes.n_levels = e->n_levels;
    e->held_codes.n_rows = e->n_held;
    TRY(mem_alloc(&codes->data, n, sizeof(int32_t), err));
    TRY(mem_alloc(&e->held_codes.data, e->n_held * e->n_levels, sizeof(int32_t), err));
    TRY(mem_alloc(&e->block, e->batch_rows * dim, sizeof(float), err));
    if (e->model) {
        size_t rows = e->keep_latents ? n_rows : e->batch_rows;
        TRY(mem_alloc(&e->latents, rows, latent * sizeof(float), err));
        TRY(decoded_errors_init(&e->decoded, e->model, e->cb, e->batch_rows, err));
    }
    TRY(mem_alloc(&e->block_errors, e->batch_rows * e->n_levels, sizeof(float), err));
    TRY(mem_calloc(&e->errors, e->n_levels, sizeof(double), err));
    return mem_calloc(&e->held_errors, e->n_levels, sizeof(double), err);
}

static semid_status measure(semid_quality *out, const encoder *e, const semid_codes *codes,
                            double *errors, semid_error *err) {
    double scale = 1 / ((double)codes->n_rows * (double)e->v->dim);
    for (size_t l = 0; l < e->n_levels; l++) errors[l] *= scale;
    return semid_quality_measure(out, codes, semid_codebook_codewords(e->cb), errors,
                                 e->v->variance, err);
}

semid_status train_encode(encoded *out, const semid_codebook *cb, const vectors *v,
                          const encode_choice *choice, size_t batch_rows, const uint64_t *held,
                          size_t n_held, semid_error *err) {
    semid_status status = SEMID_OK;
    encoded result = {0};
    encoder e = {.cb = cb,
                 .v = v,
                 .model = choice->model,
                 .keep_latents = choice->unique || choice->balance,
                 .n_levels = semid_codebook_levels(cb),
                 .batch_rows = batch_rows,
                 .held = held,
                 .n_held = n_held};
    TRY_GOTO(encoder_init(&e, &result.codes, err));
    TRY_GOTO(encode_all(&e, choice, &result, err));
    TRY_GOTO(measure(&result.quality, &e, &result.codes, e.errors, err));
    if (n_held > 0) TRY_GOTO(measure(&result.held_quality, &e, &e.held_codes, e.held_errors, err));
    *out = result;
    result = (encoded){0};
done:
    beam_free(e.search);
    decoded_errors_release(&e.decoded);
    mem_free(e.latents);
    mem_free(e.prices);
    mem_free(e.block);
    mem_free(e.block_errors);
    mem_free(e.errors);
    mem_free(e.held_errors);
    mem_free(e.held_codes.data);
    encoded_release(&result);
    return status;
}

static json_t *change_json(const encode_change *c, size_t n_rows) {
    return json_pack("{s:I, s:f, s:I, s:f, s:f, s:f}", "moved", (json_int_t)c->n_moved,
                     "moved_ratio", (double)c->n_moved / (double)n_rows, "spilled",
                     (json_int_t)c->n_spilled, "mse_before", c->before, "mse_after", c->after,
                     "mse_added_ratio", c->before > 0 ? c->after / c->before - 1 : 0.0);
}

semid_status encoded_report(const encoded *e, const encode_choice *choice, json_t *report,
                            semid_error *err) {
    int failed = 0;
    if (choice->balance)
        failed |= json_object_set_new(report, "balance", change_json(&e->balance, e->codes.n_rows));
    if (choice->unique)
        failed |= json_object_set_new(report, "unique", change_json(&e->unique, e->codes.n_rows));
    if (failed) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return SEMID_OK;
}

void encoded_release(encoded *e) {
    semid_codes_release(&e->codes);
    semid_quality_release(&e->quality);
    semid_quality_release(&e->held_quality);
}
