#include "kmeans/principal.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum {
    MAX_SAMPLE_ROWS = 8192,
    SPARE_DIRECTIONS = 16, /* carried along: the wanted ones settle faster */
    ITERATIONS = 10,
    MAX_SWEEPS = 30,
    CHUNK_ROWS = 256,
    STREAM_SAMPLE = 201,
    STREAM_START = 202
};

/* ---- covariance of a sample ---- */

typedef struct covariance {
    size_t dim, n_rows;
    float *columns; /* [dim, n_rows] centred */
    float *matrix;  /* [dim, dim] */
} covariance;

static semid_status take_rows(covariance *c, const row_source *from, uint64_t *rows, float *block,
                              uint64_t seed, semid_error *err) {
    size_t n = c->n_rows, dim = c->dim;
    if (n == from->n) {
        for (size_t i = 0; i < n; i++) rows[i] = i;
    } else {
        rng r;
        rng_init(&r, seed, STREAM_SAMPLE);
        rng_sample_sorted(&r, from->n, n, rows);
    }
    for (size_t first = 0; first < n; first += CHUNK_ROWS) {
        size_t take = n - first < CHUNK_ROWS ? n - first : CHUNK_ROWS;
        TRY(row_source_gather(from, rows + first, take, block, err));
        for (size_t i = 0; i < take; i++)
            for (size_t j = 0; j < dim; j++) c->columns[j * n + first + i] = block[i * dim + j];
    }
    return SEMID_OK;
}

static void centre_columns(covariance *c, float *mean) {
    for (size_t j = 0; j < c->dim; j++) {
        float *column = c->columns + j * c->n_rows;
        double sum = 0;
        for (size_t i = 0; i < c->n_rows; i++) sum += (double)column[i];
        mean[j] = (float)(sum / (double)c->n_rows);
        for (size_t i = 0; i < c->n_rows; i++) column[i] -= mean[j];
    }
}

static void fill_matrix_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    covariance *c = user;
    for (size_t i = begin; i < end; i++)
        for (size_t j = i; j < c->dim; j++)
            c->matrix[i * c->dim + j] = kernels()->dot_f32(c->columns + i * c->n_rows,
                                                           c->columns + j * c->n_rows, c->n_rows) /
                                        (float)c->n_rows;
}

static semid_status covariance_init(covariance *c, const row_source *from, uint64_t seed,
                                    float *mean, semid_error *err) {
    semid_status status;
    uint64_t *rows = NULL;
    float *block = NULL;
    size_t n = from->n, dim = from->dim;
    covariance made = {.dim = dim, .n_rows = n < MAX_SAMPLE_ROWS ? n : MAX_SAMPLE_ROWS};
    TRY_GOTO(mem_alloc(&rows, made.n_rows, sizeof *rows, err));
    TRY_GOTO(mem_alloc(&made.columns, dim, made.n_rows * sizeof *made.columns, err));
    TRY_GOTO(mem_alloc(&made.matrix, dim, dim * sizeof *made.matrix, err));
    TRY_GOTO(mem_alloc(&block, CHUNK_ROWS, dim * sizeof *block, err));
    TRY_GOTO(take_rows(&made, from, rows, block, seed, err));
    centre_columns(&made, mean);
    parallel_chunks(dim, 8, fill_matrix_rows, &made);
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < i; j++) made.matrix[i * dim + j] = made.matrix[j * dim + i];
    *c = made;
    made = (covariance){0};
done:
    mem_free(rows);
    mem_free(block);
    mem_free(made.columns);
    mem_free(made.matrix);
    return status;
}

/* ---- its leading subspace ---- */

typedef struct subspace {
    const covariance *c;
    size_t n; /* vectors */
    float *q; /* [n, dim] orthonormal rows */
    float *z; /* [n, dim] = q * matrix */
} subspace;

static void multiply_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const subspace *s = user;
    size_t dim = s->c->dim;
    for (size_t i = begin; i < end; i++)
        for (size_t j = 0; j < dim; j++)
            s->z[i * dim + j] = kernels()->dot_f32(s->q + i * dim, s->c->matrix + j * dim, dim);
}

/* Gram-Schmidt, each row twice against those before; a row that depends on them becomes zero. */
static void orthonormalize(float *q, size_t n, size_t dim) {
    for (size_t i = 0; i < n; i++) {
        float *row = q + i * dim;
        float before = sqrtf(kernels()->dot_f32(row, row, dim));
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < i; k++) {
                float along = kernels()->dot_f32(row, q + k * dim, dim);
                for (size_t j = 0; j < dim; j++) row[j] -= along * q[k * dim + j];
            }
        float length = sqrtf(kernels()->dot_f32(row, row, dim));
        float scale = length > 1e-5f * before ? 1 / length : 0;
        for (size_t j = 0; j < dim; j++) row[j] *= scale;
    }
}

static void iterate_subspace(subspace *s, uint64_t seed) {
    size_t n_floats = s->n * s->c->dim;
    rng r;
    rng_init(&r, seed, STREAM_START);
    for (size_t i = 0; i < n_floats; i++) s->q[i] = (float)rng_normal(&r);
    orthonormalize(s->q, s->n, s->c->dim);
    for (int it = 0; it < ITERATIONS; it++) {
        parallel_chunks(s->n, 8, multiply_rows, s);
        memcpy(s->q, s->z, n_floats * sizeof *s->q);
        orthonormalize(s->q, s->n, s->c->dim);
    }
    parallel_chunks(s->n, 8, multiply_rows, s);
}

/* ---- Rayleigh-Ritz: eigenvectors of the small matrix q C q^T ---- */

