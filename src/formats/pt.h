/* formats/pt.h - PyTorch's zip format: a pickle that describes tensors, and their storages. */
#ifndef FORMATS_PT_H
#define FORMATS_PT_H

#include "formats/embeddings_source.h"
#include "formats/zip_write.h"

/* A tensor, or a dict of tensors and perhaps ids; those of a dict in it are named "outer.inner", as
 * in checkpoints. name: NULL, or which. */
semid_status pt_open(embeddings_source *out, const char *path, const char *name, semid_error *err);
/* A list, tuple, tensor or NumPy array of ids, or a dict with such under "ids". */
semid_status pt_load_ids(ids *out, const char *path, semid_error *err);

/* Begins a float32 tensor [n_rows, dim] whose rows the caller then writes, a plain one or, with a
 * list, {"emb": tensor, "ids": [...]}. finish after the last row; then zip_out_commit. */
semid_status pt_write_begin(zip_out *z, size_t n_rows, size_t dim, const ids *list,
                            semid_error *err);
semid_status pt_write_finish(zip_out *z, semid_error *err);

#endif
