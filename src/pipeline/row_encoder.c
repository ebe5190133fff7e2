#include "pipeline/row_encoder.h"

#include "assign/balance_assign.h"
#include "assign/unique.h"
#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "codebook/beam.h"
#include "codebook/codebook.h"
#include "codebook/encode.h"
#include "formats/npy.h"
#include "pipeline/decoded_errors.h"
#include "pipeline/health.h"

#include <string.h>

/* One pass over the rows, in blocks, gives each row the code that is best for it alone. That is all
 * that plain encoding does, and nothing of it grows with the number of rows: bad rows are dropped
 * from the block they are met in, codes go to the file, errors are added up.
 *
 * --balance and --unique let rows compete for codes, so they need the codes of all rows in memory,
 * and read single rows again in any order. What they need besides is kept on the first pass, where
 * it costs least: latents, errors, and for --unique a shortlist of the nearest codewords of each
 * row, which spares most rows a second look. A pass that only measures follows where errors were
 * not kept up to date.
 *
 * Sums of errors are added in the order of the rows: they do not depend on the size of a batch. */

typedef struct row_encoder {
    const semid_codebook *cb;
    file_rows *rows;
    const encode_options *options;
    size_t n_levels, latent, batch_rows;
    beam *beam;        /* NULL: greedy */
    float *block;      /* [batch_rows, dim] rows that cannot be used in place */
    int32_t *codes;    /* [batch_rows, L] where they are streamed */
    bool keep_latents; /* of all rows, not of a block */
    float *latents;    /* [batch_rows or n_rows, latent], with a model */
    bool keep_errors;  /* the same */
    float *errors;     /* [batch_rows or n_rows, L] squared error of each row after each level */
    float *prices;     /* [L, K] of balanced codes, else NULL */
    shortlist *lists;  /* [n_rows] of greedy codes that are to become unique, else NULL */
    float *gaps;       /* [n_rows] with lists */
    prefix_counts prefixes; /* with lists */
    decoded_errors decoded;
    size_t first_measured; /* level, of errors that must be decoded */
    size_t n_held_done;
    encoded result; /* mse: sums of errors, until the end */
} row_encoder;

/* ---- errors ---- */

static void start_measuring(row_encoder *e) {
    memset(e->result.all.mse, 0, e->n_levels * sizeof(double));
    memset(e->result.held.mse, 0, e->n_levels * sizeof(double));
    e->n_held_done = 0;
}

static void add_errors(double *sums, const float *errors, size_t n_levels) {
    for (size_t l = 0; l < n_levels; l++) sums[l] += (double)errors[l];
}

/* Rows [row, row + n), and the held ones among them also by themselves. errors: [n, L] */
static void measure(row_encoder *e, size_t row, size_t n, const float *errors) {
    size_t L = e->n_levels;
    encoded_rows *all = &e->result.all, *held = &e->result.held;
    for (size_t i = 0; i < n; i++) add_errors(all->mse, errors + i * L, L);

    const uint64_t *numbers = e->options->held;
    for (; e->n_held_done < e->options->n_held && numbers[e->n_held_done] < row + n;
         e->n_held_done++) {
        size_t i = (size_t)numbers[e->n_held_done];
        memcpy(held->codes.data + e->n_held_done * L, all->codes.data + i * L, L * sizeof(int32_t));
        add_errors(held->mse, errors + (i - row) * L, L);
    }
}

/* Dimensions that errors are divided by. */
static double error_dim(const row_encoder *e) {
    return (double)(e->options->model && e->options->latent_errors ? e->latent : e->rows->dim);
}

static double mean_error(const row_encoder *e) {
    return e->result.all.mse[e->n_levels - 1] / ((double)e->rows->n_rows * error_dim(e));
}

static void finish_measuring(encoded_rows *r, double dim) {
    double n_values = (double)r->codes.n_rows * dim;
    for (size_t l = 0; l < r->codes.n_levels; l++) r->mse[l] /= n_values;
}

/* ---- a pass over the rows ---- */

/* What is done with a block of good rows x [n, dim], which starts with row `row`: makes or reads
 * codes [n, L], and fills in errors [n, L]. */
typedef semid_status (*block_fn)(row_encoder *e, size_t row, const float *x, size_t n,
                                 int32_t *codes, float *errors, semid_error *err);

