/* formats/embeddings_write.h - writes a [rows, dim] matrix of float32 row by row. */
#ifndef FORMATS_EMBEDDINGS_WRITE_H
#define FORMATS_EMBEDDINGS_WRITE_H

#include "formats/ids.h"

/* Appending writer for .npy, .pt and .safetensors; n_rows is known at the start. The file appears
 * on commit, when exactly n_rows were appended. `list` (may be NULL) is stored inside a .pt. */
typedef struct embeddings_writer embeddings_writer;
semid_status embeddings_writer_open(embeddings_writer **out, const char *path, size_t n_rows,
                                    size_t dim, const ids *list, semid_error *err);
semid_status embeddings_writer_append(embeddings_writer *w, const float *x, size_t n,
                                      semid_error *err);
semid_status embeddings_writer_commit(embeddings_writer *w, semid_error *err);
void embeddings_writer_free(embeddings_writer *w); /* without commit: no file */

#endif
