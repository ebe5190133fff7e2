#include "learn/ema_settle.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "learn/ema_revive.h"

#include <string.h>

/* A moved codeword may take the last rows of another: a few rounds; data with fewer different
 * residuals than codewords never gets there. */
enum { MAX_ROUNDS = 8, TRIES = 64, ROWS_PER_CHUNK = 64 };

typedef struct settling {
    ema_level *levels;
    size_t n_levels, level, n, dim;
    const row_source *rows;
    int32_t *codes;   /* [n, n_levels] */
    uint64_t *counts; /* [K] rows of each codeword of this level */
    nearest *search;
    ema_batch *b;
    rng *random;
    size_t first; /* row of the block at hand */
} settling;

/* x, a row, becomes what the levels above leave of it. */
static void subtract_levels(const settling *s, size_t row, float *x) {
    for (size_t l = 0; l < s->level; l++) {
        size_t code = (size_t)s->codes[row * s->n_levels + l];
        const float *c = s->levels[l].codewords + code * s->dim;
        for (size_t j = 0; j < s->dim; j++) x[j] -= c[j];
    }
}

static void subtract_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const settling *s = user;
    (void)chunk;
    for (size_t i = begin; i < end; i++) subtract_levels(s, s->first + i, s->b->r + i * s->dim);
}

static semid_status assign_level(settling *s, semid_error *err) {
    memset(s->counts, 0, s->levels[s->level].n_codewords * sizeof *s->counts);
    nearest_set(s->search, s->levels[s->level].codewords);
    for (s->first = 0; s->first < s->n; s->first += s->b->max_rows) {
        size_t take = s->n - s->first < s->b->max_rows ? s->n - s->first : s->b->max_rows;
        TRY(check_interrupted(err));
        TRY(row_source_read(s->rows, s->first, take, s->b->r, err));
        parallel_chunks(take, ROWS_PER_CHUNK, subtract_chunk, s);
        nearest_find(s->search, s->b->r, take, s->b->codes, NULL);
        for (size_t i = 0; i < take; i++) {
            s->codes[(s->first + i) * s->n_levels + s->level] = s->b->codes[i];
            s->counts[s->b->codes[i]]++;
        }
    }
    return SEMID_OK;
}

/* Moves codeword k onto a row whose own codeword keeps others and lies elsewhere. */
static semid_status move_codeword(settling *s, size_t k, size_t *n_moved, semid_error *err) {
    ema_level *level = &s->levels[s->level];
    float *r = s->b->r;
    for (int t = 0; t < TRIES; t++) {
        size_t row = (size_t)rng_below(s->random, s->n);
        int32_t *code = &s->codes[row * s->n_levels + s->level];
        if (s->counts[*code] < 2) continue;
        TRY(row_source_read(s->rows, row, 1, r, err));
        subtract_levels(s, row, r);
        if (!ema_is_missed(r, level->codewords + (size_t)*code * s->dim, s->dim)) continue;
        memcpy(level->codewords + k * s->dim, r, s->dim * sizeof(float));
        s->counts[*code]--;
        s->counts[k]++;
        *code = (int32_t)k;
        ++*n_moved;
        break;
    }
    return SEMID_OK;
}

static semid_status settle_level(settling *s, size_t *n_revived, semid_error *err) {
    for (int round = 0; round < MAX_ROUNDS; round++) {
        size_t n_moved = 0;
        TRY(assign_level(s, err));
        for (size_t k = 0; k < s->levels[s->level].n_codewords; k++)
            if (s->counts[k] == 0) TRY(move_codeword(s, k, &n_moved, err));
        *n_revived += n_moved;
        if (n_moved == 0) return SEMID_OK;
    }
    return assign_level(s, err);
}

semid_status ema_settle(ema_level *levels, size_t n_levels, const row_source *rows, ema_batch *b,
                        rng *random, size_t *n_revived, semid_error *err) {
    semid_status status = SEMID_OK;
    settling s = {.levels = levels,
                  .n_levels = n_levels,
                  .n = rows->n,
                  .dim = levels->dim,
                  .rows = rows,
                  .b = b,
                  .random = random};
    TRY_GOTO(mem_alloc(&s.codes, rows->n, n_levels * sizeof(int32_t), err));
    TRY_GOTO(mem_alloc(&s.counts, levels->n_codewords, sizeof *s.counts, err));
    TRY_GOTO(nearest_new(&s.search, levels->n_codewords, s.dim, err));
    for (s.level = 0; s.level < n_levels; s.level++) TRY_GOTO(settle_level(&s, n_revived, err));
done:
    mem_free(s.codes);
    mem_free(s.counts);
    nearest_free(s.search);
    return status;
}