static semid_status choose_codes(row_encoder *e, size_t row, const float *x, size_t n,
                                 int32_t *codes, float *errors, semid_error *err) {
    const semid_model *model = e->options->model;
    const float *quantized = x; /* [n, latent] */
    if (model) {
        float *latents = e->latents + (e->keep_latents ? row : 0) * e->latent;
        TRY(semid_model_project(NULL, model, x, n, latents, err));
        quantized = latents;
    }

    if (e->beam) {
        beam_encode(e->beam, quantized, n, codes, errors);
    } else if (e->lists) {
        shortlists lists = {
            .of_row = e->lists + row, .prefixes = &e->prefixes, .gaps = e->gaps + row};
        encode_greedy(e->cb, quantized, n, codes, errors, &lists);
        prefix_counts_add(&e->prefixes, codes, n);
    } else {
        encode_greedy(e->cb, quantized, n, codes, errors, NULL);
    }

    if (!model || e->options->latent_errors) return SEMID_OK;
    return decoded_errors_measure(&e->decoded, x, codes, n, e->first_measured, errors, err);
}

static semid_status measure_codes(row_encoder *e, size_t row, const float *x, size_t n,
                                  int32_t *codes, float *errors, semid_error *err) {
    (void)row;
    if (e->options->model)
        return decoded_errors_measure(&e->decoded, x, codes, n, e->first_measured, errors, err);
    codebook_errors(e->cb, x, n, codes, errors);
    return SEMID_OK;
}

/* All rows once, block by block. When bad rows are not to be skipped, those after the first are
 * counted and the good ones passed over: there will be no codes. */
static semid_status pass_over_rows(row_encoder *e, const char *label, block_fn work,
                                   semid_error *err) {
    semid_status status = SEMID_OK;
    file_rows *rows = e->rows;
    size_t n_rows = rows->n_rows, L = e->n_levels, n_done = 0; /* good ones */
    semid_codes *out = &e->result.all.codes;
    progress bar;

    start_measuring(e);
    progress_begin(&bar, label, "rows", n_rows);
    for (size_t row = 0; row < n_rows; row += e->batch_rows) {
        const float *x;
        size_t n_read = n_rows - row < e->batch_rows ? n_rows - row : e->batch_rows, n;
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(file_rows_block(rows, row, n_read, e->block, &x, &n, err));

        if (rows->is_checked || rows->n_bad == 0 || e->options->skip_bad_rows) {
            int32_t *codes = out->data ? out->data + n_done * L : e->codes;
            float *errors = e->errors + (e->keep_errors ? n_done * L : 0);
            TRY_GOTO(work(e, n_done, x, n, codes, errors, err));
            if (e->codes) file_out_write(&e->result.stream, codes, n * L * sizeof *codes);
            measure(e, n_done, n, errors);
            n_done += n;
        }
        file_rows_release_pages(rows, row, n_read);
        progress_add(&bar, n_read);
    }
    out->n_rows = n_done;
done:
    progress_end(&bar);
    return status;
}

/* ---- rows that compete for codes ---- */

/* Latents in memory, as semid_rows has it. */
static semid_status read_latents(void *user, size_t row, size_t n, float *out, semid_error *err) {
    const row_encoder *e = user;
    (void)err;
    memcpy(out, e->latents + row * e->latent, n * e->latent * sizeof *out);
    return SEMID_OK;
}

/* The rows that are quantized. */
static semid_rows quantized_rows(row_encoder *e) {
    if (!e->latents) return file_rows_callback(e->rows);
    return (semid_rows){.n_rows = e->rows->n_rows, .read = read_latents, .user = e};
}

static semid_status make_unique(row_encoder *e, semid_error *err) {
    encode_change *change = &e->result.unique;
    float *errors = e->keep_errors ? e->errors : NULL;
    const shortlists lists = {.of_row = e->lists, .gaps = e->gaps};
    semid_rows rows = quantized_rows(e);
    semid_unique_report report;
    log_info("giving each row a code of its own");

    change->before = mean_error(e);
    if (unique_assign(e->cb, &rows, e->prices, e->result.all.codes.data, e->lists ? &lists : NULL,
                      errors, &report, err) != SEMID_OK)
        return error_prefix(err, "%s: --unique", embeddings_path(e->rows->file));
    change->n_moved = report.n_moved;
    change->n_spilled = report.n_spilled;

    if (errors) { /* which unique_assign has kept true */
        start_measuring(e);
        measure(e, 0, e->rows->n_rows, errors);
    } else {
        TRY(pass_over_rows(e, "measure", measure_codes, err));
    }
    change->after = mean_error(e);
    return SEMID_OK;
}

