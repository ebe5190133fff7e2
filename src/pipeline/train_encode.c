#include "pipeline/train_encode.h"

#include "base/log.h"
#include "base/memory.h"
#include "pipeline/decoded_errors.h"
#include "quant/beam.h"
#include "quant/codebook.h"

#include <string.h>

typedef struct encoder {
    const semid_codebook *cb;
    const vectors *v;
    beam *search; /* NULL: greedy */
    const semid_model *model;
    float *latents; /* [batch_rows, latent], with a model */
    decoded_errors decoded;
    size_t n_levels, batch_rows;
    float *block;         /* [batch_rows, dim] */
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

/* Codes of the block, and its errors. */
static semid_status encode_block(encoder *e, size_t n, int32_t *codes, semid_error *err) {
    const float *x = e->block;
    if (e->model) {
        TRY(semid_model_project(e->model, x, n, e->latents, err));
        x = e->latents;
    }
    if (e->search)
        beam_encode(e->search, x, n, codes, e->block_errors);
    else
        codebook_encode(e->cb, x, n, codes, e->block_errors);
    if (!e->model) return SEMID_OK;
    return decoded_errors_measure(&e->decoded, e->block, codes, n, e->block_errors, err);
}

static semid_status encode_all(encoder *e, semid_codes *codes, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n_rows = e->v->n_rows;
    progress bar;
    progress_begin(&bar, "encode", "rows", n_rows);
    for (size_t row = 0; row < n_rows; row += e->batch_rows) {
        size_t n = n_rows - row < e->batch_rows ? n_rows - row : e->batch_rows;
        int32_t *to = codes->data + row * e->n_levels;
        if (interrupted()) FAIL_GOTO(SEMID_ERR_INTERRUPTED, "interrupted");
        TRY_GOTO(vectors_read(e->v, row, n, e->block, err));
        TRY_GOTO(encode_block(e, n, to, err));
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
        TRY(mem_alloc(&e->latents, e->batch_rows, latent * sizeof(float), err));
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
                 .n_levels = semid_codebook_levels(cb),
                 .batch_rows = batch_rows,
                 .held = held,
                 .n_held = n_held};
    TRY_GOTO(encoder_init(&e, &result.codes, err));
    if (choice->beam > 1) TRY_GOTO(beam_new(&e.search, cb, choice->beam, err));
    TRY_GOTO(encode_all(&e, &result.codes, err));
    TRY_GOTO(measure(&result.quality, &e, &result.codes, e.errors, err));
    if (n_held > 0) TRY_GOTO(measure(&result.held_quality, &e, &e.held_codes, e.held_errors, err));
    *out = result;
    result = (encoded){0};
done:
    beam_free(e.search);
    decoded_errors_release(&e.decoded);
    mem_free(e.latents);
    mem_free(e.block);
    mem_free(e.block_errors);
    mem_free(e.errors);
    mem_free(e.held_errors);
    mem_free(e.held_codes.data);
    encoded_release(&result);
    return status;
}

void encoded_release(encoded *e) {
    semid_codes_release(&e->codes);
    semid_quality_release(&e->quality);
    semid_quality_release(&e->held_quality);
}
