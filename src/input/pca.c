#include "input/pca.h"

#include "base/context.h"
#include "base/memory.h"
#include "codebook/model.h"
#include "input/lapack.h"

#include <math.h>

/* The covariance matrix in double precision, block by block, and all its eigenvectors by LAPACK:
 * the leading ones span the subspace that keeps most of the variance (Pearson 1901). Exact rather
 * than randomised, because dim is some thousands at most, and because the directions are then the
 * same wherever they are computed; what is left open, their sign, is fixed by the largest number.
 *
 * Two passes over the rows, mean first: the sum of squares minus the square of the sum would lose
 * the variance of vectors that lie far from the origin. Blocks are of a fixed number of rows: the
 * order of additions, and with it every bit, does not depend on where the rows come from. */

enum { BLOCK_ROWS = 1024 };
/* A smaller share of the largest variance is rounding of float32, which must not be magnified. */
static const double LEAST_SHARE = 1e-12;

typedef struct pca {
    const row_source *rows;
    size_t n_out;
    float *block;       /* [BLOCK_ROWS, dim] */
    double *centred;    /* [BLOCK_ROWS, dim] */
    double *mean;       /* [dim] */
    double *covariance; /* [dim, dim] the lower half; then its eigenvectors, one per row */
    double *variances;  /* [dim] ascending */
} pca;

/* *x: a block of rows, in place if they are in memory. */
static semid_status next_block(const pca *p, size_t row, const float **x, size_t *n,
                               semid_error *err) {
    const row_source *rows = p->rows;
    TRY(check_interrupted(err));
    *n = rows->n - row < BLOCK_ROWS ? rows->n - row : BLOCK_ROWS;
    *x = rows->x ? rows->x + row * rows->dim : p->block;
    return rows->x ? SEMID_OK : row_source_read(rows, row, *n, p->block, err);
}

static semid_status find_covariance(pca *p, semid_error *err) {
    size_t dim = p->rows->dim, n_rows = p->rows->n, n;
    const float *x;
    for (size_t row = 0; row < n_rows; row += n) {
        TRY(next_block(p, row, &x, &n, err));
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < dim; j++) p->mean[j] += (double)x[i * dim + j];
    }
    for (size_t j = 0; j < dim; j++) p->mean[j] /= (double)n_rows;

    for (size_t row = 0; row < n_rows; row += n) {
        TRY(next_block(p, row, &x, &n, err));
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < dim; j++)
                p->centred[i * dim + j] = (double)x[i * dim + j] - p->mean[j];
        TRY(lapack_add_products(p->covariance, dim, p->centred, n, err));
    }
    double scale = n_rows > 1 ? 1 / ((double)n_rows - 1) : 0;
    for (size_t i = 0; i < dim * dim; i++) p->covariance[i] *= scale;
    return SEMID_OK;
}

/* Of the k-th direction: LAPACK's order is that of rising variance. */
static double variance(const pca *p, size_t k) {
    return p->variances[p->rows->dim - 1 - k];
}

static semid_status check_variances(const pca *p, semid_error *err) {
    size_t n = 0;
    while (n < p->rows->dim && variance(p, n) > LEAST_SHARE * variance(p, 0)) n++;
    if (n < p->n_out)
        FAIL(SEMID_ERR_DATA,
             "expected vectors that vary along %zu directions, found %zu in %zu training rows",
             p->n_out, n, p->rows->n);
    return SEMID_OK;
}

static semid_status make_model(semid_model **out, const pca *p, bool whiten, semid_error *err) {
    size_t dim = p->rows->dim, m = p->n_out;
    semid_status status;
    float *mean = NULL, *encode_weights = NULL,
          *decode_weights = NULL; /* [dim], [m, dim], [dim, m] */
    TRY_GOTO(mem_alloc(&mean, dim, sizeof *mean, err));
    TRY_GOTO(mem_alloc(&encode_weights, m, dim * sizeof *encode_weights, err));
    TRY_GOTO(mem_alloc(&decode_weights, m, dim * sizeof *decode_weights, err));
    for (size_t j = 0; j < dim; j++) mean[j] = (float)p->mean[j];

    for (size_t k = 0; k < m; k++) {
        const double *v = p->covariance + (dim - 1 - k) * dim;
        size_t largest = 0;
        for (size_t j = 1; j < dim; j++)
            if (fabs(v[j]) > fabs(v[largest])) largest = j;

        double sign = v[largest] < 0 ? -1 : 1, deviation = whiten ? sqrt(variance(p, k)) : 1;
        for (size_t j = 0; j < dim; j++) {
            encode_weights[k * dim + j] = (float)(sign * v[j] / deviation);
            decode_weights[j * m + k] = (float)(sign * v[j] * deviation);
        }
    }
    TRY_GOTO(model_new_linear(out, dim, m, mean, encode_weights, decode_weights, err));
done:
    mem_free(mean);
    mem_free(encode_weights);
    mem_free(decode_weights);
    return status;
}

semid_status pca_fit(semid_model **out, const row_source *rows, size_t n_out, bool whiten,
                     double *kept_ratio, semid_error *err) {
    semid_status status;
    size_t dim = rows->dim;
    pca p = {.rows = rows, .n_out = n_out};
    if (n_out > dim)
        FAIL(SEMID_ERR_SHAPE, "expected at most the vectors' dimension %zu, found %zu", dim, n_out);
    TRY_GOTO(mem_calloc(&p.mean, dim, sizeof(double), err));
    TRY_GOTO(mem_calloc(&p.covariance, dim, dim * sizeof(double), err));
    TRY_GOTO(mem_alloc(&p.variances, dim, sizeof(double), err));
    TRY_GOTO(mem_alloc(&p.centred, dim, BLOCK_ROWS * sizeof(double), err));
    TRY_GOTO(mem_alloc(&p.block, dim, BLOCK_ROWS * sizeof(float), err));

    TRY_GOTO(find_covariance(&p, err));
    TRY_GOTO(lapack_symmetric_eigen(p.covariance, dim, p.variances, err));
    if (whiten) TRY_GOTO(check_variances(&p, err));
    TRY_GOTO(make_model(out, &p, whiten, err));

    double kept = 0, all = 0; /* rounding may leave the smallest below 0 */
    for (size_t k = 0; k < dim; k++) {
        all += fmax(variance(&p, k), 0);
        if (k < n_out) kept += fmax(variance(&p, k), 0);
    }
    *kept_ratio = all > 0 ? kept / all : 1;
done:
    mem_free(p.mean);
    mem_free(p.covariance);
    mem_free(p.variances);
    mem_free(p.centred);
    mem_free(p.block);
    return status;
}
