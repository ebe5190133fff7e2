/* Principal directions by orthogonal iteration (Golub & Van Loan, 8.2).
 *
 * The covariance matrix of a sample of rows is multiplied onto a random orthonormal basis again and
 * again, which is made orthonormal after each step (Gram-Schmidt): its span converges to that of
 * the leading eigenvectors, by the ratio of the eigenvalues left out to those kept. 16 spare
 * vectors beyond the wanted ones make that ratio small, so that ten steps suffice. A Rayleigh-Ritz
 * step then finds the directions within the span: the eigenvectors of the small matrix q C q^T, by
 * Jacobi's rotations (8.5).
 *
 * Directions that the data lack come out as zeros. Every entry is computed by one thread in a fixed
 * order. Cost: m dim^2 for the covariance of m <= 8192 rows, then 11 multiplications of
 * n_directions vectors by it. */
#include "kmeans/principal.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

enum {
    MAX_SAMPLE_ROWS = 8192,
    SPARE_DIRECTIONS = 16,
    ITERATIONS = 10,
    MAX_SWEEPS = 30, /* of rotations; about 8 are needed */
    CHUNK_ROWS = 256,
    CHUNK_DIRECTIONS = 8
};

/* ---- covariance of a sample ---- */

typedef struct covariance {
    size_t dim, n_rows;
    float *columns; /* [dim, n_rows] the sample, transposed and centred */
    float *matrix;  /* [dim, dim] */
} covariance;

static void fill_matrix_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    covariance *c = user;
    for (size_t i = begin; i < end; i++)
        for (size_t j = i; j < c->dim; j++)
            c->matrix[i * c->dim + j] = kernels()->dot_f32(c->columns + i * c->n_rows,
                                                           c->columns + j * c->n_rows, c->n_rows) /
                                        (float)c->n_rows;
}

/* Of all rows, or a seeded sample of them. mean: [dim], filled */
static semid_status covariance_init(covariance *c, const row_source *from, uint64_t seed,
                                    float *mean, semid_error *err) {
    semid_status status;
    uint64_t *rows = NULL;
    float *block = NULL;
    size_t dim = from->dim, n = from->n < MAX_SAMPLE_ROWS ? from->n : MAX_SAMPLE_ROWS;
    covariance made = {.dim = dim, .n_rows = n};
    TRY_GOTO(mem_alloc(&rows, n, sizeof *rows, err));
    TRY_GOTO(mem_alloc(&made.columns, dim, n * sizeof *made.columns, err));
    TRY_GOTO(mem_alloc(&made.matrix, dim, dim * sizeof *made.matrix, err));
    TRY_GOTO(mem_alloc(&block, CHUNK_ROWS, dim * sizeof *block, err));

    for (size_t i = 0; i < n; i++) rows[i] = i;
    if (n < from->n) {
        rng r;
        rng_init(&r, seed, RNG_PRINCIPAL_SAMPLE);
        rng_sample_sorted(&r, from->n, n, rows);
    }
    for (size_t first = 0; first < n; first += CHUNK_ROWS) {
        size_t take = n - first < CHUNK_ROWS ? n - first : CHUNK_ROWS;
        TRY_GOTO(row_source_gather(from, rows + first, take, block, err));
        for (size_t i = 0; i < take; i++)
            for (size_t j = 0; j < dim; j++) made.columns[j * n + first + i] = block[i * dim + j];
    }

    /* Subtract the mean. */
    for (size_t j = 0; j < dim; j++) {
        float *column = made.columns + j * n;
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += (double)column[i];
        mean[j] = (float)(sum / (double)n);
        for (size_t i = 0; i < n; i++) column[i] -= mean[j];
    }

    /* The upper triangle, then the lower one by symmetry. */
    parallel_chunks(dim, CHUNK_DIRECTIONS, fill_matrix_rows, &made);
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

/* Gram-Schmidt, each row twice against those before it, which keeps rounding errors small; a row
 * that depends on them becomes zero. */
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

/* ---- Rayleigh-Ritz: eigenvectors of the small matrix q C q^T ---- */

/* Eigenvalues to the diagonal of a [n, n], eigenvectors to the rows of v. Sweeps of rotations
 * (Golub & Van Loan, 8.5.2), until what is left off the diagonal is negligible. */
static void jacobi(double *a, double *v, size_t n) {
    for (size_t i = 0; i < n * n; i++) v[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < MAX_SWEEPS; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < n * n; i++) {
            all += a[i] * a[i];
            if (i % (n + 1) != 0) off += a[i] * a[i];
        }
        if (off <= 1e-24 * all) return;

        /* Zero each a[p][q] by a rotation, which is applied to the eigenvectors too. */
        for (size_t p = 0; p + 1 < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                double apq = a[p * n + q];
                if (apq == 0) continue;
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
    }
}

/* Directions and variances: the leading eigenvectors, in the basis of the subspace, and their
 * eigenvalues. work: [2 n^2 + n] */
static void ritz(const subspace *s, principal *out, double *work) {
    size_t n = s->n, dim = s->c->dim;
    double *a = work, *v = work + n * n, *is_taken = work + 2 * n * n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            a[i * n + j] = a[j * n + i] =
                (double)kernels()->dot_f32(s->q + j * dim, s->z + i * dim, dim);
    jacobi(a, v, n);

    /* By falling eigenvalue; of equal ones the first. */
    memset(is_taken, 0, n * sizeof *is_taken);
    for (size_t m = 0; m < out->n_directions; m++) {
        size_t from = n;
        for (size_t i = 0; i < n; i++)
            if (!is_taken[i] && (from == n || a[i * n + i] > a[from * n + from])) from = i;
        is_taken[from] = 1;

        float *direction = out->directions + m * dim;
        out->variances[m] = fmax(a[from * n + from], 0);
        memset(direction, 0, dim * sizeof *direction);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < dim; j++)
                direction[j] += (float)v[from * n + i] * s->q[i * dim + j];
    }

    /* The trace is the variance along all directions. */
    double rest = 0;
    for (size_t j = 0; j < dim; j++) rest += (double)s->c->matrix[j * dim + j];
    for (size_t m = 0; m < out->n_directions; m++) rest -= out->variances[m];
    out->variances[out->n_directions] = fmax(rest, 0);
}

