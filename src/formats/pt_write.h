/* formats/pt_write.h - writes PyTorch's zip format, so that torch.load(weights_only=True) reads it.
 */
#ifndef FORMATS_PT_WRITE_H
#define FORMATS_PT_WRITE_H

#include "formats/ids.h"
#include "formats/zip_write.h"

/* Begins a float32 tensor [n_rows, dim] whose rows the caller then writes, a plain one or, with a
 * list, {"emb": tensor, "ids": [...]}. finish after the last row; then zip_out_commit. */
semid_status pt_write_begin(zip_out *z, size_t n_rows, size_t dim, const ids *list,
                            semid_error *err);
semid_status pt_write_finish(zip_out *z, semid_error *err);

#endif
