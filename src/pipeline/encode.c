#include "pipeline/encode.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "codebook/beam.h"
#include "codebook/codebook.h"
#include "codebook/encode.h"
#include "formats/npy.h"
#include "pipeline/health.h"
#include "pipeline/train_encode.h"

#include <stdio.h>
#include <string.h>

typedef struct stream {
    const semid_codebook *cb;
    const semid_model *model; /* NULL: rows are quantized as they are */
    beam *search;             /* NULL: greedy */
    const embeddings *in;
    size_t dim, n_levels, batch_rows;
    float *block;       /* [batch_rows, dim] rows that cannot be used in place */
    float *latents;     /* [batch_rows, latent], with a model */
    int32_t *codes;     /* [batch_rows, n_levels] */
    float *errors;      /* [batch_rows, n_levels] */
    uint64_t *bad_rows; /* [result.n_bad_rows] */
    size_t bad_capacity;
    file_out out;
    encode_result result;
} stream;

static void stream_release(stream *s) {
    beam_free(s->search);
    mem_free(s->block);
    mem_free(s->latents);
    mem_free(s->codes);
    mem_free(s->errors);
    mem_free(s->bad_rows);
    mem_free(s->result.level_errors);
    file_out_release(&s->out);
}

static semid_status stream_init(stream *s, semid_error *err) {
    size_t n = s->batch_rows;
    TRY(mem_alloc(&s->block, n, s->dim * sizeof *s->block, err));
    if (s->model)
        TRY(mem_alloc(&s->latents, n, semid_codebook_dim(s->cb) * sizeof *s->latents, err));
    TRY(mem_alloc(&s->codes, n, s->n_levels * sizeof *s->codes, err));
    TRY(mem_alloc(&s->errors, n, s->n_levels * sizeof *s->errors, err));
    return mem_calloc(&s->result.level_errors, s->n_levels, sizeof(double), err);
}

/* ---- rows that cannot be encoded ---- */

static semid_status note_bad_row(stream *s, size_t row, semid_error *err) {
    encode_result *r = &s->result;
    TRY(mem_reserve(&s->bad_rows, &s->bad_capacity, r->n_bad_rows + 1, sizeof(uint64_t), err));
    if (r->n_bad_rows == 0) r->first_bad_row = row;
    s->bad_rows[r->n_bad_rows++] = row;
    return SEMID_OK;
}

/* Move the good rows of the batch to the front of the block. */
static semid_status drop_bad_rows(stream *s, const float **x, size_t first_row, size_t *n,
                                  semid_error *err) {
    size_t n_good = 0, unused;
    for (size_t i = 0; i < *n; i++) {
        const float *row = *x + i * s->dim;
        if (rows_not_finite(row, 1, s->dim, &unused) > 0)
            TRY(note_bad_row(s, first_row + i, err));
        else
            memmove(s->block + n_good++ * s->dim, row, s->dim * sizeof *row);
    }
    *x = s->block;
    *n = n_good;
    return SEMID_OK;
}

/* The rows [row, row + *n) of the input, of which *n are left, in place where possible. */
static semid_status read_batch(stream *s, size_t row, const float **x, size_t *n,
                               semid_error *err) {
    const float *view = embeddings_view(s->in);
    if (!view) TRY(embeddings_read(s->in, row, *n, s->block, err));
    *x = view ? view + row * s->dim : s->block;
    return rows_are_finite(*x, *n, s->dim) ? SEMID_OK : drop_bad_rows(s, x, row, n, err);
}

/* ---- codes.npy ---- */

/* The number of rows is known at the end: the header, whose length does not depend on it, is
 * written twice. */
static void write_header(stream *s) {
    char header[NPY_HEADER_MAX_BYTES];
    size_t shape[] = {s->result.n_rows, s->n_levels};
    file_out_write(&s->out, header, npy_format_header(header, npy_descr(DTYPE_I32), 2, shape));
}

