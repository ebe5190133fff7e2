/* formats/npz.h - an array of a .npz as it lies in the file, for readers that stream it. */
#ifndef FORMATS_NPZ_H
#define FORMATS_NPZ_H

#include "formats/strided.h"
#include "formats/zipfile.h"

/* The first of `names` that is there. Its data lies in *map (stored) or in *owned (deflated), which
 * the caller releases. */
semid_status npz_open(strided *out, file_map *map, void **owned, const char *path,
                      const char *const *names, semid_error *err);

/* The same for the array of this name, or if it is NULL, the one that holds vectors. */
semid_status npz_open_vectors(strided *out, file_map *map, void **owned, const char *path,
                              const char *name, semid_error *err);

#endif