/* Zero a[p][q] by a rotation, applied to the eigenvectors too (Golub & Van Loan, 8.5.2). */
static void rotate(double *a, double *v, size_t n, size_t p, size_t q) {
    double apq = a[p * n + q];
    if (apq == 0) return;
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    double t = copysign(1, theta) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (size_t k = 0; k < n; k++) {
        double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (size_t k = 0; k < n; k++) {
        double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
        x = v[p * n + k];
        y = v[q * n + k];
        v[p * n + k] = c * x - s * y;
        v[q * n + k] = s * x + c * y;
    }
}

/* Eigenvalues on the diagonal of a [n, n], eigenvectors in the rows of v. */
static void jacobi(double *a, double *v, size_t n) {
    for (size_t i = 0; i < n * n; i++) v[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < n * n; i++) {
            all += a[i] * a[i];
            if (i % (n + 1) != 0) off += a[i] * a[i];
        }
        if (off <= 1e-24 * all) return;
        for (size_t p = 0; p + 1 < n; p++)
            for (size_t q = p + 1; q < n; q++) rotate(a, v, n, p, q);
    }
}

static size_t largest_left(const double *a, size_t n, const double *taken) {
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (!taken[i] && (best == n || a[i * n + i] > a[best * n + best])) best = i;
    return best;
}

/* directions = the leading eigenvectors, in the basis of the subspace. `work` is [2 n^2 + n]. */
static void ritz(const subspace *s, principal *out, double *work) {
    size_t n = s->n, dim = s->c->dim;
    double *a = work, *v = work + n * n, *taken = work + 2 * n * n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            a[i * n + j] = a[j * n + i] =
                (double)kernels()->dot_f32(s->q + j * dim, s->z + i * dim, dim);
    jacobi(a, v, n);
    memset(taken, 0, n * sizeof *taken);
    for (size_t m = 0; m < out->n_directions; m++) {
        size_t from = largest_left(a, n, taken);
        float *direction = out->directions + m * dim;
        taken[from] = 1;
        out->variances[m] = fmax(a[from * n + from], 0);
        memset(direction, 0, dim * sizeof *direction);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < dim; j++)
                direction[j] += (float)v[from * n + i] * s->q[i * dim + j];
    }
}

static void set_rest_variance(principal *p, const covariance *c) {
    double total = 0;
    for (size_t j = 0; j < c->dim; j++) total += (double)c->matrix[j * c->dim + j];
    for (size_t m = 0; m < p->n_directions; m++) total -= p->variances[m];
    p->variances[p->n_directions] = fmax(total, 0);
}

static semid_status fit_directions(principal *out, const covariance *c, uint64_t seed,
                                   semid_error *err) {
    semid_status status;
    double *work = NULL;
    subspace s = {.c = c, .n = out->n_directions + SPARE_DIRECTIONS};
    if (s.n > c->dim) s.n = c->dim;
    TRY_GOTO(mem_alloc(&s.q, s.n, c->dim * sizeof *s.q, err));
    TRY_GOTO(mem_alloc(&s.z, s.n, c->dim * sizeof *s.z, err));
    TRY_GOTO(mem_alloc(&work, 2 * s.n + 1, s.n * sizeof *work, err));
    iterate_subspace(&s, seed);
    ritz(&s, out, work);
    set_rest_variance(out, c);
done:
    mem_free(s.q);
    mem_free(s.z);
    mem_free(work);
    return status;
}

semid_status principal_fit(principal *out, const row_source *from, size_t n_directions,
                           uint64_t seed, semid_error *err) {
    semid_status status;
    size_t dim = from->dim;
    covariance c = {0};
    principal made = {.dim = dim, .n_directions = n_directions};
    TRY_GOTO(mem_alloc(&made.mean, dim, sizeof *made.mean, err));
    TRY_GOTO(mem_alloc(&made.directions, n_directions, dim * sizeof *made.directions, err));
    TRY_GOTO(mem_alloc(&made.variances, n_directions + 1, sizeof *made.variances, err));
    TRY_GOTO(covariance_init(&c, from, seed, made.mean, err));
    TRY_GOTO(fit_directions(&made, &c, seed, err));
    *out = made;
    made = (principal){0};
done:
    principal_release(&made);
    mem_free(c.columns);
    mem_free(c.matrix);
    return status;
}

void principal_release(principal *p) {
    mem_free(p->mean);
    mem_free(p->directions);
    mem_free(p->variances);
    *p = (principal){0};
}

/* ---- coordinates ---- */

typedef struct projection {
    const principal *p;
    const float *from;
    float *to;
} projection;

static void project_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const projection *w = user;
    size_t dim = w->p->dim, m = w->p->n_directions;
    for (size_t k = 0; k < m; k++) {
        const float *direction = w->p->directions + k * dim;
        float origin = kernels()->dot_f32(w->p->mean, direction, dim);
        for (size_t i = begin; i < end; i++)
            w->to[i * m + k] = kernels()->dot_f32(w->from + i * dim, direction, dim) - origin;
    }
}

void principal_project(const principal *p, const float *x, size_t n, float *out) {
    projection w = {.p = p, .from = x, .to = out};
    parallel_chunks(n, CHUNK_ROWS, project_rows, &w);
}

static void lift_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const projection *w = user;
    size_t dim = w->p->dim, m = w->p->n_directions;
    for (size_t i = begin; i < end; i++) {
        float *to = w->to + i * dim;
        memcpy(to, w->p->mean, dim * sizeof *to);
        for (size_t k = 0; k < m; k++) {
            float along = w->from[i * m + k];
            for (size_t j = 0; j < dim; j++) to[j] += along * w->p->directions[k * dim + j];
        }
    }
}

void principal_lift(const principal *p, const float *c, size_t n, float *out) {
    projection w = {.p = p, .from = c, .to = out};
    parallel_chunks(n, CHUNK_ROWS, lift_rows, &w);
}