static semid_status finish_output(stream *s, semid_error *err) {
    TRY(file_out_seek(&s->out, 0, err));
    write_header(s);
    return file_out_commit(&s->out, err);
}

/* Which rows were kept, in order. */
static semid_status write_kept_rows(const stream *s, const char *path, semid_error *err) {
    semid_status status;
    file_out f = {0};
    char header[NPY_HEADER_MAX_BYTES];
    size_t shape[] = {s->result.n_rows}, next_bad = 0;
    TRY_GOTO(file_out_open(&f, path, err));
    file_out_write(&f, header, npy_format_header(header, npy_descr(DTYPE_I64), 1, shape));
    for (size_t row = 0; row < embeddings_rows(s->in); row++) {
        int64_t number = (int64_t)row;
        if (next_bad < s->result.n_bad_rows && s->bad_rows[next_bad] == row)
            next_bad++;
        else
            file_out_write(&f, &number, sizeof number);
    }
    TRY_GOTO(file_out_commit(&f, err));
done:
    file_out_release(&f);
    return status;
}

/* The list beside the codes where some rows were left out; else none of an earlier run stays. */
static semid_status save_kept_rows(const stream *s, const char *out_path, semid_error *err) {
    char *path;
    TRY(path_replace_extension(&path, out_path, ".rows.npy", err));
    semid_status status =
        s->result.n_bad_rows > 0 ? write_kept_rows(s, path, err) : file_remove(path, err);
    mem_free(path);
    return status;
}

/* ---- the stream ---- */

static semid_status encode_batch(stream *s, const float *x, size_t n, semid_error *err) {
    if (s->model) {
        TRY(semid_model_project(NULL, s->model, x, n, s->latents, err));
        x = s->latents;
    }
    if (s->search)
        beam_encode(s->search, x, n, s->codes, s->errors);
    else
        encode_greedy(s->cb, x, n, s->codes, s->errors, NULL);
    file_out_write(&s->out, s->codes, n * s->n_levels * sizeof *s->codes);
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < s->n_levels; l++)
            s->result.level_errors[l] += (double)s->errors[i * s->n_levels + l];
    s->result.n_rows += n;
    return SEMID_OK;
}

/* Once a bad row was found that may not be skipped, the rest is only counted. */
static semid_status encode_rows(stream *s, bool skip_bad_rows, semid_error *err) {
    progress p;
    size_t n_rows = embeddings_rows(s->in);
    progress_begin(&p, "encode", "rows", n_rows);
    for (size_t row = 0; row < n_rows; row += s->batch_rows) {
        size_t n_read = n_rows - row < s->batch_rows ? n_rows - row : s->batch_rows, n = n_read;
        const float *x;
        TRY(check_interrupted(err));
        TRY(read_batch(s, row, &x, &n, err));
        if (skip_bad_rows || s->result.n_bad_rows == 0) TRY(encode_batch(s, x, n, err));
        embeddings_drop(s->in, row, row + n_read);
        progress_add(&p, n_read);
    }
    progress_end(&p);
    return SEMID_OK;
}

static semid_status judge_bad_rows(const stream *s, bool skip_bad_rows, semid_error *err) {
    const encode_result *r = &s->result;
    const char *path = embeddings_path(s->in);
    if (r->n_bad_rows == 0) return SEMID_OK;
    if (!skip_bad_rows || r->n_rows == 0)
        FAIL(SEMID_ERR_DATA,
             "%s: expected finite numbers, found NaN or Inf in %zu of %zu rows, first in row %zu%s",
             path, r->n_bad_rows, embeddings_rows(s->in), r->first_bad_row,
             skip_bad_rows ? "" : " (--skip-bad-rows drops them)");
    log_warn("%s: dropped %zu rows with NaN or Inf, first row %zu", path, r->n_bad_rows,
             r->first_bad_row);
    return SEMID_OK;
}

static semid_status check_out_path(const char *path, semid_error *err) {
    char extension[16];
    if (strcmp(path_extension(path, extension), "npy") != 0)
        FAIL(SEMID_ERR_ARGUMENT, "%s: expected a name ending in .npy for the codes", path);
    return SEMID_OK;
}