semid_status principal_fit(principal *out, const row_source *from, size_t n_directions,
                           uint64_t seed, semid_error *err) {
    semid_status status;
    size_t dim = from->dim, n_vectors = n_directions + SPARE_DIRECTIONS;
    if (n_vectors > dim) n_vectors = dim;
    covariance c = {0};
    subspace s = {.c = &c, .n = n_vectors};
    double *work = NULL;
    principal made = {.dim = dim, .n_directions = n_directions};
    TRY_GOTO(mem_alloc(&made.mean, dim, sizeof *made.mean, err));
    TRY_GOTO(mem_alloc(&made.directions, n_directions, dim * sizeof *made.directions, err));
    TRY_GOTO(mem_alloc(&made.variances, n_directions + 1, sizeof *made.variances, err));

    TRY_GOTO(covariance_init(&c, from, seed, made.mean, err));
    TRY_GOTO(mem_alloc(&s.q, n_vectors, dim * sizeof *s.q, err));
    TRY_GOTO(mem_alloc(&s.z, n_vectors, dim * sizeof *s.z, err));
    TRY_GOTO(mem_alloc(&work, 2 * n_vectors + 1, n_vectors * sizeof *work, err));

    /* Orthogonal iteration from a random basis. */
    rng r;
    rng_init(&r, seed, RNG_PRINCIPAL_START);
    for (size_t i = 0; i < n_vectors * dim; i++) s.q[i] = (float)rng_normal(&r);
    orthonormalize(s.q, n_vectors, dim);
    for (int it = 0; it < ITERATIONS; it++) {
        parallel_chunks(n_vectors, CHUNK_DIRECTIONS, multiply_rows, &s);
        memcpy(s.q, s.z, n_vectors * dim * sizeof *s.q);
        orthonormalize(s.q, n_vectors, dim);
    }

    parallel_chunks(n_vectors, CHUNK_DIRECTIONS, multiply_rows, &s);
    ritz(&s, &made, work);
    *out = made;
    made = (principal){0};
done:
    principal_release(&made);
    mem_free(c.columns);
    mem_free(c.matrix);
    mem_free(s.q);
    mem_free(s.z);
    mem_free(work);
    return status;
}

void principal_release(principal *p) {
    mem_free(p->mean);
    mem_free(p->directions);
    mem_free(p->variances);
    *p = (principal){0};
}

/* ---- coordinates ---- */

/* From rows to coordinates or back. */
typedef struct convert_rows_task {
    const principal *p;
    const float *from;
    float *to;
} convert_rows_task;

static void project_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const convert_rows_task *t = user;
    size_t dim = t->p->dim, m = t->p->n_directions;
    for (size_t k = 0; k < m; k++) {
        const float *direction = t->p->directions + k * dim;
        float origin = kernels()->dot_f32(t->p->mean, direction, dim);
        for (size_t i = begin; i < end; i++)
            t->to[i * m + k] = kernels()->dot_f32(t->from + i * dim, direction, dim) - origin;
    }
}

void principal_project(const principal *p, const float *x, size_t n, float *out) {
    convert_rows_task t = {.p = p, .from = x, .to = out};
    parallel_chunks(n, CHUNK_ROWS, project_rows, &t);
}

static void lift_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const convert_rows_task *t = user;
    size_t dim = t->p->dim, m = t->p->n_directions;
    for (size_t i = begin; i < end; i++) {
        float *to = t->to + i * dim;
        memcpy(to, t->p->mean, dim * sizeof *to);
        for (size_t k = 0; k < m; k++) {
            float along = t->from[i * m + k];
            for (size_t j = 0; j < dim; j++) to[j] += along * t->p->directions[k * dim + j];
        }
    }
}

void principal_lift(const principal *p, const float *c, size_t n, float *out) {
    convert_rows_task t = {.p = p, .from = c, .to = out};
    parallel_chunks(n, CHUNK_ROWS, lift_rows, &t);
}
