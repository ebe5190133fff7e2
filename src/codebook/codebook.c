#include "codebook/codebook.h"

#include "base/context.h"
#include "base/finite.h"
#include "base/memory.h"
#include "base/threads.h"
#include "formats/npz.h"
#include "kernels/kernels.h"

#include <string.h>

/* A codebook is its codewords and, per level, a search prepared for them (nearest.h), made once
 * when the codebook is made. Both are read-only afterwards: any number of threads may encode with
 * one codebook at the same time.
 *
 * Codewords are kept in float32 whatever the file holds; a codebook that was written from float32
 * is read back to the bit. */

enum { ROWS_PER_CHUNK = 1024 };

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

semid_status semid_codebook_new(semid_context *context, semid_codebook **out, size_t n_levels,
                                size_t n_codewords, size_t dim, bool vq, const float *codewords,
                                semid_error *err) {
    size_t n_rows, bad;
    if (n_levels == 0 || n_codewords == 0 || dim == 0 || (vq && n_levels != 1) ||
        n_codewords > INT32_MAX || !size_mul(n_levels, n_codewords, &n_rows))
        FAIL(SEMID_ERR_SHAPE,
             "codebooks: expected [L, K, d] of 1 or more each, found "
             "[%zu, %zu, %zu]%s",
             n_levels, n_codewords, dim, vq && n_levels != 1 ? " for a VQ codebook" : "");
    if (rows_not_finite(codewords, n_rows, dim, &bad) > 0)
        FAIL(SEMID_ERR_DATA,
             "codebooks: expected finite numbers, found NaN or Inf in level %zu, codeword %zu",
             bad / n_codewords, bad % n_codewords);

    semid_status status;
    semid_codebook *cb = NULL;
    context_scope outer = context_enter(context);
    TRY_GOTO(mem_calloc(&cb, 1, sizeof *cb, err));
    cb->n_levels = n_levels;
    cb->n_codewords = n_codewords;
    cb->dim = dim;
    cb->vq = vq;
    size_t level_bytes = n_codewords * dim * sizeof *codewords;
    TRY_GOTO(mem_alloc(&cb->codewords, n_levels, level_bytes, err));
    memcpy(cb->codewords, codewords, n_levels * level_bytes);

    TRY_GOTO(mem_calloc(&cb->searches, n_levels, sizeof *cb->searches, err));
    for (size_t l = 0; l < n_levels; l++) {
        TRY_GOTO(nearest_new(&cb->searches[l], n_codewords, dim, err));
        nearest_set(cb->searches[l], semid_codebook_level(cb, l));
    }
    *out = cb;
    cb = NULL;
done:
    context_leave(outer);
    semid_codebook_free(cb);
    return status;
}

const nearest *const *codebook_searches(const semid_codebook *cb) {
    return (const nearest *const *)cb->searches;
}

bool codebook_makes_lists(const semid_codebook *cb) {
    return nearest_makes_lists(cb->searches[cb->n_levels - 1]);
}

/* ---- codebooks.npz ---- */

static const char *const array_names[] = {"codebooks", NULL};

static semid_status codebook_from_array(semid_codebook **out, const array *a, const char *label,
                                        semid_error *err) {
    char shape[ARRAY_SHAPE_TEXT_BYTES];
    if (a->n_dims != 2 && a->n_dims != 3)
        FAIL(SEMID_ERR_SHAPE, "%s: expected codebooks [L,K,d] or [K,d], found %s", label,
             array_describe(a, shape));
    if (a->type != DTYPE_F16 && a->type != DTYPE_F32 && a->type != DTYPE_F64)
        FAIL(SEMID_ERR_FORMAT, "%s: expected codebooks in float16, float32 or float64, found %s",
             label, array_describe(a, shape));

    float *codewords;
    TRY(mem_alloc(&codewords, array_elements(a), sizeof *codewords, err));
    semid_status status = array_to_f32(a, 0, array_elements(a), codewords, err);
    if (status == SEMID_OK) {
        bool vq = a->n_dims == 2;
        size_t n_levels = vq ? 1 : a->shape[0];
        const size_t *level = a->shape + a->n_dims - 2; /* [K, d] */
        status = semid_codebook_new(NULL, out, n_levels, level[0], level[1], vq, codewords, err);
        if (status != SEMID_OK) error_prefix(err, "%s", label);
    }
    mem_free(codewords);
    return status;
}

semid_status semid_codebook_load(semid_context *context, semid_codebook **out, const char *path,
                                 semid_error *err) {
    array a = {0};
    TRY(npz_load(&a, path, array_names, err));

    context_scope outer = context_enter(context);
    semid_status status = codebook_from_array(out, &a, path, err);
    context_leave(outer);
    array_release(&a);
    return status;
}

