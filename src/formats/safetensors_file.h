/* formats/safetensors_file.h - the container without copies, for readers and writers that stream.
 */
#ifndef FORMATS_SAFETENSORS_FILE_H
#define FORMATS_SAFETENSORS_FILE_H

#include "formats/safetensors.h"
#include "formats/strided.h"

/* As safetensors_open, but tensors that lie misaligned in the file stay so. */
semid_status safetensors_open_raw(safetensors **out, const char *path, semid_error *err);
/* The i-th tensor; its data lies in the map. */
void safetensors_strided(const safetensors *s, size_t i, strided *out);
/* Hands the map that the i-th lies in over: its view stays valid until the new owner closes it. */
file_map safetensors_take_map(safetensors *s, size_t i);

/* The length and the JSON, padded so that the data starts 8-byte aligned. Released by mem_free. */
semid_status safetensors_header(char **out, size_t *n_bytes, const safetensors_tensor *tensors,
                                size_t n_tensors, semid_error *err);

#endif
