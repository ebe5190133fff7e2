/* formats/embeddings_file.h - the [rows, dim] matrix of one file, whatever its format: chosen by
 * the extension, and by name or array_choice.h among several arrays. embeddings.h is what others
 * use. */
#ifndef FORMATS_EMBEDDINGS_FILE_H
#define FORMATS_EMBEDDINGS_FILE_H

#include "formats/array.h"
#include "formats/ids.h"

typedef struct embeddings_file {
    stored_array matrix;
    ids list; /* that the file carries; n_ids 0 when there are none */
} embeddings_file;

/* `spec` is "FILE" or "FILE:NAME". SEMID_ERR_SHAPE if not 2-D or if the ids are not one per row,
 * SEMID_ERR_DATA if there are no rows or columns. */
semid_status embeddings_file_open(embeddings_file *out, const char *spec, semid_error *err);
void embeddings_file_release(embeddings_file *f);

/* Rows [row, row + n), which exist, as float32 into out [n, dim]: by system calls where that saves
 * page faults, else from memory. Messages do not name the file. */
semid_status embeddings_file_read(const embeddings_file *f, size_t row, size_t n, float *out,
                                  semid_error *err);
/* The same from memory: for rows that are read one after the other, where a system call for each
 * would cost more than the faults it saves. */
void embeddings_file_copy(const embeddings_file *f, size_t row, size_t n, float *out);
/* As the functions of the same names in embeddings.h. */
bool embeddings_file_maps(const embeddings_file *f);
const float *embeddings_file_view(const embeddings_file *f);
void embeddings_file_drop(const embeddings_file *f, size_t begin, size_t end);

/* Lets a higher layer add an extension: load the whole matrix (by mem_alloc) and ids; `name` may be
 * NULL. */
typedef struct embeddings_block {
    float *data; /* [n_rows, dim] */
    size_t n_rows, dim;
    ids list;
} embeddings_block;
typedef semid_status (*embeddings_loader)(embeddings_block *out, const char *path, const char *name,
                                          semid_error *err);
void embeddings_register(const char *extension, embeddings_loader load);

#endif
