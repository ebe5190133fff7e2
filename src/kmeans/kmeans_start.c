/* Where k-means starts: greedy k-means++, or rows drawn at random.
 *
 * k-means++ (Arthur & Vassilvitskii 2007) draws each next codeword among the rows with probability
 * proportional to the squared distance to the nearest codeword so far. The greedy variant draws 16
 * such trials per round and takes the one that leaves the least total distance. Among many
 * codewords the trials of a round rarely lie near each other, so from K = 1024 on up to four of
 * them are taken per round, best first; one is passed over if it is nearer to a taken one than to
 * all codewords before (its total would be wrong).
 *
 * The 16 trials are measured side by side by the kernel that serves nearest.c. Distances are
 * |x|^2 + |c|^2 - 2 x.c, and by differences where that cancels: a row that equals a codeword must
 * have distance 0, or it could be drawn again.
 *
 * Draws and sums go chunk by chunk in a fixed order, so results do not depend on threads. Cost: 32
 * n dim operations per round; memory: 16 distances per row. */
#include "kmeans/kmeans_start.h"

#include "base/context.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { N_TRIALS = PANEL_WIDTH, CHUNK_FLOATS = 1 << 18 };

/* Codewords taken per round: one, and one more per so many of K. */
enum { CODEWORDS_FOR_ONE_MORE = 1024, MAX_PER_ROUND = 4 };

/* ---- distinct rows ---- */

/* A set of rows by their values: a hash table with open addressing. */
typedef struct row_set {
    size_t dim, n_rows, n_slots;
    float *rows;   /* [max_rows, dim] */
    size_t *slots; /* row of the set + 1; 0: empty */
} row_set;

static semid_status row_set_init(row_set *set, size_t dim, size_t max_rows, semid_error *err) {
    size_t n_slots = 16;
    while (n_slots < 2 * max_rows) n_slots *= 2;
    *set = (row_set){.dim = dim, .n_slots = n_slots};
    TRY(mem_alloc(&set->rows, max_rows, dim * sizeof *set->rows, err));
    return mem_calloc(&set->slots, n_slots, sizeof *set->slots, err);
}

static void row_set_release(row_set *set) {
    mem_free(set->rows);
    mem_free(set->slots);
}

/* Add a row unless an equal one is in the set. */
static void row_set_add(row_set *set, const float *row) {
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (size_t j = 0; j < set->dim; j++) {
        float value = row[j] + 0.0F; /* -0 becomes 0 */
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
        hash ^= hash >> 29;
    }

    size_t slot = hash & (set->n_slots - 1);
    for (; set->slots[slot]; slot = (slot + 1) & (set->n_slots - 1)) {
        const float *other = set->rows + (set->slots[slot] - 1) * set->dim;
        size_t j = 0;
        while (j < set->dim && row[j] == other[j]) j++;
        if (j == set->dim) return;
    }

    memcpy(set->rows + set->n_rows * set->dim, row, set->dim * sizeof *row);
    set->slots[slot] = ++set->n_rows;
}

semid_status kmeans_count_distinct(const row_source *from, size_t enough, size_t *out,
                                   semid_error *err) {
    semid_status status;
    row_set set = {0};
    size_t n = 0;
    TRY_GOTO(row_set_init(&set, from->dim, enough, err));

    for (size_t row = 0; row < from->n && set.n_rows < enough; row += n) {
        const float *x;
        TRY_GOTO(row_source_block(from, row, &x, &n, err));
        for (size_t i = 0; i < n && set.n_rows < enough; i++) row_set_add(&set, x + i * from->dim);
    }
    *out = set.n_rows;
done:
    row_set_release(&set);
    return status;
}

/* Codewords [from, n_codewords) become the first. */
static void repeat_first(float *codewords, size_t dim, size_t from, size_t n_codewords) {
    for (size_t k = from; k < n_codewords; k++)
        memcpy(codewords + k * dim, codewords, dim * sizeof *codewords);
}

