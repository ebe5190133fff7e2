/* Codes under prices that even out the use of codewords, for a catalogue of any size.
 *
 * The prices of a level come from a sample of evenly spaced rows, by the dual ascent of
 * kmeans/balance.h: assign the sample under the current prices, adjust them, again until codewords
 * are used about equally (at most MAX_ROUNDS times). The next level then works on the residuals
 * that the sample has under the prices found. With all prices known, every row is encoded once,
 * block by block: each code is the nearest codeword under prices, so equal rows keep equal codes.
 *
 * Cost: MAX_ROUNDS searches of the sample per level at most, and one encoding of all rows. Memory:
 * the sample (128 MB at most, plus K rows) and a block of rows. */
#include "assign/balance_assign.h"

#include "base/context.h"
#include "base/memory.h"
#include "codebook/nearest.h"
#include "kmeans/balance.h"
#include "kmeans/rqkmeans.h"

#include <string.h>

enum { SAMPLE_ROWS_PER_CODEWORD = 256, SAMPLE_MAX_FLOATS = 1 << 25, MAX_ROUNDS = 64 };

enum { BLOCK_ROWS = 4096 };

typedef struct balanced_assignment {
    const semid_codebook *cb;
    size_t n_codewords, dim, n_sample;
    float *sample;         /* [n_sample, dim] its residuals after the levels so far */
    int32_t *sample_codes; /* [n_sample] of the current level */
    float *prices;         /* [n_levels, n_codewords] */
    nearest **searches;    /* [n_levels] under these prices */
} balanced_assignment;

/* Find the prices of a level on the residuals of the sample, which then become those after it. */
static semid_status price_level(balanced_assignment *a, size_t level, semid_error *err) {
    semid_status status;
    const float *codewords = semid_codebook_level(a->cb, level);
    nearest *search = a->searches[level];
    row_source rows = row_source_of(a->sample, a->n_sample, a->dim);
    balance b = {0};

    TRY_GOTO(balance_init(&b, &rows, codewords, a->n_codewords, err));
    for (size_t round = 0; round < MAX_ROUNDS; round++) {
        TRY_GOTO(check_interrupted(err));
        nearest_set_biased(search, codewords, b.prices);
        nearest_find(search, a->sample, a->n_sample, a->sample_codes, NULL);
        if (balance_update(&b, a->sample_codes) == BALANCE_REACHED) break;
    }

    memcpy(a->prices + level * a->n_codewords, b.best, a->n_codewords * sizeof *b.best);
    nearest_set_biased(search, codewords, b.best);
    nearest_find(search, a->sample, a->n_sample, a->sample_codes, NULL);
    rqkmeans_subtract(a->sample, a->n_sample, a->dim, codewords, a->sample_codes);
done:
    balance_release(&b);
    return status;
}

semid_status balance_assign(const semid_codebook *cb, const semid_rows *rows, int32_t *codes,
                            float **prices, size_t *n_moved, semid_error *err) {
    semid_status status;
    size_t n = rows->n_rows, L = semid_codebook_levels(cb), K = semid_codebook_codewords(cb);
    size_t dim = semid_codebook_dim(cb);
    balanced_assignment a = {.cb = cb, .n_codewords = K, .dim = dim};
    float *block = NULL;         /* [BLOCK_ROWS, dim] */
    int32_t *block_codes = NULL; /* [BLOCK_ROWS, L] */
    if (n == 0) FAIL(SEMID_ERR_DATA, "rows: expected at least one, found none");

    size_t most = SAMPLE_MAX_FLOATS / dim + K;
    if (K < most / SAMPLE_ROWS_PER_CODEWORD) most = K * SAMPLE_ROWS_PER_CODEWORD;
    a.n_sample = n < most ? n : most;

    TRY_GOTO(mem_calloc(&a.searches, L, sizeof(nearest *), err));
    for (size_t l = 0; l < L; l++) TRY_GOTO(nearest_new(&a.searches[l], K, dim, err));
    TRY_GOTO(mem_alloc(&a.sample, a.n_sample, dim * sizeof *a.sample, err));
    TRY_GOTO(mem_alloc(&a.sample_codes, a.n_sample, sizeof *a.sample_codes, err));
    TRY_GOTO(mem_calloc(&a.prices, L, K * sizeof *a.prices, err));
    TRY_GOTO(mem_alloc(&block, BLOCK_ROWS, dim * sizeof *block, err));
    TRY_GOTO(mem_alloc(&block_codes, BLOCK_ROWS, L * sizeof *block_codes, err));

    /* Evenly spaced rows: i * n / n_sample, computed without overflow. */
    size_t step = n / a.n_sample, remainder = n % a.n_sample;
    for (size_t i = 0; i < a.n_sample; i++) {
        size_t row = i * step + i * remainder / a.n_sample;
        TRY_GOTO(rows->read(rows->user, row, 1, a.sample + i * dim, err));
    }

    for (size_t l = 0; l < L; l++) TRY_GOTO(price_level(&a, l, err));

    /* Encode all rows under the prices, and count those whose code changes. */
    *n_moved = 0;
    for (size_t row = 0; row < n; row += BLOCK_ROWS) {
        size_t n_block = n - row < BLOCK_ROWS ? n - row : BLOCK_ROWS;
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(rows->read(rows->user, row, n_block, block, err));
        nearest_find_residual((const nearest *const *)a.searches, L, block, n_block, block_codes,
                              NULL, NULL);

        for (size_t i = 0; i < n_block; i++)
            *n_moved += memcmp(codes + (row + i) * L, block_codes + i * L, L * sizeof *codes) != 0;
        memcpy(codes + row * L, block_codes, n_block * L * sizeof *codes);
    }
    *prices = a.prices;
    a.prices = NULL;
done:
    for (size_t l = 0; a.searches && l < L; l++) nearest_free(a.searches[l]);
    mem_free(a.searches);
    mem_free(a.sample);
    mem_free(a.sample_codes);
    mem_free(a.prices);
    mem_free(block);
    mem_free(block_codes);
    return status;
}

semid_status semid_assign_balanced(semid_context *context, const semid_codebook *cb,
                                   const semid_rows *rows, int32_t *codes, size_t *n_moved,
                                   semid_error *err) {
    float *prices = NULL;
    size_t moved;
    TRY(check_reserved(rows->reserved, sizeof rows->reserved, err));

    context_scope outer = context_enter(context);
    semid_status status = balance_assign(cb, rows, codes, &prices, &moved, err);
    context_leave(outer);
    mem_free(prices);
    if (status == SEMID_OK && n_moved) *n_moved = moved;
    return status;
}