semid_status encode_check_unique(const file_rows *rows, size_t n_levels, size_t n_codewords,
                                 semid_error *err) {
    if (unique_check_rows(rows->n_rows, n_levels, n_codewords, err) != SEMID_OK)
        return error_prefix(err, "%s: --unique", embeddings_path(rows->file));
    return SEMID_OK;
}

/* ---- codes.npy as it grows ---- */

/* The number of rows is known at the end alone, but the length of the header does not depend on it:
 * the header is written twice. */
static void write_header(file_out *f, const semid_codes *codes) {
    char header[NPY_HEADER_MAX_BYTES];
    size_t shape[] = {codes->n_rows, codes->n_levels};
    file_out_write(f, header, npy_format_header(header, npy_descr(DTYPE_I32), 2, shape));
}

semid_status encoded_save(encoded *e, const file_rows *rows, const char *path, semid_error *err) {
    TRY(file_rows_save_kept(rows, path, err));
    if (!e->stream.stream) return semid_codes_save(&e->all.codes, path, err);

    TRY(file_out_seek(&e->stream, 0, err));
    write_header(&e->stream, &e->all.codes);
    return file_out_commit(&e->stream, err);
}

/* ---- the whole ---- */

static semid_status results_init(encoded_rows *r, size_t n_rows, size_t n_levels, bool in_memory,
                                 semid_error *err) {
    size_t n = 0;
    if (!size_mul(n_rows, n_levels, &n)) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: codes");
    r->codes = (semid_codes){.n_rows = n_rows, .n_levels = n_levels};
    if (in_memory) TRY(mem_alloc(&r->codes.data, n, sizeof(int32_t), err));
    return mem_calloc(&r->mse, n_levels, sizeof(double), err);
}

static semid_status encoder_init(row_encoder *e, semid_error *err) {
    const encode_options *o = e->options;
    size_t n_rows = e->rows->n_rows, L = e->n_levels;
    size_t dim = o->model ? semid_model_dim(o->model) : e->latent;
    if (e->rows->dim != dim)
        FAIL(SEMID_ERR_SHAPE,
             "%s: expected vectors of dimension %zu as in the %s, found shape [%zu, %zu]",
             embeddings_path(e->rows->file), dim,
             o->model ? "model beside the codebook" : "codebook", n_rows, e->rows->dim);

    e->batch_rows = o->batch_rows < n_rows ? o->batch_rows : n_rows;
    e->keep_latents = o->unique || o->balance;
    e->keep_errors = o->unique && !o->balance && !o->model;
    size_t n_latents = e->keep_latents ? n_rows : e->batch_rows;
    size_t n_errors = e->keep_errors ? n_rows : e->batch_rows;

    TRY(results_init(&e->result.all, n_rows, L, !o->stream_to, err));
    TRY(results_init(&e->result.held, o->n_held, L, !o->stream_to, err));
    TRY(mem_alloc(&e->block, e->batch_rows, dim * sizeof(float), err));
    TRY(mem_calloc(&e->errors, n_errors, L * sizeof(float), err));
    if (o->model) TRY(mem_alloc(&e->latents, n_latents, e->latent * sizeof(float), err));
    if (o->model && !o->latent_errors)
        TRY(decoded_errors_init(&e->decoded, o->model, e->cb, e->batch_rows, err));
    if (o->beam > 1) TRY(beam_new(&e->beam, e->cb, o->beam, (size_t)threads_get(), err));

    /* shortlists are of codes that are nearest; prices and beams make others */
    if (o->unique && !o->balance && o->beam <= 1 && codebook_makes_lists(e->cb)) {
        TRY(prefix_counts_init(&e->prefixes, n_rows, L, UNIQUE_DENSE_ROWS, err));
        TRY(mem_alloc(&e->gaps, n_rows, sizeof *e->gaps, err));
        TRY(mem_alloc(&e->lists, n_rows, sizeof *e->lists, err));
    }
    if (!o->stream_to) return SEMID_OK;
    TRY(mem_alloc(&e->codes, e->batch_rows, L * sizeof *e->codes, err));
    TRY(file_out_open(&e->result.stream, o->stream_to, err));
    write_header(&e->result.stream, &e->result.all.codes);
    return SEMID_OK;
}

