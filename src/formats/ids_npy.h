/* formats/ids_npy.h - ids in .npy files: arrays of text, bytes or integers, pickled objects. */
#ifndef FORMATS_IDS_NPY_H
#define FORMATS_IDS_NPY_H

#include "formats/ids.h"

/* Appends to `out`, which the caller releases on failure too. */
semid_status ids_npy_load(ids *out, const char *path, semid_error *err);
/* As a NumPy unicode array. */
semid_status ids_npy_save(const ids *list, const char *path, semid_error *err);

#endif
