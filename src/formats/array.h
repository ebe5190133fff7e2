/* formats/array.h - n-dimensional arrays of numbers, as files store them and as readers hand them
 * over. */
#ifndef FORMATS_ARRAY_H
#define FORMATS_ARRAY_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dtype {
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_F32,
    DTYPE_F64,
    DTYPE_I8,
    DTYPE_U8,
    DTYPE_I16,
    DTYPE_U16,
    DTYPE_I32,
    DTYPE_U32,
    DTYPE_I64,
    DTYPE_U64,
    DTYPE_BOOL
} dtype;

size_t dtype_bytes(dtype t);
const char *dtype_name(dtype t); /* "float32" */
bool dtype_is_float(dtype t);

enum { ARRAY_MAX_DIMS = 8, ARRAY_SHAPE_TEXT_BYTES = 128 };

/* C order, little endian. data lies in `map` (a mapped file), in `owned`, or, where both are empty,
 * in bytes that the caller keeps. */
typedef struct array {
    dtype type;
    size_t n_dims;
    size_t shape[ARRAY_MAX_DIMS];
    const void *data;
    size_t n_bytes;
    void *owned;
    file_map map;
} array;

size_t array_elements(const array *a);
/* "[200, 384] float32", for error messages. */
const char *array_describe(const array *a, char buf[ARRAY_SHAPE_TEXT_BYTES]);
void array_release(array *a);

/* n elements from `first` on as float32 / int64; any numeric type. SEMID_ERR_ARGUMENT outside the
 * array; values that int64 does not hold exactly are SEMID_ERR_FORMAT. */
semid_status array_to_f32(const array *a, size_t first, size_t n, float *out, semid_error *err);
semid_status array_to_i64(const array *a, size_t first, size_t n, int64_t *out, semid_error *err);
/* n contiguous elements, not necessarily aligned, as float32. */
void dtype_to_f32(dtype t, const void *src, size_t n, float *out);
/* The shape's elements times `element_bytes`; false if that overflows. */
bool shape_bytes(size_t n_dims, const size_t *shape, size_t element_bytes, size_t *out);
/* "[200, 384]" */
const char *shape_describe(size_t n_dims, const size_t *shape, char buf[ARRAY_SHAPE_TEXT_BYTES]);

/* ---- arrays as files store them: any strides, either byte order ---- */

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
