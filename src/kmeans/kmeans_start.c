#include "kmeans/kmeans_start.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { N_TRIALS = PANEL_WIDTH, CHUNK_FLOATS = 1 << 18 };

/* Among many codewords, draws of one round rarely lie near each other: more than one is taken. */
enum { CODEWORDS_FOR_ONE_MORE = 1024, MAX_AT_ONCE = 4 };
enum { STREAM_DRAWS = 102, STREAM_RANDOM = 103 };

/* ---- distinct rows ---- */

/* A set of rows by content, open addressing. */
typedef struct row_set {
    size_t dim, n_rows, n_slots;
    float *rows;   /* [max_rows, dim] */
    size_t *slots; /* row of the set + 1; 0 = empty */
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

static uint64_t hash_row(const float *row, size_t dim) {
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (size_t j = 0; j < dim; j++) {
        float value = row[j] + 0.0F; /* -0 is 0 */
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        h = (h ^ bits) * 0x100000001b3u;
        h ^= h >> 29;
    }
    return h;
}

static int rows_equal(const float *a, const float *b, size_t dim) {
    for (size_t j = 0; j < dim; j++)
        if (a[j] != b[j]) return 0;
    return 1;
}

/* Add a row unless an equal one is there. */
static void row_set_add(row_set *set, const float *row) {
    size_t at = hash_row(row, set->dim) & (set->n_slots - 1);
    for (; set->slots[at]; at = (at + 1) & (set->n_slots - 1))
        if (rows_equal(set->rows + (set->slots[at] - 1) * set->dim, row, set->dim)) return;
    memcpy(set->rows + set->n_rows * set->dim, row, set->dim * sizeof *row);
    set->slots[at] = ++set->n_rows;
}

semid_status distinct_rows(const row_source *from, size_t enough, size_t *out, semid_error *err) {
    semid_status status;
    row_set set = {0};
    size_t n = 0;
    const float *x;
    TRY_GOTO(row_set_init(&set, from->dim, enough, err));
    for (size_t row = 0; row < from->n && set.n_rows < enough; row += n) {
        TRY_GOTO(row_source_block(from, row, &x, &n, err));
        for (size_t i = 0; i < n && set.n_rows < enough; i++) row_set_add(&set, x + i * from->dim);
    }
    *out = set.n_rows;
done:
    row_set_release(&set);
    return status;
}

static void repeat_first(float *codewords, size_t dim, size_t from, size_t n_codewords) {
    for (size_t k = from; k < n_codewords; k++)
        memcpy(codewords + k * dim, codewords, dim * sizeof *codewords);
}

semid_status start_random(const row_source *from, size_t n_codewords, uint64_t seed,
                          float *codewords, semid_error *err) {
    semid_status status;
    row_set set = {0};
    uint64_t *rows = NULL;
    float *row = NULL;
    size_t n = from->n, dim = from->dim;
    rng r;
    rng_init(&r, seed, STREAM_RANDOM);
    TRY_GOTO(mem_alloc(&rows, n, sizeof *rows, err));
    TRY_GOTO(mem_alloc(&row, dim, sizeof *row, err));
    TRY_GOTO(row_set_init(&set, dim, n_codewords, err));
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
    float *trial_distances; /* [n, N_TRIALS]: the same were the trial taken */
    double *sums;           /* [n_chunks] of distances */
    double *trial_sums;     /* [n_trials, n_chunks] */
} plusplus;

/* |x|^2 + |c|^2 - 2 x.c, or where that cancels the sum of squared differences: equal rows must be
 * at distance 0. */
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

/* Rows [begin, end), few enough for the kernel: the distances were each trial taken. */
static void measure_rows(const plusplus *p, size_t begin, size_t end, double *sums) {
    static const float no_floors[PANEL_WIDTH];
    float inner[KERNEL_MAX_ROWS * PANEL_WIDTH];
    uint16_t unused[KERNEL_MAX_ROWS];
    kernels()->inner_f32(p->x + begin * p->dim, end - begin, p->panel, p->dim, no_floors, inner,
                         unused);
    for (size_t i = begin; i < end; i++) {
        float *out = p->trial_distances + i * N_TRIALS;
        measure_row(p, i, inner + (i - begin) * PANEL_WIDTH, out);
        for (size_t t = 0; t < N_TRIALS; t++) sums[t] += (double)out[t];
    }
}

static void measure_trials(void *user, size_t chunk, size_t begin, size_t end) {
    const plusplus *p = user;
    double sums[N_TRIALS] = {0};
    for (size_t i = begin; i < end; i += KERNEL_MAX_ROWS)
        measure_rows(p, i, end - i > KERNEL_MAX_ROWS ? i + KERNEL_MAX_ROWS : end, sums);
    for (size_t t = 0; t < N_TRIALS; t++) p->trial_sums[t * p->n_chunks + chunk] = sums[t];
}

static void pack_trials(plusplus *p) {
    for (size_t t = 0; t < p->n_trials; t++) p->trial_norms[t] = p->norms[p->trials[t]];
    for (size_t t = 0; t < p->n_trials; t++)
        for (size_t j = 0; j < p->dim; j++)
            p->panel[j * PANEL_WIDTH + t] = p->x[p->trials[t] * p->dim + j];
}

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
    return (uint32_t)last; /* rounding may leave a rest behind the last row */
}

