#include "learn/revive.h"

#include "base/context.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* Codewords die: they start where few rows are, or the rows go to others, and without rows nothing
 * moves them any more. Restarting them at random rows is common practice (Dhariwal et al. 2020,
 * "Jukebox"); what is added here is when, and where to.
 *
 * In a batch a codeword is dead if few rows use it and these would lose little without it. Few rows
 * alone do not condemn: a codeword of a few rows that lie far off earns its place. It moves to a
 * row that its own codeword does not meet already, so that no codeword is doubled. Looking for a
 * codeword's neighbour costs K dim operations, so that only some are looked at per batch, in turn.
 *
 * Codewords revived in the last batches may lie where no row is nearest, and others may have lost
 * their rows to them. The pass over all rows at the end assigns exactly, with the levels above as
 * they are then, and moves codewords that have no row. Moving one may take the last row of another
 * codeword: hence a few rounds. Data with fewer different residuals than codewords leave some
 * unused after any number of rounds. Cost of a round: encoding all rows through one level. */

enum {
    BATCH_TRIES = 16,    /* rows that are drawn for one dead codeword of a batch */
    ROWS_PER_CHECK = 32, /* one search for a neighbour per so many rows of a batch */
    CODEWORDS_PER_CHUNK = 4,
    UNUSED_ROUNDS = 8,
    UNUSED_TRIES = 64, /* rows that are drawn for one unused codeword at the end */
    ROWS_PER_CHUNK = 64
};

/* Codewords with next to no rows are dead without a look at their neighbours. */
static const double surely_dead_ratio = 0.01;

/* A codeword is worth keeping if without it the error would grow by that of so many times dead_rows
 * average rows. Lower, and codewords that memorise single rows stay: fewer codes are told apart,
 * and unseen rows are served worse; higher, and outlying clusters lose theirs. */
static const double worth_errors = 4;

/* Row r [dim] is worth a codeword of its own if c, its codeword, does not meet it already. */
static bool is_missed(const float *r, const float *c, size_t dim) {
    double error = 0, norm = 0;
    for (size_t j = 0; j < dim; j++) {
        double e = (double)r[j] - (double)c[j];
        error += e * e;
        norm += (double)r[j] * (double)r[j];
    }
    return error > 1e-10 * norm;
}

/* ---- in a batch ---- */

typedef struct find_dead_task {
    const level_state *s;
    level_workspace *w;
    const level_rules *rules;
    double mean_error; /* squared, per row of the batch */
} find_dead_task;

/* Judges the codewords w->revived [begin, end). */
static void find_dead_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const find_dead_task *task = user;
    const level_state *s = task->s;
    (void)chunk;

    for (size_t i = begin; i < end; i++) {
        size_t k = task->w->revived[i];
        const float *c = s->codewords + k * s->dim;

        /* Without k, its rows would go to the codeword nearest to it. */
        float nearest_other = INFINITY;
        for (size_t other = 0; other < s->n_codewords; other++) {
            if (other == k) continue;
            float distance = kernels()->sqdist_f32(c, s->codewords + other * s->dim, s->dim);
            if (distance < nearest_other) nearest_other = distance;
        }

        double cost = s->n[k] * (double)nearest_other;
        task->w->dead[k] = cost < worth_errors * task->rules->dead_rows * task->mean_error;
    }
}

size_t revive_draw_seeds(const level_state *s, level_workspace *w, const level_rules *rules,
                         size_t n, rng *random) {
    size_t K = s->n_codewords, n_checks = 0, max_checks = n / ROWS_PER_CHECK + 1, n_seeds = 0;
    double error = 0;
    if (rules->dead_rows <= 0) return 0;

    /* Candidates begin at a random codeword, so that all get their turn. */
    size_t first = (size_t)rng_below(random, K);
    for (size_t i = 0; i < K; i++) {
        size_t k = i + first < K ? i + first : i + first - K;
        w->dead[k] = s->n[k] < surely_dead_ratio * rules->dead_rows;
        if (w->dead[k] || s->n[k] >= rules->dead_rows || n_checks == max_checks) continue;
        w->revived[n_checks++] = (uint32_t)k;
    }
    for (size_t i = 0; i < n; i++) error += (double)w->distances[i];
    find_dead_task task = {s, w, rules, error / (double)n};
    parallel_chunks(n_checks, CODEWORDS_PER_CHUNK, find_dead_chunk, &task);

    for (size_t k = 0; k < K && n_seeds < n; k++) {
        if (!w->dead[k]) continue;
        for (int t = 0; t < BATCH_TRIES; t++) {
            size_t row = (size_t)rng_below(random, n);
            const float *r = w->r + row * s->dim;
            const float *c = s->codewords + (size_t)w->codes[row] * s->dim;
            if (!(w->distances[row] > 0) || !is_missed(r, c, s->dim)) continue;

            memcpy(w->seeds + n_seeds * s->dim, r, s->dim * sizeof(float));
            w->distances[row] = 0; /* it is not drawn again */
            w->revived[n_seeds++] = (uint32_t)k;
            break;
        }
    }
    return n_seeds;
}

