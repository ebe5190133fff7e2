/* input/vectors.h - the usable rows of an embedding file: checked once, then read in blocks. */
#ifndef INPUT_VECTORS_H
#define INPUT_VECTORS_H

#include "base/error.h"
#include "formats/embeddings.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vectors {
    embeddings *file;
    size_t n_rows, dim; /* usable rows: without NaN and Inf */
    /* What a scan finds: */
    bool is_scanned;
    size_t n_bad;
    uint64_t *usable; /* [n_rows] their numbers in the file; NULL when all are */
    bool unit_norm;   /* every |x| is 1 +- 1e-3 */
    double variance;  /* mean squared deviation from the mean vector, a dimension */
} vectors;

/* All rows of the file, which now belongs to the vectors, usable or not. */
vectors vectors_unscanned(embeddings *file);
/* Takes the file over, also on failure, and scans it. A row with NaN or Inf is SEMID_ERR_DATA,
 * unless skip_bad: then it is left out with a warning. Zeroed vectors may be closed. */
semid_status vectors_scan(vectors *out, embeddings *file, bool skip_bad, semid_error *err);
void vectors_close(vectors *v);

/* Usable rows [row, row + n) into out [n, dim]. */
semid_status vectors_read(const vectors *v, size_t row, size_t n, float *out, semid_error *err);

/* Rows here and there, from several threads, as semid_rows (assign.h) has it; user: a
 * vectors_reader. Memory does not grow to the size of the file. */
typedef struct vectors_reader {
    const vectors *v;
    const uint64_t *numbers; /* of the rows in the file; NULL: row i is row i of the file */
    atomic_size_t n_mapped;  /* bytes of the file that reading may have mapped, in all */
} vectors_reader;
semid_status vectors_reader_read(void *user, size_t row, size_t n, float *out, semid_error *err);

/* All usable rows in place, or NULL if they must be read. */
const float *vectors_view(const vectors *v);

#endif
