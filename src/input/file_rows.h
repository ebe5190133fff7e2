/* input/file_rows.h - the rows of an embedding file that a step works on: which they are, and every
 * way to read them. Rows with NaN or Inf are never among them. */
#ifndef INPUT_FILE_ROWS_H
#define INPUT_FILE_ROWS_H

#include "formats/embeddings.h"
#include "semid/rows.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct file_rows {
    embeddings *file;
    bool borrows_file; /* of a subset */
    size_t n_rows, dim;
    uint64_t *numbers; /* [n_rows] of the rows in the file, ascending; NULL: all of the file */
    bool is_checked;   /* no row has NaN or Inf; else reading blocks finds those that have */
    uint64_t *bad;     /* [n_bad] numbers of the rows with NaN or Inf found so far, ascending */
    size_t n_bad, bad_capacity;
    bool unit_norm;         /* of scanned rows: every |x| is 1 +- 1e-3 */
    double variance;        /* of scanned rows: mean squared deviation from the mean vector, per
                               dimension */
    atomic_size_t n_mapped; /* bytes of the file that file_rows_callback may have mapped, in all */
} file_rows;

/* All rows of the file, not checked; takes the file over. Zeroed file_rows may be closed. */
file_rows file_rows_of(embeddings *file);
/* Those rows of the same file whose numbers [n] are given (by mem_alloc; the subset takes them
 * over; NULL: all). `of` must be checked and outlive the subset. */
file_rows file_rows_subset(const file_rows *of, uint64_t *numbers, size_t n);
void file_rows_close(file_rows *rows);

/* ---- rows with NaN or Inf: one policy for all that read vectors ---- */

/* Reads all rows once: finds bad ones, unit_norm and variance. What to do with bad ones is as in
 * file_rows_check_bad and file_rows_drop_bad. */
semid_status file_rows_scan(file_rows *rows, bool skip_bad, semid_error *err);

/* After a whole pass: SEMID_ERR_DATA if bad rows were found, with their number and the first; with
 * skip_bad a warning, unless no other row is left. */
semid_status file_rows_check_bad(const file_rows *rows, bool skip_bad, semid_error *err);
/* Leaves the bad rows out of what is read from now on. */
semid_status file_rows_drop_bad(file_rows *rows, semid_error *err);

/* Beside the codes of these rows, "X.npy": X.rows.npy, the int64 numbers of the rows that have
 * codes, where bad rows have none. Else such a file of an earlier run is removed. */
semid_status file_rows_save_kept(const file_rows *rows, const char *codes_path, semid_error *err);

/* ---- reading ---- */

/* All of them in place [n_rows, dim], or NULL if they must be read. */
const float *file_rows_view(const file_rows *rows);

/* Rows [row, row + n) into out [n, dim]. */
semid_status file_rows_read(const file_rows *rows, size_t row, size_t n, float *out,
                            semid_error *err);

/* Rows [row, row + n), in place where that is possible, else in buffer [n, dim]. Where rows are not
 * checked, bad ones are noted and left out: blocks must then be read in order, each once.
 * *x: [*n_good, dim], which may be none. */
semid_status file_rows_block(file_rows *rows, size_t row, size_t n, float *buffer, const float **x,
                             size_t *n_good, semid_error *err);
/* Rows [row, row + n) will not be read again soon: their pages of the file may go. */
void file_rows_release_pages(const file_rows *rows, size_t row, size_t n);

/* Single rows and runs of them in any order, from several threads; memory does not grow to the size
 * of the file. `rows` must stay where it is. */
semid_rows file_rows_callback(file_rows *rows);

#endif
