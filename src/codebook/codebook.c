#include "semid/codebook.h"

#include "base/memory.h"
#include "base/threads.h"
#include "formats/array.h"
#include "formats/embeddings.h"
#include "kernels/kernels.h"
#include "codebook/beam.h"
#include "codebook/codebook.h"

#include <string.h>

enum { DECODE_CHUNK_ROWS = 1024 };

struct semid_codebook {
    size_t n_levels, n_codewords, dim;
    bool vq;
    float *codewords;   /* [n_levels, n_codewords, dim] */
    nearest **searches; /* [n_levels] */
};

size_t semid_codebook_levels(const semid_codebook *cb) {
    return cb->n_levels;
}

size_t semid_codebook_codewords(const semid_codebook *cb) {
    return cb->n_codewords;
}

size_t semid_codebook_dim(const semid_codebook *cb) {
    return cb->dim;
}

bool semid_codebook_is_vq(const semid_codebook *cb) {
    return cb->vq;
}

const float *semid_codebook_level(const semid_codebook *cb, size_t level) {
    return cb->codewords + level * cb->n_codewords * cb->dim;
}

void semid_codebook_free(semid_codebook *cb) {
    if (!cb) return;
    for (size_t l = 0; cb->searches && l < cb->n_levels; l++) nearest_free(cb->searches[l]);
    mem_free(cb->searches);
    mem_free(cb->codewords);
    mem_free(cb);
}

static semid_status prepare_searches(semid_codebook *cb, semid_error *err) {
    TRY(mem_calloc(&cb->searches, cb->n_levels, sizeof(nearest *), err));
    for (size_t l = 0; l < cb->n_levels; l++) {
        TRY(nearest_new(&cb->searches[l], cb->n_codewords, cb->dim, err));
        nearest_set(cb->searches[l], semid_codebook_level(cb, l));
    }
    return SEMID_OK;
}

static semid_status check_codewords(size_t n_levels, size_t n_codewords, size_t dim, bool vq,
                                    const float *codewords, semid_error *err) {
    size_t rows, bad;
    if (n_levels == 0 || n_codewords == 0 || dim == 0 || (vq && n_levels != 1) ||
        n_codewords > INT32_MAX || !size_mul(n_levels, n_codewords, &rows))
        FAIL(SEMID_ERR_SHAPE,
             "codebooks: expected [L, K, d] of 1 or more each, found "
             "[%zu, %zu, %zu]%s",
             n_levels, n_codewords, dim, vq && n_levels != 1 ? " for a VQ codebook" : "");
    if (rows_not_finite(codewords, rows, dim, &bad) > 0)
        FAIL(SEMID_ERR_DATA,
             "codebooks: expected finite numbers, found NaN or Inf in level %zu, codeword %zu",
             bad / n_codewords, bad % n_codewords);
    return SEMID_OK;
}

semid_status semid_codebook_new(semid_codebook **out, size_t n_levels, size_t n_codewords,
                                size_t dim, bool vq, const float *codewords, semid_error *err) {
    semid_status status;
    TRY(check_codewords(n_levels, n_codewords, dim, vq, codewords, err));
    semid_codebook *cb;
    TRY(mem_calloc(&cb, 1, sizeof *cb, err));
    cb->n_levels = n_levels;
    cb->n_codewords = n_codewords;
    cb->dim = dim;
    cb->vq = vq;
    size_t n_bytes = n_codewords * dim * sizeof *codewords;
    TRY_GOTO(mem_alloc(&cb->codewords, n_levels, n_bytes, err));
    memcpy(cb->codewords, codewords, n_levels * n_bytes);
    TRY_GOTO(prepare_searches(cb, err));
    *out = cb;
    cb = NULL;
done:
    semid_codebook_free(cb);
    return status;
}

/* ---- codebooks.npz ---- */

static semid_status codebook_from_array(semid_codebook **out, const array *a, const char *path,
                                        semid_error *err) {
    char shape[ARRAY_SHAPE_TEXT_BYTES];
    if (a->n_dims != 2 && a->n_dims != 3)
        FAIL(SEMID_ERR_SHAPE, "%s: expected codebooks [L,K,d] or [K,d], found %s", path,
             array_describe(a, shape));
    if (a->type != DTYPE_F16 && a->type != DTYPE_F32 && a->type != DTYPE_F64)
        FAIL(SEMID_ERR_FORMAT, "%s: expected codebooks in float16, float32 or float64, found %s",
             path, array_describe(a, shape));
    bool vq = a->n_dims == 2;
    const size_t *last = a->shape + a->n_dims - 2;
    float *codewords;
    TRY(mem_alloc(&codewords, array_elements(a), sizeof *codewords, err));
    semid_status status = array_to_f32(a, 0, array_elements(a), codewords, err);
    if (status == SEMID_OK) {
        status =
            semid_codebook_new(out, vq ? 1 : a->shape[0], last[0], last[1], vq, codewords, err);
        if (status != SEMID_OK) error_prefix(err, "%s", path);
    }
    mem_free(codewords);
    return status;
}

semid_status semid_codebook_load(semid_codebook **out, const char *path, semid_error *err) {
    static const char *const names[] = {"codebooks", NULL};
    array a = {0};
    TRY(npz_load(&a, path, names, err));
    semid_status status = codebook_from_array(out, &a, path, err);
    array_release(&a);
    return status;
}