static semid_status choose_all_codes(row_encoder *e, semid_error *err) {
    const encode_options *o = e->options;
    size_t last = e->n_levels - 1;
    bool compete = o->balance || o->unique;

    /* Of codes that are still to change, the error of the last level alone is reported. */
    e->first_measured = compete ? last : 0;
    TRY(pass_over_rows(e, "encode", choose_codes, err));
    if (!e->rows->is_checked) {
        TRY(file_rows_check_bad(e->rows, o->skip_bad_rows, err));
        if (compete) TRY(file_rows_drop_bad(e->rows, err));
    }

    if (o->balance) {
        encode_change *change = &e->result.balance;
        semid_rows rows = quantized_rows(e);
        e->first_measured = o->unique ? last : 0;
        log_info("balancing the use of codewords");

        change->before = mean_error(e);
        TRY(balance_assign(e->cb, &rows, e->result.all.codes.data, &e->prices, &change->n_moved,
                           err));
        TRY(pass_over_rows(e, "measure", measure_codes, err));
        change->after = mean_error(e);
    }
    if (o->unique) {
        e->first_measured = 0;
        TRY(make_unique(e, err));
    }
    return SEMID_OK;
}

semid_status encode_rows(encoded *out, const semid_codebook *cb, file_rows *rows,
                         const encode_options *options, semid_error *err) {
    semid_status status = SEMID_OK;
    row_encoder e = {.cb = cb,
                     .rows = rows,
                     .options = options,
                     .n_levels = semid_codebook_levels(cb),
                     .latent = semid_codebook_dim(cb)};

    if (options->unique) {
        /* Too many rows for distinct codes may become few enough without the bad ones. */
        size_t K = semid_codebook_codewords(cb);
        if (!rows->is_checked && encode_check_unique(rows, e.n_levels, K, NULL) != SEMID_OK)
            TRY(file_rows_scan(rows, options->skip_bad_rows, err));
        TRY(encode_check_unique(rows, e.n_levels, K, err));
    }

    TRY_GOTO(encoder_init(&e, err));
    TRY_GOTO(choose_all_codes(&e, err));
    finish_measuring(&e.result.all, error_dim(&e));
    if (options->n_held > 0) finish_measuring(&e.result.held, error_dim(&e));
    *out = e.result;
    e.result = (encoded){0};
done:
    beam_free(e.beam);
    decoded_errors_release(&e.decoded);
    prefix_counts_release(&e.prefixes);
    mem_free(e.block);
    mem_free(e.codes);
    mem_free(e.latents);
    mem_free(e.errors);
    mem_free(e.prices);
    mem_free(e.lists);
    mem_free(e.gaps);
    encoded_release(&e.result);
    return status;
}

/* ---- the report ---- */

static json_t *change_json(const encode_change *c, size_t n_rows) {
    double added = c->before > 0 ? c->after / c->before - 1 : 0;
    return json_pack("{s:I, s:f, s:o, s:o, s:o}", "moved", (json_int_t)c->n_moved, "moved_ratio",
                     (double)c->n_moved / (double)n_rows, "mse_before", health_figure(c->before),
                     "mse_after", health_figure(c->after), "mse_added_ratio", health_figure(added));
}

semid_status encoded_report(const encoded *e, const encode_options *options, json_t *report,
                            semid_error *err) {
    size_t n_rows = e->all.codes.n_rows;
    if (options->balance) TRY(json_set(report, "balance", change_json(&e->balance, n_rows), err));
    if (!options->unique) return SEMID_OK;

    TRY(json_set(report, "unique", change_json(&e->unique, n_rows), err));
    return json_set(json_object_get(report, "unique"), "spilled",
                    json_integer((json_int_t)e->unique.n_spilled), err);
}

static void rows_release(encoded_rows *r) {
    semid_codes_release(&r->codes);
    mem_free(r->mse);
    r->mse = NULL;
}

void encoded_release(encoded *e) {
    rows_release(&e->all);
    rows_release(&e->held);
    file_out_release(&e->stream);
}
