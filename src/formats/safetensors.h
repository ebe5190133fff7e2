/* formats/safetensors.h - the safetensors container: named tensors behind a JSON header. */
#ifndef FORMATS_SAFETENSORS_H
#define FORMATS_SAFETENSORS_H

#include "formats/array.h"
#include "formats/byte_sink.h"

typedef struct safetensors safetensors;

/* Maps the file and checks the whole header: offsets inside the file, no overlap, sizes = shapes.
 * A path that ends in .json is an index of several files (model.safetensors.index.json): its
 * tensors are those that it lists, each in the file beside it that it names. */
semid_status safetensors_open(safetensors **out, const char *path, semid_error *err);
/* The same of a file's bytes, which must outlive *out; `label` names them in messages. */
semid_status safetensors_open_memory(safetensors **out, const void *data, size_t n_bytes,
                                     const char *label, semid_error *err);
size_t safetensors_count(const safetensors *s);
const char *safetensors_name(const safetensors *s, size_t i);
/* A view (data borrowed from s; array_release is not needed). SEMID_ERR_FORMAT if missing. */
semid_status safetensors_get(const safetensors *s, const char *name, array *view, semid_error *err);
bool safetensors_has(const safetensors *s, const char *name);
/* Gives the pages read so far back; they are read again when they are needed. */
void safetensors_drop_pages(const safetensors *s);
void safetensors_close(safetensors *s);

/* The tensor of this name as it is stored, or if it is NULL, the one that holds vectors
 * (array_choice.h). */
semid_status safetensors_open_vectors(stored_array *out, const char *path, const char *name,
                                      semid_error *err);

/* ---- writing ---- */

typedef struct safetensors_tensor {
    const char *name;
    dtype type;
    size_t n_dims;
    size_t shape[ARRAY_MAX_DIMS];
    const void *data;
} safetensors_tensor;
semid_status safetensors_save(const char *path, const safetensors_tensor *tensors, size_t n_tensors,
                              semid_error *err);
semid_status safetensors_save_memory(byte_buffer *out, const safetensors_tensor *tensors,
                                     size_t n_tensors, semid_error *err);
/* All that comes before the data, for a writer that streams the data: the length and the JSON,
 * padded so that the data starts 8-byte aligned. Released by mem_free. */
semid_status safetensors_header(char **out, size_t *n_bytes, const safetensors_tensor *tensors,
                                size_t n_tensors, semid_error *err);

#endif
