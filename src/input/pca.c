#include "input/pca.h"

#include "base/log.h"
#include "base/memory.h"
#include "codebook/model.h"
#include "input/lapack.h"

#include <math.h>
#include <string.h>

enum { BLOCK_ROWS = 1024 };
/* Less of the largest variance is the rounding of float32, which must not be blown up. */
static const double LEAST_SHARE = 1e-12;

typedef struct fitting {
    const float *x; /* [n, dim] */
    size_t n, dim, n_out;
    double *mean;       /* [dim] */
    double *block;      /* [BLOCK_ROWS, dim] centred */
    double *covariance; /* [dim, dim] the lower half, then its eigenvectors, one a row */
    double *variances;  /* [dim] ascending */
} fitting;

/* ---- covariance ---- */

static void find_mean(fitting *f) {
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->dim; j++) f->mean[j] += (double)f->x[i * f->dim + j];
    for (size_t j = 0; j < f->dim; j++) f->mean[j] /= (double)f->n;
}

static semid_status find_covariance(fitting *f, semid_error *err) {
    size_t dim = f->dim;
    for (size_t row = 0; row < f->n; row += BLOCK_ROWS) {
        size_t n = f->n - row < BLOCK_ROWS ? f->n - row : BLOCK_ROWS;
        TRY(check_interrupted(err));
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < dim; j++)
                f->block[i * dim + j] = (double)f->x[(row + i) * dim + j] - f->mean[j];
        TRY(lapack_add_products(f->covariance, dim, f->block, n, err));
    }
    double scale = f->n > 1 ? 1 / ((double)f->n - 1) : 0;
    for (size_t i = 0; i < dim * dim; i++) f->covariance[i] *= scale;
    return SEMID_OK;
}

/* ---- directions ---- */

/* The k-th in order of falling variance. */
static const double *direction(const fitting *f, size_t k) {
    return f->covariance + (f->dim - 1 - k) * f->dim;
}

static double variance(const fitting *f, size_t k) {
    return f->variances[f->dim - 1 - k];
}

static double sign_of(const double *v, size_t dim) {
    size_t largest = 0;
    for (size_t j = 1; j < dim; j++)
        if (fabs(v[j]) > fabs(v[largest])) largest = j;
    return v[largest] < 0 ? -1 : 1;
}

static semid_status check_variances(const fitting *f, semid_error *err) {
    size_t n = 0;
    while (n < f->dim && variance(f, n) > LEAST_SHARE * variance(f, 0)) n++;
    if (n < f->n_out)
        FAIL(SEMID_ERR_DATA,
             "expected vectors that vary along %zu directions, found %zu in %zu training rows",
             f->n_out, n, f->n);
    return SEMID_OK;
}

static double kept(const fitting *f) {
    double part = 0, all = 0;
    for (size_t k = 0; k < f->dim; k++) {
        all += fmax(variance(f, k), 0);
        if (k < f->n_out) part += fmax(variance(f, k), 0);
    }
    return all > 0 ? part / all : 1;
}

static semid_status make_model(semid_model **out, const fitting *f, bool whiten, semid_error *err) {
    size_t dim = f->dim, m = f->n_out;
    semid_status status;
    float *mean = NULL, *there = NULL, *back = NULL; /* [dim], [m, dim], [dim, m] */
    TRY_GOTO(mem_alloc(&mean, dim, sizeof *mean, err));
    TRY_GOTO(mem_alloc(&there, m, dim * sizeof *there, err));
    TRY_GOTO(mem_alloc(&back, m, dim * sizeof *back, err));
    for (size_t j = 0; j < dim; j++) mean[j] = (float)f->mean[j];
    for (size_t k = 0; k < m; k++) {
        const double *v = direction(f, k);
        double sign = sign_of(v, dim), deviation = whiten ? sqrt(variance(f, k)) : 1;
        for (size_t j = 0; j < dim; j++) {
            there[k * dim + j] = (float)(sign * v[j] / deviation);
            back[j * m + k] = (float)(sign * v[j] * deviation);
        }
    }
    TRY_GOTO(model_new_linear(out, dim, m, mean, there, back, err));
done:
    mem_free(mean);
    mem_free(there);
    mem_free(back);
    return status;
}

semid_status pca_fit(semid_model **out, const float *x, size_t n, size_t dim, size_t n_out,
                     bool whiten, double *kept_ratio, semid_error *err) {
    semid_status status;
    fitting f = {.x = x, .n = n, .dim = dim, .n_out = n_out};
    if (n_out > dim)
        FAIL(SEMID_ERR_SHAPE, "expected at most the vectors' dimension %zu, found %zu", dim, n_out);
    TRY_GOTO(mem_calloc(&f.mean, dim, sizeof(double), err));
    TRY_GOTO(mem_calloc(&f.covariance, dim, dim * sizeof(double), err));
    TRY_GOTO(mem_alloc(&f.variances, dim, sizeof(double), err));
    TRY_GOTO(mem_alloc(&f.block, dim, BLOCK_ROWS * sizeof(double), err));
    find_mean(&f);
    TRY_GOTO(find_covariance(&f, err));
    TRY_GOTO(lapack_symmetric_eigen(f.covariance, dim, f.variances, err));
    if (whiten) TRY_GOTO(check_variances(&f, err));
    TRY_GOTO(make_model(out, &f, whiten, err));
    *kept_ratio = kept(&f);
done:
    mem_free(f.mean);
    mem_free(f.covariance);
    mem_free(f.variances);
    mem_free(f.block);
    return status;
}
