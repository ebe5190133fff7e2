/* formats/npz.h - NumPy's .npz: a zip archive, stored or deflated, of .npy members. */
#ifndef FORMATS_NPZ_H
#define FORMATS_NPZ_H

#include "formats/array.h"
#include "formats/byte_sink.h"

/* The first of `names`, a NULL-ended list, that is in the file, or in bytes that must outlive *out
 * and that `label` names in messages. */
semid_status npz_load(array *out, const char *path, const char *const *names, semid_error *err);
semid_status npz_load_memory(array *out, const void *data, size_t n_bytes, const char *label,
                             const char *const *names, semid_error *err);

typedef struct npz_member {
    const char *name; /* without ".npy" */
    dtype type;
    size_t n_dims;
    size_t shape[ARRAY_MAX_DIMS];
    const void *data;
} npz_member;
semid_status npz_save(const char *path, const npz_member *members, size_t n_members,
                      semid_error *err);
semid_status npz_save_memory(byte_buffer *out, const npz_member *members, size_t n_members,
                             semid_error *err);

/* The array of this name as it is stored, or if it is NULL, the one that holds vectors
 * (array_choice.h). */
semid_status npz_open_vectors(stored_array *out, const char *path, const char *name,
                              semid_error *err);

#endif