semid_status encode_stream(const semid_codebook *cb, const semid_model *model, const embeddings *in,
                           const char *out_path, size_t beam_width, size_t batch_rows,
                           bool skip_bad_rows, encode_result *result, semid_error *err) {
    semid_status status;
    size_t n_rows = embeddings_rows(in), dim = embeddings_dim(in);
    TRY(check_out_path(out_path, err));
    size_t want = model ? semid_model_dim(model) : semid_codebook_dim(cb);
    if (dim != want)
        FAIL(SEMID_ERR_SHAPE,
             "%s: expected vectors of dimension %zu as in the %s, found shape [%zu, %zu]",
             embeddings_path(in), want, model ? "model beside the codebook" : "codebook", n_rows,
             dim);
    stream s = {.cb = cb,
                .model = model,
                .in = in,
                .dim = dim,
                .n_levels = semid_codebook_levels(cb),
                .batch_rows = batch_rows < n_rows ? batch_rows : n_rows};
    TRY_GOTO(stream_init(&s, err));
    if (beam_width > 1) TRY_GOTO(beam_new(&s.search, cb, beam_width, err));
    TRY_GOTO(file_out_open(&s.out, out_path, err));
    write_header(&s);
    TRY_GOTO(encode_rows(&s, skip_bad_rows, err));
    TRY_GOTO(judge_bad_rows(&s, skip_bad_rows, err));
    TRY_GOTO(save_kept_rows(&s, out_path, err));
    TRY_GOTO(finish_output(&s, err));
    for (size_t l = 0; l < s.n_levels; l++) s.result.level_errors[l] /= (double)s.result.n_rows;
    *result = s.result;
    s.result.level_errors = NULL;
done:
    stream_release(&s);
    return status;
}

/* ---- a whole catalogue, whose rows compete for codes ---- */

static semid_status save_catalogue(const encoded *e, const vectors *v, const char *out_path,
                                   semid_error *err) {
    char *path;
    TRY(path_replace_extension(&path, out_path, ".rows.npy", err));
    semid_status status = v->usable ? npy_save(path, DTYPE_I64, 1, &v->n_rows, v->usable, err)
                                    : file_remove(path, err);
    mem_free(path);
    TRY(status);
    return semid_codes_save(&e->all.codes, out_path, err);
}

static semid_status catalogue_result(encode_result *out, const encoded *e, const vectors *v,
                                     semid_error *err) {
    size_t L = e->all.codes.n_levels;
    *out = (encode_result){.n_rows = v->n_rows, .n_bad_rows = v->n_bad};
    TRY(mem_alloc(&out->level_errors, L, sizeof(double), err));
    for (size_t l = 0; l < L; l++) out->level_errors[l] = e->all.mse[l] * (double)v->dim;
    return SEMID_OK;
}

/* Bad rows are met while encoding; which there are, and what to do about them, a scan tells. It
 * goes first where too many rows for distinct codes may become few enough. */
static semid_status encode_vectors(encoded *out, const semid_codebook *cb, vectors *v,
                                   const encode_choice *choice, const encode_params *params,
                                   semid_error *err) {
    size_t L = semid_codebook_levels(cb), K = semid_codebook_codewords(cb);
    size_t batch_rows = (size_t)params->batch_size;
    if (!choice->unique || encode_check_unique(v, L, K, NULL) == SEMID_OK) {
        TRY(train_encode(out, cb, v, choice, batch_rows, NULL, 0, err));
        if (!out->met_bad_row) return SEMID_OK;
    }
    embeddings *file = v->file;
    *v = (vectors){0};
    encoded_release(out);
    TRY(vectors_scan(v, file, params->skip_bad_rows, err));
    return train_encode(out, cb, v, choice, batch_rows, NULL, 0, err);
}