semid_status kmeans_start_random(const row_source *from, size_t n_codewords, uint64_t seed,
                                 float *codewords, semid_error *err) {
    semid_status status;
    row_set set = {0};
    uint64_t *rows = NULL;
    float *row = NULL;
    size_t n = from->n, dim = from->dim;
    TRY_GOTO(mem_alloc(&rows, n, sizeof *rows, err));
    TRY_GOTO(mem_alloc(&row, dim, sizeof *row, err));
    TRY_GOTO(row_set_init(&set, dim, n_codewords, err));

    rng r;
    rng_init(&r, seed, RNG_KMEANS_RANDOM);
    for (size_t i = 0; i < n; i++) rows[i] = i;
    rng_shuffle_u64(&r, rows, n);
    for (size_t i = 0; i < n && set.n_rows < n_codewords; i++) {
        TRY_GOTO(row_source_read(from, rows[i], 1, row, err));
        row_set_add(&set, row);
    }

    memcpy(codewords, set.rows, set.n_rows * dim * sizeof *codewords);
    repeat_first(codewords, dim, set.n_rows, n_codewords);
done:
    row_set_release(&set);
    mem_free(rows);
    mem_free(row);
    return status;
}

/* ---- k-means++ ---- */

typedef struct plusplus {
    const float *x; /* [n, dim] */
    size_t n, dim, n_trials, chunk_rows, n_chunks;
    uint32_t trials[N_TRIALS]; /* rows */
    float *panel;              /* [dim, PANEL_WIDTH] the trials as the kernel reads them */
    float *norms;              /* [n] squared */
    float trial_norms[N_TRIALS];
    float *distances;       /* [n] to the nearest codeword so far */
    float *trial_distances; /* [n, N_TRIALS] the same if the trial is taken */
    double *sums;           /* [n_chunks] of distances */
    double *trial_sums;     /* [n_trials, n_chunks] of trial_distances */
} plusplus;

