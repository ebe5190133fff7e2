/* formats/npy.h - NumPy's .npy, formats 1.0 to 3.0: numeric types, C or Fortran order. */
#ifndef FORMATS_NPY_H
#define FORMATS_NPY_H

#include "formats/array.h"
#include "formats/byte_sink.h"

/* The file is mapped; the bytes of the caller must outlive *out. `label` names them in messages. */
semid_status npy_load(array *out, const char *path, semid_error *err);
semid_status npy_load_memory(array *out, const void *data, size_t n_bytes, const char *label,
                             semid_error *err);
/* SEMID_ERR_ARGUMENT for a type that NumPy does not have (bfloat16). */
semid_status npy_save(const char *path, dtype type, size_t n_dims, const size_t *shape,
                      const void *data, semid_error *err);
semid_status npy_save_memory(byte_buffer *out, dtype type, size_t n_dims, const size_t *shape,
                             const void *data, semid_error *err);

/* ---- for readers and writers of files that contain .npy data ---- */

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
/* The same of the first n_bytes, which hold the header, of n_total. */
semid_status npy_parse_head(strided *out, const uint8_t *data, size_t n_bytes, size_t n_total,
                            const char *label, semid_error *err);

/* Magic, version 1.0 and header, padded so that the data starts 64-byte aligned; its length. */
enum { NPY_HEADER_MAX_BYTES = 512 };
size_t npy_format_header(char buf[NPY_HEADER_MAX_BYTES], const char *descr, size_t n_dims,
                         const size_t *shape);
/* "<f4"; NULL for a type that NumPy does not have (bfloat16). */
const char *npy_descr(dtype t);

#endif
