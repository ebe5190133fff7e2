/* base/finite.h - rows of float32 that hold a NaN or an infinity. */
#ifndef BASE_FINITE_H
#define BASE_FINITE_H

#include <stdbool.h>
#include <stddef.h>

/* How many of the rows x[n, dim] hold a NaN or Inf; the first of them in *first_bad if there is
 * one. */
size_t rows_not_finite(const float *x, size_t n, size_t dim, size_t *first_bad);
/* Is there no such row? By all threads. */
bool rows_are_finite(const float *x, size_t n, size_t dim);

#endif