static double sum_of(const double *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

/* The row at which the running sum of distances passes `target`: chunks first, then rows. */
static uint32_t row_at(const plusplus *p, double target) {
    size_t chunk = 0;
    while (chunk + 1 < p->n_chunks && target >= p->sums[chunk]) target -= p->sums[chunk++];

    size_t row = chunk * p->chunk_rows, last = row;
    size_t end = row + p->chunk_rows < p->n ? row + p->chunk_rows : p->n;
    for (; row < end; row++) {
        if (!(p->distances[row] > 0)) continue;
        last = row;
        target -= (double)p->distances[row];
        if (target < 0) break;
    }
    return (uint32_t)last; /* after rounding, the target may lie beyond the last row */
}

/* The distances of a row to its nearest codeword, if each trial were one. inner: [N_TRIALS] */
static void measure_row(const plusplus *p, size_t row, const float *inner, float *out) {
    float squares[N_TRIALS];
    int cancelled = 0;
    for (size_t t = 0; t < N_TRIALS; t++) {
        squares[t] = p->norms[row] + p->trial_norms[t];
        out[t] = squares[t] - 2 * inner[t];
        cancelled |= !(out[t] > 1e-4F * squares[t]);
    }
    for (size_t t = 0; t < p->n_trials && cancelled; t++)
        if (!(out[t] > 1e-4F * squares[t]))
            out[t] =
                kernels()->sqdist_f32(p->x + row * p->dim, p->x + p->trials[t] * p->dim, p->dim);

    float before = p->distances[row];
    for (size_t t = 0; t < N_TRIALS; t++) out[t] = before < out[t] ? before : out[t];
}

static void measure_trials(void *user, size_t chunk, size_t begin, size_t end) {
    static const float no_floors[PANEL_WIDTH];
    const plusplus *p = user;
    float inner[KERNEL_MAX_ROWS * PANEL_WIDTH];
    uint16_t unused[KERNEL_MAX_ROWS];
    double sums[N_TRIALS] = {0};

    for (size_t first = begin, n; first < end; first += n) {
        n = end - first > KERNEL_MAX_ROWS ? KERNEL_MAX_ROWS : end - first;
        kernels()->inner_f32(p->x + first * p->dim, n, p->panel, p->dim, no_floors, inner, unused);
        for (size_t i = 0; i < n; i++) {
            float *out = p->trial_distances + (first + i) * N_TRIALS;
            measure_row(p, first + i, inner + i * PANEL_WIDTH, out);
            for (size_t t = 0; t < N_TRIALS; t++) sums[t] += (double)out[t];
        }
    }
    for (size_t t = 0; t < N_TRIALS; t++) p->trial_sums[t * p->n_chunks + chunk] = sums[t];
}

/* Take up to n_wanted of the trials that were measured; their rows into taken_rows. */
static size_t take_best(plusplus *p, size_t n_wanted, uint32_t *taken_rows) {
    size_t taken[N_TRIALS] = {0}, n_taken = 0;
    bool excluded[N_TRIALS] = {0}; /* taken, or near one that was taken */
    while (n_taken < n_wanted) {
        size_t best = N_TRIALS;
        double best_sum = 0;
        for (size_t t = 0; t < p->n_trials; t++) {
            double sum = sum_of(p->trial_sums + t * p->n_chunks, p->n_chunks);
            if (excluded[t] || (best < N_TRIALS && !(sum < best_sum))) continue;
            best_sum = sum;
            best = t;
        }
        if (best == N_TRIALS) break;

        taken_rows[n_taken] = p->trials[best];
        taken[n_taken++] = best;
        excluded[best] = true;
        for (size_t t = 0; t < p->n_trials; t++) {
            size_t row = p->trials[t];
            excluded[t] |= p->trial_distances[row * N_TRIALS + best] < p->distances[row];
        }
    }

    /* Rows are now as far as the nearest of the taken trials leaves them. */
    for (size_t chunk = 0; chunk < p->n_chunks; chunk++) {
        size_t begin = chunk * p->chunk_rows, end = begin + p->chunk_rows;
        double sum = 0;
        for (size_t i = begin; i < end && i < p->n; i++) {
            const float *row = p->trial_distances + i * N_TRIALS;
            float least = row[taken[0]];
            for (size_t t = 1; t < n_taken; t++) least = fminf(least, row[taken[t]]);
            p->distances[i] = least;
            sum += (double)least;
        }
        p->sums[chunk] = sum;
    }
    return n_taken;
}

semid_status kmeans_start_plusplus(const float *x, size_t n, size_t dim, size_t n_codewords,
                                   uint64_t seed, float *codewords, semid_error *err) {
    semid_status status;
    plusplus p = {.x = x, .n = n, .dim = dim};
    p.chunk_rows = chunk_count(CHUNK_FLOATS, dim);
    p.n_chunks = chunk_count(n, p.chunk_rows);
    TRY_GOTO(mem_alloc(&p.distances, n, sizeof *p.distances, err));
    TRY_GOTO(mem_alloc(&p.trial_distances, n, N_TRIALS * sizeof *p.trial_distances, err));
    TRY_GOTO(mem_calloc(&p.sums, p.n_chunks, sizeof *p.sums, err));
    TRY_GOTO(mem_alloc(&p.trial_sums, p.n_chunks, N_TRIALS * sizeof *p.trial_sums, err));
    TRY_GOTO(mem_calloc(&p.panel, dim, PANEL_WIDTH * sizeof *p.panel, err));
    TRY_GOTO(mem_alloc(&p.norms, n, sizeof *p.norms, err));
    for (size_t i = 0; i < n; i++) {
        p.distances[i] = INFINITY;
        p.norms[i] = kernels()->dot_f32(x + i * dim, x + i * dim, dim);
    }

    size_t per_round = 1 + n_codewords / CODEWORDS_FOR_ONE_MORE, k = 0;
    if (per_round > MAX_PER_ROUND) per_round = MAX_PER_ROUND;
    rng r;
    rng_init(&r, seed, RNG_KMEANS_DRAWS);

    /* Until there are K codewords, or all rows are at distance 0 of one. */
    while (k < n_codewords && (k == 0 || sum_of(p.sums, p.n_chunks) > 0)) {
        uint32_t rows[N_TRIALS];
        size_t n_wanted = per_round < n_codewords - k ? per_round : n_codewords - k;
        double total = sum_of(p.sums, p.n_chunks);
        TRY_GOTO(check_interrupted(err));

        /* The first codeword is any row. */
        p.n_trials = k == 0 ? 1 : N_TRIALS;
        for (size_t t = 0; t < p.n_trials; t++) {
            uint32_t row =
                k == 0 ? (uint32_t)rng_below(&r, n) : row_at(&p, rng_uniform(&r) * total);
            p.trials[t] = row;
            p.trial_norms[t] = p.norms[row];
            for (size_t j = 0; j < dim; j++) p.panel[j * PANEL_WIDTH + t] = x[row * dim + j];
        }
        parallel_chunks(n, p.chunk_rows, measure_trials, &p);

        size_t n_taken = take_best(&p, n_wanted, rows);
        for (size_t i = 0; i < n_taken; i++, k++)
            memcpy(codewords + k * dim, x + rows[i] * dim, dim * sizeof *codewords);
    }
    repeat_first(codewords, dim, k, n_codewords);
done:
    mem_free(p.panel);
    mem_free(p.norms);
    mem_free(p.distances);
    mem_free(p.trial_distances);
    mem_free(p.sums);
    mem_free(p.trial_sums);
    return status;
}