semid_status semid_codebook_save(const semid_codebook *cb, const char *path, semid_error *err) {
    npz_member member = {.name = "codebooks",
                         .type = DTYPE_F32,
                         .n_dims = cb->vq ? 2 : 3,
                         .shape = {cb->n_levels, cb->n_codewords, cb->dim},
                         .data = cb->codewords};
    if (cb->vq) {
        member.shape[0] = cb->n_codewords;
        member.shape[1] = cb->dim;
    }
    return npz_save(path, &member, 1, err);
}

/* ---- encoding and decoding ---- */

const nearest *const *codebook_searches(const semid_codebook *cb) {
    return (const nearest *const *)cb->searches;
}

void codebook_encode(const semid_codebook *cb, const float *x, size_t n, int32_t *codes,
                     float *errors, const shortlists *lists) {
    nearest_find_residual(codebook_searches(cb), cb->n_levels, x, n, codes, errors, lists);
}

bool codebook_makes_lists(const semid_codebook *cb) {
    return nearest_makes_lists(cb->searches[cb->n_levels - 1]);
}

static semid_status check_finite(const semid_codebook *cb, const float *x, size_t n,
                                 semid_error *err) {
    size_t bad, n_bad = rows_not_finite(x, n, cb->dim, &bad);
    if (n_bad > 0)
        FAIL(SEMID_ERR_DATA,
             "vectors: expected finite numbers, found NaN or Inf in %zu rows, first in row %zu",
             n_bad, bad);
    return SEMID_OK;
}

semid_status semid_encode(const semid_codebook *cb, const float *x, size_t n, int32_t *codes,
                          semid_error *err) {
    TRY(check_finite(cb, x, n, err));
    codebook_encode(cb, x, n, codes, NULL, NULL);
    return SEMID_OK;
}

semid_status semid_encode_beam(const semid_codebook *cb, const float *x, size_t n, size_t width,
                               int32_t *codes, semid_error *err) {
    beam *search;
    if (width == 0 || width > SEMID_BEAM_MAX)
        FAIL(SEMID_ERR_ARGUMENT, "beam: expected a width of 1 to %d, found %zu", SEMID_BEAM_MAX,
             width);
    if (width == 1) return semid_encode(cb, x, n, codes, err);
    TRY(check_finite(cb, x, n, err));
    TRY(beam_new(&search, cb, width, err));
    beam_encode(search, x, n, codes, NULL);
    beam_free(search);
    return SEMID_OK;
}

typedef struct measuring {
    const semid_codebook *cb;
    const float *x;
    const int32_t *codes;
    float *errors;
} measuring;

/* Rows in pieces of their dimensions, so that what is left over fits on the stack. */
static void measure_row(const measuring *q, size_t i) {
    enum { PIECE = 1024 };
    const semid_codebook *cb = q->cb;
    float left[PIECE], *errors = q->errors + i * cb->n_levels;
    memset(errors, 0, cb->n_levels * sizeof *errors);
    for (size_t j = 0; j < cb->dim; j += PIECE) {
        size_t n = cb->dim - j < PIECE ? cb->dim - j : PIECE;
        memcpy(left, q->x + i * cb->dim + j, n * sizeof *left);
        for (size_t l = 0; l < cb->n_levels; l++) {
            size_t code = (size_t)q->codes[i * cb->n_levels + l];
            kernels()->sub_f32(left, semid_codebook_level(cb, l) + code * cb->dim + j, n);
            errors[l] += kernels()->dot_f32(left, left, n);
        }
    }
}

static void measure_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    for (size_t i = begin; i < end; i++) measure_row(user, i);
}

void codebook_errors(const semid_codebook *cb, const float *x, size_t n, const int32_t *codes,
                     float *errors) {
    measuring q = {.cb = cb, .x = x, .codes = codes, .errors = errors};
    parallel_chunks(n, DECODE_CHUNK_ROWS, measure_rows, &q);
}

typedef struct decoding {
    const semid_codebook *cb;
    const int32_t *codes;
    float *x;
} decoding;

static void decode_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const decoding *q = user;
    const semid_codebook *cb = q->cb;
    for (size_t i = begin; i < end; i++) {
        float *row = q->x + i * cb->dim;
        const int32_t *code = q->codes + i * cb->n_levels;
        memcpy(row, semid_codebook_level(cb, 0) + (size_t)code[0] * cb->dim, cb->dim * sizeof *row);
        for (size_t l = 1; l < cb->n_levels; l++) {
            const float *codeword = semid_codebook_level(cb, l) + (size_t)code[l] * cb->dim;
            for (size_t j = 0; j < cb->dim; j++) row[j] += codeword[j];
        }
    }
}

semid_status semid_decode(const semid_codebook *cb, const int32_t *codes, size_t n, float *x,
                          semid_error *err) {
    for (size_t i = 0; i < n * cb->n_levels; i++)
        if (codes[i] < 0 || (size_t)codes[i] >= cb->n_codewords)
            FAIL(SEMID_ERR_DATA, "row %zu, level %zu: expected a code under K = %zu, found %d",
                 i / cb->n_levels, i % cb->n_levels, cb->n_codewords, (int)codes[i]);
    decoding q = {.cb = cb, .codes = codes, .x = x};
    parallel_chunks(n, DECODE_CHUNK_ROWS, decode_rows, &q);
    return SEMID_OK;
}
