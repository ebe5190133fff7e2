/* formats/pt_read.h - reads PyTorch's zip format: a pickle that describes tensors, their storages.
 */
#ifndef FORMATS_PT_READ_H
#define FORMATS_PT_READ_H

#include "formats/array.h"
#include "formats/ids.h"

/* A tensor, or a dict of tensors and perhaps ids, which are appended to `list`. Tensors of a dict
 * in it are named "outer.inner", as in checkpoints. The one of this name, or if it is NULL, the one
 * that holds vectors (array_choice.h). On failure the caller releases *list. */
semid_status pt_open_vectors(stored_array *out, ids *list, const char *path, const char *name,
                             semid_error *err);
/* A list, tuple, tensor or NumPy array of ids, or a dict with such under "ids". */
semid_status pt_load_ids(ids *out, const char *path, semid_error *err);

#endif
