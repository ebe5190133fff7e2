/* codebook/row_source.h - the rows that training works on: in memory, or read a block at a time.
 *
 * Training gives the same bits either way: results do not depend on how rows fall into blocks. */
#ifndef CODEBOOK_ROW_SOURCE_H
#define CODEBOOK_ROW_SOURCE_H

#include "base/error.h"
#include "semid/rows.h"

#include <stddef.h>
#include <stdint.h>

typedef struct row_source {
    size_t n, dim;          /* fewer than 2^32 rows */
    const float *x;         /* [n, dim] borrowed, or NULL: */
    const semid_rows *from; /* borrowed; rows are read */
    size_t block_rows;
    float *block; /* [block_rows, dim] */
    /* Rows that are read become their residuals after these levels. */
    size_t n_levels, n_codewords;
    const float *codewords; /* [n_levels, n_codewords, dim] borrowed */
    const int32_t *codes;   /* [n_levels, n] borrowed */
} row_source;

/* x [n, dim] in memory; needs no release. */
row_source row_source_of(const float *x, size_t n, size_t dim);
/* SEMID_ERR_DATA if there are no rows. */
semid_status row_source_open(row_source *out, const semid_rows *from, size_t dim, semid_error *err);
void row_source_release(row_source *s);

/* Rows [row, row + n) into out [n, dim]. Where reading fails in several places, the failure of the
 * lowest rows is reported; the same in the functions below. */
semid_status row_source_read(const row_source *s, size_t row, size_t n, float *out,
                             semid_error *err);
/* The named rows in the order given. They are read in ascending order, which suits disks. */
semid_status row_source_gather(const row_source *s, const uint64_t *rows, size_t n, float *out,
                               semid_error *err);
semid_status row_source_gather_u32(const row_source *s, const uint32_t *rows, size_t n, float *out,
                                   semid_error *err);
/* *x: rows [row, row + *n), valid until the next call; all remaining rows of a source in memory, at
 * most block_rows of one that is read. SEMID_ERR_INTERRUPTED if the context is cancelled. */
semid_status row_source_block(const row_source *s, size_t row, const float **x, size_t *n,
                              semid_error *err);

#endif
