/*
 * semid/rows.h - vectors that are read through a callback, so that they need not be in memory.
 */
#ifndef SEMID_ROWS_H
#define SEMID_ROWS_H

#include "semid/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The dimension of the rows is that of the call they are passed to. Zero what is not used, with
 * `= {0}` or a designated initialiser. */
typedef struct semid_rows {
    size_t n_rows;
    /* Writes rows [row, row + n) to out [n, dim]; all numbers finite. Several threads call it at
     * once, and for the same rows more than once: it must give the same numbers each time. If it
     * returns another status than SEMID_OK, with a message in err, the library call returns both.
     */
    semid_status (*read)(void *user, size_t row, size_t n, float *out, semid_error *err);
    void *user;           /* passed to read */
    uint64_t reserved[4]; /* zero */
} semid_rows;

#ifdef __cplusplus
}
#endif
#endif
