/* formats/strided.h - array bytes as a file lays them out: any strides, either byte order. */
#ifndef FORMATS_STRIDED_H
#define FORMATS_STRIDED_H

#include "formats/array.h"

typedef struct strided {
    dtype type;
    bool big_endian;
    size_t n_dims;
    size_t shape[ARRAY_MAX_DIMS];
    size_t stride_bytes[ARRAY_MAX_DIMS];
    const uint8_t *data; /* borrowed; need not be aligned */
} strided;

/* The strides of `shape` laid out without gaps. The shape's size was checked before. */
void strided_set_order(strided *s, bool fortran);
bool strided_is_c_order(const strided *s);

/* A row of a 2-D array as float32. */
void strided_row_to_f32(const strided *s, size_t row, float *out);

/* C order, little endian, aligned: borrows data where it is so already, else copies. The shape's
 * size was checked before; the caller sets map. */
semid_status strided_to_array(array *out, const strided *s, semid_error *err);

#endif
