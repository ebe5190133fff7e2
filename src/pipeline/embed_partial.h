/* pipeline/embed_partial.h - the finished rows of an embedding that is not complete. Each row is
 * stored with a hash of its text, so that a later run can tell which of them are still right. */
#ifndef PIPELINE_EMBED_PARTIAL_H
#define PIPELINE_EMBED_PARTIAL_H

#include "base/error.h"
#include "formats/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct embed_partial embed_partial;

/* Opens OUT.partial. Rows in it are kept if `resume` and it was begun with the same fingerprint
 * (of model and options) and dim; else it starts empty. One process at a time. */
semid_status embed_partial_open(embed_partial **out, const char *out_path, uint64_t fingerprint,
                                size_t dim, bool resume, semid_error *err);
size_t embed_partial_rows(const embed_partial *p);

/* *n_same: how many of these texts, from the first on, are those of the rows from `row` on. */
semid_status embed_partial_match(const embed_partial *p, size_t row, const ids *texts,
                                 size_t *n_same, semid_error *err);
/* Forget rows from `n_rows` on. */
semid_status embed_partial_cut(embed_partial *p, size_t n_rows, semid_error *err);
/* x [texts->n_ids, dim]; on disk when it returns. */
semid_status embed_partial_append(embed_partial *p, const ids *texts, const float *x,
                                  semid_error *err);
semid_status embed_partial_read(const embed_partial *p, size_t row, size_t n, float *x,
                                semid_error *err);
/* Removes the file: its rows are in the output. */
void embed_partial_remove(embed_partial *p);
void embed_partial_close(embed_partial *p);

/* A 64-bit hash of bytes, chained through `seed`. Not safe against forgery. */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t n_bytes);

#endif
