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

/* The array in C order, little endian, aligned: its data is borrowed where it is so already, else a
 * copy. The shape's size was checked before. */
semid_status strided_to_array(array *out, const strided *s, semid_error *err);

/* An array where it was stored, with what keeps its bytes alive: a mapped file, memory of its own,
 * or nothing, where the caller keeps them. */
typedef struct stored_array {
    strided layout;
    file_map map;
    void *owned;
} stored_array;

/* strided_to_array, and hands over what keeps the data. Releases *s, also on failure. */
semid_status stored_array_take(array *out, stored_array *s, semid_error *err);
void stored_array_release(stored_array *s);

#endif