void revive_place_seeds(level_state *s, const level_workspace *w, const level_rules *rules,
                        size_t n_seeds) {
    for (size_t i = 0; i < n_seeds; i++) {
        size_t k = w->revived[i];
        memcpy(s->codewords + k * s->dim, w->seeds + i * s->dim, s->dim * sizeof(float));
        level_set_usage(s, k, rules->revived_rows);
    }
}

/* ---- after the last epoch ---- */

typedef struct unused_pass {
    level_state *levels;
    size_t n_levels, level, n, dim;
    const row_source *rows;
    int32_t *codes;   /* [n, n_levels] */
    uint64_t *counts; /* [K] rows of each codeword of this level */
    nearest *search;
    level_workspace *w;
    rng *random;
    size_t first; /* row of the block in w->r */
} unused_pass;

/* x, a row, becomes what the levels above leave of it. */
static void subtract_levels(const unused_pass *p, size_t row, float *x) {
    for (size_t l = 0; l < p->level; l++) {
        size_t code = (size_t)p->codes[row * p->n_levels + l];
        const float *c = p->levels[l].codewords + code * p->dim;
        for (size_t j = 0; j < p->dim; j++) x[j] -= c[j];
    }
}

static void subtract_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    const unused_pass *p = user;
    (void)chunk;
    for (size_t i = begin; i < end; i++) subtract_levels(p, p->first + i, p->w->r + i * p->dim);
}

/* Codes and counts of this level for all rows, a block of w->r at a time. */
static semid_status assign_level(unused_pass *p, semid_error *err) {
    memset(p->counts, 0, p->levels[p->level].n_codewords * sizeof *p->counts);
    nearest_set(p->search, p->levels[p->level].codewords);

    for (p->first = 0; p->first < p->n; p->first += p->w->max_rows) {
        size_t take = p->n - p->first < p->w->max_rows ? p->n - p->first : p->w->max_rows;
        TRY(check_interrupted(err));
        TRY(row_source_read(p->rows, p->first, take, p->w->r, err));
        parallel_chunks(take, ROWS_PER_CHUNK, subtract_chunk, p);
        nearest_find(p->search, p->w->r, take, p->w->codes, NULL);

        for (size_t i = 0; i < take; i++) {
            p->codes[(p->first + i) * p->n_levels + p->level] = p->w->codes[i];
            p->counts[p->w->codes[i]]++;
        }
    }
    return SEMID_OK;
}

/* Moves codeword k onto a row whose own codeword keeps others and lies elsewhere. */
static semid_status move_codeword(unused_pass *p, size_t k, size_t *n_moved, semid_error *err) {
    level_state *level = &p->levels[p->level];
    float *r = p->w->r;
    for (int t = 0; t < UNUSED_TRIES; t++) {
        size_t row = (size_t)rng_below(p->random, p->n);
        int32_t *code = &p->codes[row * p->n_levels + p->level];
        if (p->counts[*code] < 2) continue;

        TRY(row_source_read(p->rows, row, 1, r, err));
        subtract_levels(p, row, r);
        if (!is_missed(r, level->codewords + (size_t)*code * p->dim, p->dim)) continue;

        memcpy(level->codewords + k * p->dim, r, p->dim * sizeof(float));
        p->counts[*code]--;
        p->counts[k]++;
        *code = (int32_t)k;
        ++*n_moved;
        break;
    }
    return SEMID_OK;
}

semid_status revive_unused(level_state *levels, size_t n_levels, const row_source *rows,
                           level_workspace *w, rng *random, size_t *n_revived, semid_error *err) {
    semid_status status = SEMID_OK;
    unused_pass p = {.levels = levels,
                     .n_levels = n_levels,
                     .n = rows->n,
                     .dim = levels->dim,
                     .rows = rows,
                     .w = w,
                     .random = random};

    TRY_GOTO(mem_alloc(&p.codes, rows->n, n_levels * sizeof(int32_t), err));
    TRY_GOTO(mem_alloc(&p.counts, levels->n_codewords, sizeof *p.counts, err));
    TRY_GOTO(nearest_new(&p.search, levels->n_codewords, p.dim, err));
    for (p.level = 0; p.level < n_levels; p.level++) {
        TRY_GOTO(assign_level(&p, err));
        for (int round = 0; round < UNUSED_ROUNDS; round++) {
            size_t n_moved = 0;
            for (size_t k = 0; k < levels->n_codewords; k++)
                if (p.counts[k] == 0) TRY_GOTO(move_codeword(&p, k, &n_moved, err));
            if (n_moved == 0) break;

            /* The next round, or level, works on the codes of the codewords as they are now. */
            *n_revived += n_moved;
            TRY_GOTO(assign_level(&p, err));
        }
    }
done:
    mem_free(p.codes);
    mem_free(p.counts);
    nearest_free(p.search);
    return status;
}
