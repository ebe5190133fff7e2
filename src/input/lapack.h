/* input/lapack.h - a little linear algebra in double precision by BLAS and LAPACK, on one thread,
 * so that the bits do not depend on the number of threads. Both come with OpenBLAS, whose shared
 * library is loaded when it is first needed; SEMID_ERR_UNSUPPORTED if there is none. */
#ifndef INPUT_LAPACK_H
#define INPUT_LAPACK_H

#include "base/error.h"

#include <stddef.h>

/* The lower half of a [n, n] += x^T x, for x [rows, n]. */
semid_status lapack_add_products(double *a, size_t n, const double *x, size_t rows,
                                 semid_error *err);

/* a [n, n] symmetric, of which the lower half is read: replaced by its orthonormal eigenvectors,
 * one per row, in order of their ascending eigenvalues, values [n]. */
semid_status lapack_symmetric_eigen(double *a, size_t n, double *values, semid_error *err);

#endif
