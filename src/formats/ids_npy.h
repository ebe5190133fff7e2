/* formats/ids_npy.h - ids in NumPy arrays: unicode, bytes, integers, pickled objects. */
#ifndef FORMATS_IDS_NPY_H
#define FORMATS_IDS_NPY_H

#include "formats/ids.h"
#include "formats/npy.h"

/* Loaders append to `out`, which the caller releases on failure too. */
semid_status ids_npy_load(ids *out, const char *path, semid_error *err);
semid_status ids_npy_save(const ids *list, const char *path, semid_error *err);

/* Whether ids_append_array reads this type. */
bool ids_npy_type(const npy_header *h);
/* n_items elements of kind U, S, i or u. Messages do not name the file. */
semid_status ids_append_array(ids *list, const npy_header *h, const uint8_t *data, size_t n_items,
                              semid_error *err);
/* Refuses what is not UTF-8 or holds a NUL, naming the id's number. */
semid_status ids_append_checked(ids *list, const char *s, size_t n_bytes, semid_error *err);

#endif