semid_status semid_codebook_load_memory(semid_context *context, semid_codebook **out,
                                        const void *bytes, size_t n_bytes, semid_error *err) {
    array a = {0};
    TRY(npz_load_memory(&a, bytes, n_bytes, "codebooks.npz", array_names, err));

    context_scope outer = context_enter(context);
    semid_status status = codebook_from_array(out, &a, "codebooks.npz", err);
    context_leave(outer);
    array_release(&a);
    return status;
}

static npz_member member_of(const semid_codebook *cb) {
    npz_member member = {.name = array_names[0], .type = DTYPE_F32, .data = cb->codewords};
    if (!cb->vq) member.shape[member.n_dims++] = cb->n_levels;
    member.shape[member.n_dims++] = cb->n_codewords;
    member.shape[member.n_dims++] = cb->dim;
    return member;
}

semid_status semid_codebook_save(const semid_codebook *cb, const char *path, semid_error *err) {
    npz_member member = member_of(cb);
    return npz_save(path, &member, 1, err);
}

semid_status semid_codebook_save_memory(const semid_codebook *cb, void **bytes, size_t *n_bytes,
                                        semid_error *err) {
    npz_member member = member_of(cb);
    byte_buffer buffer = {0};
    semid_status status = npz_save_memory(&buffer, &member, 1, err);
    return byte_buffer_hand_over(&buffer, status, bytes, n_bytes);
}

/* ---- sums of codewords ---- */

typedef struct decode_task {
    const semid_codebook *cb;
    const int32_t *codes;
    float *x;
} decode_task;

static void decode_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const decode_task *t = user;
    const semid_codebook *cb = t->cb;
    for (size_t i = begin; i < end; i++) {
        float *row = t->x + i * cb->dim;
        const int32_t *code = t->codes + i * cb->n_levels;

        /* The first codeword as it is, not 0 + codeword: -0 stays -0. */
        memcpy(row, semid_codebook_level(cb, 0) + (size_t)code[0] * cb->dim, cb->dim * sizeof *row);
        for (size_t l = 1; l < cb->n_levels; l++) {
            const float *codeword = semid_codebook_level(cb, l) + (size_t)code[l] * cb->dim;
            for (size_t j = 0; j < cb->dim; j++) row[j] += codeword[j];
        }
    }
}

semid_status semid_decode(semid_context *context, const semid_codebook *cb, const int32_t *codes,
                          size_t n, float *x, semid_error *err) {
    for (size_t i = 0; i < n * cb->n_levels; i++)
        if (codes[i] < 0 || (size_t)codes[i] >= cb->n_codewords)
            FAIL(SEMID_ERR_DATA, "row %zu, level %zu: expected a code under K = %zu, found %d",
                 i / cb->n_levels, i % cb->n_levels, cb->n_codewords, (int)codes[i]);

    decode_task t = {.cb = cb, .codes = codes, .x = x};
    context_scope outer = context_enter(context);
    parallel_chunks(n, ROWS_PER_CHUNK, decode_rows, &t);
    context_leave(outer);
    return SEMID_OK;
}

typedef struct errors_task {
    const semid_codebook *cb;
    const float *x;
    const int32_t *codes;
    float *errors;
} errors_task;

static void measure_rows(void *user, size_t chunk, size_t begin, size_t end) {
    enum { PIECE = 1024 };
    (void)chunk;
    const errors_task *t = user;
    const semid_codebook *cb = t->cb;
    for (size_t i = begin; i < end; i++) {
        const int32_t *codes = t->codes + i * cb->n_levels;
        float residual[PIECE], *errors = t->errors + i * cb->n_levels;
        memset(errors, 0, cb->n_levels * sizeof *errors);

        /* In pieces of its dimensions, so that the residual fits on the stack. */
        for (size_t j = 0; j < cb->dim; j += PIECE) {
            size_t n = cb->dim - j < PIECE ? cb->dim - j : PIECE;
            memcpy(residual, t->x + i * cb->dim + j, n * sizeof *residual);
            for (size_t l = 0; l < cb->n_levels; l++) {
                const float *codeword = semid_codebook_level(cb, l) + (size_t)codes[l] * cb->dim;
                kernels()->sub_f32(residual, codeword + j, n);
                errors[l] += kernels()->dot_f32(residual, residual, n);
            }
        }
    }
}

void codebook_errors(const semid_codebook *cb, const float *x, size_t n, const int32_t *codes,
                     float *errors) {
    errors_task t = {.cb = cb, .x = x, .codes = codes, .errors = errors};
    parallel_chunks(n, ROWS_PER_CHUNK, measure_rows, &t);
}
