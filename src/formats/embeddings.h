/* formats/embeddings.h - a [rows, dim] matrix of vectors on disk, whatever its format.
 *
 * Extensions: .npy (mmapped), .npz, .pt (tensor, or dict of tensors, nested ones too, and ids),
 * .safetensors, .safetensors.index.json (an index of several such files), .parquet (registered by
 * the table module). "FILE:NAME" chooses one of several arrays, without it array_choice.h says
 * which is taken. float16, bfloat16, float32 or float64 in the file; everything is read as float32.
 */
#ifndef FORMATS_EMBEDDINGS_H
#define FORMATS_EMBEDDINGS_H

#include "base/error.h"
#include "formats/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct embeddings embeddings;

/* Errors: SEMID_ERR_SHAPE if not 2-D; SEMID_ERR_DATA if there are no rows or columns. */
semid_status embeddings_open(embeddings **out, const char *path, semid_error *err);
size_t embeddings_rows(const embeddings *e);
size_t embeddings_dim(const embeddings *e);
const char *embeddings_path(const embeddings *e);

/* Rows [row, row + n) as float32 into out [n, dim]. Callable from several threads. */
semid_status embeddings_read(const embeddings *e, size_t row, size_t n, float *out,
                             semid_error *err);
/* The named rows in the order given. */
semid_status embeddings_gather(const embeddings *e, const uint64_t *rows, size_t n, float *out,
                               semid_error *err);
/* Does reading map pages of the file, which stay until they are dropped? */
bool embeddings_maps(const embeddings *e);
/* The whole matrix in place [rows, dim] if it is float32 in the file, else NULL. */
const float *embeddings_view(const embeddings *e);
/* Rows [begin, end) will not be read again soon: their pages may go. */
void embeddings_drop(const embeddings *e, size_t begin, size_t end);
/* The ids that the file itself carries; n_ids 0 when there are none. */
semid_status embeddings_ids(const embeddings *e, ids *out, semid_error *err);
void embeddings_close(embeddings *e);

/* Several side by side: row i is row i of each part, scaled to length 1 if `unit` (zeros stay),
 * times its weight. Nothing is copied: rows are put together as they are read. The path becomes "a
 * + b". SEMID_ERR_SHAPE if the numbers of rows differ, SEMID_ERR_DATA if ids that the files carry
 * do. On success the files belong to *out. */
typedef struct embeddings_part {
    embeddings *file;
    float weight;
    bool unit;
} embeddings_part;
semid_status embeddings_concat(embeddings **out, const embeddings_part *parts, size_t n_parts,
                               semid_error *err);

#endif