/* Codes are held in memory until all are known. */
static semid_status encode_catalogue(const semid_codebook *cb, const semid_model *model,
                                     const encode_params *params, encode_result *result,
                                     json_t *report, semid_error *err) {
    semid_status status;
    encode_choice choice = {.beam = (size_t)params->beam,
                            .balance = params->balance,
                            .unique = params->unique,
                            .model = model};
    embeddings *file = NULL;
    vectors v = {0};
    encoded e = {0};
    TRY(check_out_path(params->out, err));
    TRY_GOTO(concat_open(&file, NULL, params->in, &params->concat, params->load, err));
    v = vectors_unscanned(file);
    TRY_GOTO(encode_vectors(&e, cb, &v, &choice, params, err));
    TRY_GOTO(catalogue_result(result, &e, &v, err));
    TRY_GOTO(encoded_report(&e, &choice, report, err));
    TRY_GOTO(save_catalogue(&e, &v, params->out, err));
done:
    encoded_release(&e);
    vectors_close(&v);
    return status;
}

static semid_status encode_file(const semid_codebook *cb, const semid_model *model,
                                const encode_params *params, encode_result *result,
                                semid_error *err) {
    embeddings *in = NULL;
    TRY(concat_open(&in, NULL, params->in, &params->concat, params->load, err));
    semid_status status =
        encode_stream(cb, model, in, params->out, (size_t)params->beam, (size_t)params->batch_size,
                      params->skip_bad_rows, result, err);
    embeddings_close(in);
    return status;
}

/* ---- the step ---- */

/* Streamed rows are measured where they are quantized: their latents, with a model. */
static semid_status add_figures(json_t *report, const semid_codebook *cb, const semid_model *model,
                                bool streamed, const encode_result *r, double seconds,
                                semid_error *err) {
    json_t *mse = json_array();
    size_t row_dim = model ? semid_model_dim(model) : semid_codebook_dim(cb);
    double dim = (double)(streamed ? semid_codebook_dim(cb) : row_dim);
    for (size_t l = 0; l < semid_codebook_levels(cb); l++)
        json_array_append_new(mse, health_figure(r->level_errors[l] / dim));
    json_t *figures =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:f}", "rows", (json_int_t)r->n_rows, "bad_rows",
                  (json_int_t)r->n_bad_rows, "levels", (json_int_t)semid_codebook_levels(cb),
                  "codewords", (json_int_t)semid_codebook_codewords(cb), "dim", (json_int_t)row_dim,
                  model && streamed ? "latent_mse" : "mse", mse, "rows_per_second",
                  seconds > 0 ? (double)r->n_rows / seconds : 0.0);
    int failed = !figures || json_object_update(report, figures) != 0;
    json_decref(figures);
    if (failed) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return SEMID_OK;
}

semid_status step_encode(const encode_params *params, const step_context *ctx, json_t **report,
                         semid_error *err) {
    (void)ctx;
    step_timer timer = step_begin();
    semid_status status;
    semid_codebook *cb = NULL;
    semid_model *model = NULL;
    encode_result result = {0};
    bool streamed = !params->balance && !params->unique;
    if (params->balance && params->beam > 1)
        FAIL(SEMID_ERR_USAGE, "--balance and --beam: expected one of them, found both");
    json_t *made = json_object();
    if (!made) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    TRY_GOTO(semid_codebook_load(NULL, &cb, params->load, err));
    TRY_GOTO(semid_model_beside(NULL, &model, params->load, cb, err));
    double start_s = clock_seconds();
    if (streamed)
        TRY_GOTO(encode_file(cb, model, params, &result, err));
    else
        TRY_GOTO(encode_catalogue(cb, model, params, &result, made, err));
    TRY_GOTO(add_figures(made, cb, model, streamed, &result, clock_seconds() - start_s, err));
    TRY_GOTO(step_end(timer, made, err));
    *report = made;
    made = NULL;
done:
    json_decref(made);
    mem_free(result.level_errors);
    semid_model_free(model);
    semid_codebook_free(cb);
    return status;
}
