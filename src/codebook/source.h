/* codebook/source.h - the rows that training works on: in memory, or read a block at a time.
 *
 * The same training gives the same bits either way: a block has no say in what comes of a row. */
#ifndef CODEBOOK_SOURCE_H
#define CODEBOOK_SOURCE_H

#include "base/error.h"
#include "semid/assign.h"

#include <stddef.h>
#include <stdint.h>

typedef struct source {
    size_t n, dim;          /* fewer than 2^32 rows */
    const float *x;         /* [n, dim] borrowed, or NULL: */
    const semid_rows *from; /* borrowed; rows are read */
    size_t block_rows;
    float *block; /* [block_rows, dim] */
    /* Read rows become what codewords leave of them, level by level. */
    size_t n_levels, n_codewords;
    const float *codewords; /* [n_levels, n_codewords, dim] borrowed */
    const int32_t *codes;   /* [n_levels, n] borrowed */
} source;

/* x [n, dim] in memory; needs no release. */
source source_of(const float *x, size_t n, size_t dim);
semid_status source_open(source *out, const semid_rows *from, size_t dim, semid_error *err);
void source_release(source *s);

/* Rows [row, row + n) into out [n, dim]. */
semid_status source_read(const source *s, size_t row, size_t n, float *out, semid_error *err);
/* The named rows in the order given; they are read in ascending order, which is kind to disks. */
semid_status source_gather(const source *s, const uint64_t *rows, size_t n, float *out,
                           semid_error *err);
semid_status source_gather_u32(const source *s, const uint32_t *rows, size_t n, float *out,
                               semid_error *err);
/* *x: rows [row, row + *n), as many as there are at once, until the next call. */
semid_status source_block(const source *s, size_t row, const float **x, size_t *n,
                          semid_error *err);

#endif