static size_t least_sum(const plusplus *p, const bool *spoilt) {
    size_t best = N_TRIALS;
    double best_sum = 0;
    for (size_t t = 0; t < p->n_trials; t++) {
        double sum = sum_of(p->trial_sums + t * p->n_chunks, p->n_chunks);
        if (spoilt[t] || (best < N_TRIALS && !(sum < best_sum))) continue;
        best_sum = sum;
        best = t;
    }
    return best;
}

/* Rows get the distances that the taken trials leave; those of a trial are its own. */
static void keep_distances(plusplus *p, const size_t *taken, size_t n_taken) {
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
}

/* Take up to n_wanted of the trials that were measured, best first, passing over those that lie in
 * the reach of one taken before; their rows into taken_rows. */
static size_t take_best(plusplus *p, size_t n_wanted, uint32_t *taken_rows) {
    size_t taken[N_TRIALS], n_taken = 0;
    bool spoilt[N_TRIALS] = {0};
    while (n_taken < n_wanted) {
        size_t best = least_sum(p, spoilt);
        if (best == N_TRIALS) break;
        taken_rows[n_taken] = p->trials[best];
        taken[n_taken++] = best;
        spoilt[best] = true;
        for (size_t t = 0; t < p->n_trials; t++) {
            size_t row = p->trials[t];
            spoilt[t] |= p->trial_distances[row * N_TRIALS + best] < p->distances[row];
        }
    }
    keep_distances(p, taken, n_taken);
    return n_taken;
}

static void draw_trials(plusplus *p, bool first, rng *r) {
    double total = sum_of(p->sums, p->n_chunks);
    p->n_trials = first ? 1 : N_TRIALS;
    for (size_t t = 0; t < p->n_trials; t++)
        p->trials[t] = first ? (uint32_t)rng_below(r, p->n) : row_at(p, rng_uniform(r) * total);
    pack_trials(p);
}

static semid_status choose_codewords(plusplus *p, size_t n_codewords, uint64_t seed,
                                     float *codewords, semid_error *err) {
    rng r;
    uint32_t rows[N_TRIALS];
    size_t at_once = 1 + n_codewords / CODEWORDS_FOR_ONE_MORE, k = 0;
    if (at_once > MAX_AT_ONCE) at_once = MAX_AT_ONCE;
    rng_init(&r, seed, STREAM_DRAWS);
    while (k < n_codewords && (k == 0 || sum_of(p->sums, p->n_chunks) > 0)) {
        TRY(check_interrupted(err));
        draw_trials(p, k == 0, &r);
        parallel_chunks(p->n, p->chunk_rows, measure_trials, p);
        size_t n_taken = take_best(p, at_once < n_codewords - k ? at_once : n_codewords - k, rows);
        for (size_t i = 0; i < n_taken; i++, k++)
            memcpy(codewords + k * p->dim, p->x + rows[i] * p->dim, p->dim * sizeof *codewords);
    }
    repeat_first(codewords, p->dim, k, n_codewords);
    return SEMID_OK;
}

semid_status start_plusplus(const float *x, size_t n, size_t dim, size_t n_codewords, uint64_t seed,
                            float *codewords, semid_error *err) {
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
    TRY_GOTO(choose_codewords(&p, n_codewords, seed, codewords, err));
done:
    mem_free(p.panel);
    mem_free(p.norms);
    mem_free(p.distances);
    mem_free(p.trial_distances);
    mem_free(p.sums);
    mem_free(p.trial_sums);
    return status;
}
