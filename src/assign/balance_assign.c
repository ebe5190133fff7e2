#include "kmeans/balance.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <string.h>

/* Prices are found on a sample of so many rows a codeword, of so many floats at most. */
enum { SAMPLE_ROWS_PER_CODEWORD = 256, SAMPLE_MAX_FLOATS = 1 << 25, MAX_ROUNDS = 64 };

enum { BLOCK_ROWS = 4096, CHUNK_ROWS = 1024 };

typedef struct balancing {
    const semid_codebook *cb;
    const semid_rows *source;
    size_t n_levels, n_codewords, dim;
    size_t n_sample;
    float *sample;         /* [n_sample, dim] what the levels so far leave over */
    int32_t *sample_codes; /* [n_sample] */
    float *prices;         /* [n_levels, n_codewords] */
    nearest **searches;    /* [n_levels] under these prices */
    float *block;          /* [BLOCK_ROWS, dim] */
    int32_t *block_codes;  /* [BLOCK_ROWS, n_levels] */
} balancing;

static void balancing_release(balancing *b) {
    for (size_t l = 0; b->searches && l < b->n_levels; l++) nearest_free(b->searches[l]);
    mem_free(b->searches);
    mem_free(b->sample);
    mem_free(b->sample_codes);
    mem_free(b->prices);
    mem_free(b->block);
    mem_free(b->block_codes);
}

static size_t sample_rows(const balancing *b) {
    size_t n = b->source->n_rows, most = SAMPLE_MAX_FLOATS / b->dim + b->n_codewords;
    if (b->n_codewords < most / SAMPLE_ROWS_PER_CODEWORD)
        most = b->n_codewords * SAMPLE_ROWS_PER_CODEWORD;
    return n < most ? n : most;
}

static semid_status balancing_init(balancing *b, semid_error *err) {
    b->n_sample = sample_rows(b);
    TRY(mem_calloc(&b->searches, b->n_levels, sizeof(nearest *), err));
    for (size_t l = 0; l < b->n_levels; l++)
        TRY(nearest_new(&b->searches[l], b->n_codewords, b->dim, err));
    TRY(mem_alloc(&b->sample, b->n_sample, b->dim * sizeof *b->sample, err));
    TRY(mem_alloc(&b->sample_codes, b->n_sample, sizeof *b->sample_codes, err));
    TRY(mem_calloc(&b->prices, b->n_levels, b->n_codewords * sizeof *b->prices, err));
    TRY(mem_alloc(&b->block, BLOCK_ROWS, b->dim * sizeof *b->block, err));
    return mem_alloc(&b->block_codes, BLOCK_ROWS, b->n_levels * sizeof *b->block_codes, err);
}

/* Rows that lie evenly spaced. */
static semid_status read_sample(balancing *b, semid_error *err) {
    size_t n = b->source->n_rows, step = n / b->n_sample, rest = n % b->n_sample;
    for (size_t i = 0; i < b->n_sample; i++) {
        size_t row = i * step + i * rest / b->n_sample;
        TRY(b->source->read(b->source->user, row, 1, b->sample + i * b->dim, err));
    }
    return SEMID_OK;
}

typedef struct subtraction {
    const balancing *b;
    const float *codewords;
} subtraction;

static void subtract_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const subtraction *s = user;
    const balancing *b = s->b;
    for (size_t i = begin; i < end; i++)
        kernels()->sub_f32(b->sample + i * b->dim,
                           s->codewords + (size_t)b->sample_codes[i] * b->dim, b->dim);
}

/* Prices of one level on what is left of the sample. */
static semid_status price_level(balancing *b, size_t level, semid_error *err) {
    semid_status status;
    const float *codewords = semid_codebook_level(b->cb, level);
    balance found = {0};
    nearest *search = b->searches[level];
    row_source rows = row_source_of(b->sample, b->n_sample, b->dim);
    TRY_GOTO(balance_init(&found, &rows, codewords, b->n_codewords, err));
    for (size_t round = 0; round < MAX_ROUNDS; round++) {
        TRY_GOTO(check_interrupted(err));
        nearest_set_biased(search, codewords, found.prices);
        nearest_find(search, b->sample, b->n_sample, b->sample_codes, NULL);
        if (balance_settle(&found, b->sample_codes) == BALANCE_REACHED) break;
    }
    memcpy(b->prices + level * b->n_codewords, found.best, b->n_codewords * sizeof *found.best);
    nearest_set_biased(search, codewords, found.best);
    nearest_find(search, b->sample, b->n_sample, b->sample_codes, NULL);
    subtraction s = {.b = b, .codewords = codewords};
    parallel_chunks(b->n_sample, CHUNK_ROWS, subtract_chunk, &s);
done:
    balance_release(&found);
    return status;
}

static semid_status assign_rows(balancing *b, int32_t *codes, size_t *n_moved, semid_error *err) {
    size_t L = b->n_levels, n_rows = b->source->n_rows;
    *n_moved = 0;
    for (size_t row = 0; row < n_rows; row += BLOCK_ROWS) {
        size_t n = n_rows - row < BLOCK_ROWS ? n_rows - row : BLOCK_ROWS;
        TRY(check_interrupted(err));
        TRY(b->source->read(b->source->user, row, n, b->block, err));
        nearest_find_residual((const nearest *const *)b->searches, L, b->block, n, b->block_codes,
                              NULL, NULL);
        for (size_t i = 0; i < n; i++)
            *n_moved +=
                memcmp(codes + (row + i) * L, b->block_codes + i * L, L * sizeof *codes) != 0;
        memcpy(codes + row * L, b->block_codes, n * L * sizeof *codes);
    }
    return SEMID_OK;
}

semid_status balance_assign(const semid_codebook *cb, const semid_rows *rows, int32_t *codes,
                            float **prices, size_t *n_moved, semid_error *err) {
    semid_status status;
    balancing b = {.cb = cb,
                   .source = rows,
                   .n_levels = semid_codebook_levels(cb),
                   .n_codewords = semid_codebook_codewords(cb),
                   .dim = semid_codebook_dim(cb)};
    if (rows->n_rows == 0) FAIL(SEMID_ERR_DATA, "rows: expected at least one, found none");
    TRY_GOTO(balancing_init(&b, err));
    TRY_GOTO(read_sample(&b, err));
    for (size_t l = 0; l < b.n_levels; l++) TRY_GOTO(price_level(&b, l, err));
    TRY_GOTO(assign_rows(&b, codes, n_moved, err));
    *prices = b.prices;
    b.prices = NULL;
done:
    balancing_release(&b);
    return status;
}

semid_status semid_assign_balanced(const semid_codebook *cb, const semid_rows *rows, int32_t *codes,
                                   size_t *n_moved, semid_error *err) {
    float *prices = NULL;
    size_t moved;
    TRY(check_reserved(rows->reserved, sizeof rows->reserved, err));
    TRY(balance_assign(cb, rows, codes, &prices, &moved, err));
    mem_free(prices);
    if (n_moved) *n_moved = moved;
    return SEMID_OK;
}
