/* formats/npy.h - the .npy format on bytes in memory, for the readers of .npy, .npz and ids. */
#ifndef FORMATS_NPY_H
#define FORMATS_NPY_H

#include "formats/array.h"
#include "formats/strided.h"

typedef struct npy_header {
    char kind; /* NumPy's: f i u b U S O ... */
    bool big_endian, fortran;
    size_t item_bytes;
    size_t n_dims;
    size_t shape[ARRAY_MAX_DIMS];
    size_t data_offset;
    char descr[32]; /* as the file spells it, for messages */
} npy_header;

/* `label` names the file in messages. */
semid_status npy_parse_header(npy_header *out, const uint8_t *data, size_t n_bytes,
                              const char *label, semid_error *err);
/* A numeric array whose data is exactly the rest of the bytes. */
semid_status npy_parse(strided *out, const uint8_t *data, size_t n_bytes, const char *label,
                       semid_error *err);

/* Magic, version 1.0 and header, padded so that the data starts 64-byte aligned; its length. */
enum { NPY_HEADER_MAX_BYTES = 512 };
size_t npy_format_header(char buf[NPY_HEADER_MAX_BYTES], const char *descr, size_t n_dims,
                         const size_t *shape);
/* "<f4"; NULL for a type that NumPy does not have (bfloat16). */
const char *npy_descr(dtype t);

#endif
