/* Elements are read byte by byte (memcpy), because a file may hold them at any address, and
 * converted one type at a time. An array whose file has it in C order, little endian and aligned is
 * used in place; all others are copied once, an index per dimension counting like an odometer.
 * Conversions to int64 refuse what they would change; those to float32 round to nearest. */
#include "formats/array.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    size_t n_bytes;
} dtypes[] = {
    [DTYPE_F16] = {"float16", 2}, [DTYPE_BF16] = {"bfloat16", 2}, [DTYPE_F32] = {"float32", 4},
    [DTYPE_F64] = {"float64", 8}, [DTYPE_I8] = {"int8", 1},       [DTYPE_U8] = {"uint8", 1},
    [DTYPE_I16] = {"int16", 2},   [DTYPE_U16] = {"uint16", 2},    [DTYPE_I32] = {"int32", 4},
    [DTYPE_U32] = {"uint32", 4},  [DTYPE_I64] = {"int64", 8},     [DTYPE_U64] = {"uint64", 8},
    [DTYPE_BOOL] = {"bool", 1},
};

size_t dtype_bytes(dtype t) {
    return dtypes[t].n_bytes;
}

const char *dtype_name(dtype t) {
    return dtypes[t].name;
}

bool dtype_is_float(dtype t) {
    return t == DTYPE_F16 || t == DTYPE_BF16 || t == DTYPE_F32 || t == DTYPE_F64;
}

/* ---- shapes ---- */

bool shape_bytes(size_t n_dims, const size_t *shape, size_t element_bytes, size_t *out) {
    size_t n = element_bytes;
    for (size_t i = 0; i < n_dims; i++)
        if (shape[i] == 0) n = 0; /* an empty array, however large its other dimensions */
    for (size_t i = 0; i < n_dims; i++)
        if (!size_mul(n, shape[i], &n)) return false;
    *out = n;
    return true;
}

const char *shape_describe(size_t n_dims, const size_t *shape, char buf[ARRAY_SHAPE_TEXT_BYTES]) {
    size_t at = (size_t)snprintf(buf, ARRAY_SHAPE_TEXT_BYTES, "[");
    for (size_t i = 0; i < n_dims && at < ARRAY_SHAPE_TEXT_BYTES; i++)
        at += (size_t)snprintf(buf + at, ARRAY_SHAPE_TEXT_BYTES - at, "%s%zu", i ? ", " : "",
                               shape[i]);
    if (at < ARRAY_SHAPE_TEXT_BYTES) snprintf(buf + at, ARRAY_SHAPE_TEXT_BYTES - at, "]");
    return buf;
}

const char *array_describe(const array *a, char buf[ARRAY_SHAPE_TEXT_BYTES]) {
    shape_describe(a->n_dims, a->shape, buf);
    size_t at = strlen(buf);
    snprintf(buf + at, ARRAY_SHAPE_TEXT_BYTES - at, " %s", dtype_name(a->type));
    return buf;
}

size_t array_elements(const array *a) {
    return a->n_bytes / dtype_bytes(a->type);
}

void array_release(array *a) {
    mem_free(a->owned);
    file_map_close(&a->map);
    *a = (array){0};
}

/* ---- float32 ---- */

static float f32_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Moving the exponent and mantissa into place leaves a value 2^112 too small, subnormals included;
 * what was infinite or NaN gets the full exponent afterwards. */
static float f32_from_f16(uint16_t h) {
    uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13;
    float x = f32_from_bits(magnitude) * 0x1p112f;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (magnitude >= 0x7c00u << 13) bits |= 0x7f800000u;
    return f32_from_bits(bits | (uint32_t)(h & 0x8000) << 16);
}

static float f32_from_bf16(uint16_t h) {
    return f32_from_bits((uint32_t)h << 16);
}

#define CONVERT(type, expression)                                                                  \
    for (size_t i = 0; i < n; i++) {                                                               \
        type v;                                                                                    \
        memcpy(&v, bytes + i * sizeof v, sizeof v);                                                \
        out[i] = (expression);                                                                     \
    }                                                                                              \
    break

void dtype_to_f32(dtype t, const void *src, size_t n, float *out) {
    const uint8_t *bytes = src;

    switch (t) {
    case DTYPE_F16:
        CONVERT(uint16_t, f32_from_f16(v));
    case DTYPE_BF16:
        CONVERT(uint16_t, f32_from_bf16(v));
    case DTYPE_F32:
        if (n) memcpy(out, src, n * sizeof *out);
        break;
    case DTYPE_F64:
        CONVERT(double, (float)v);
    case DTYPE_I8:
        CONVERT(int8_t, (float)v);
    case DTYPE_U8:
        CONVERT(uint8_t, (float)v);
    case DTYPE_I16:
        CONVERT(int16_t, (float)v);
    case DTYPE_U16:
        CONVERT(uint16_t, (float)v);
    case DTYPE_I32:
        CONVERT(int32_t, (float)v);
    case DTYPE_U32:
        CONVERT(uint32_t, (float)v);
    case DTYPE_I64:
        CONVERT(int64_t, (float)v);
    case DTYPE_U64:
        CONVERT(uint64_t, (float)v);
    case DTYPE_BOOL:
        CONVERT(uint8_t, v != 0);
    }
}

static semid_status check_range(const array *a, size_t first, size_t n, semid_error *err) {
    size_t n_elements = array_elements(a);
    if (first > n_elements || n > n_elements - first)
        FAIL(SEMID_ERR_ARGUMENT, "elements %zu to %zu of %zu", first, first + n, n_elements);
    return SEMID_OK;
}

semid_status array_to_f32(const array *a, size_t first, size_t n, float *out, semid_error *err) {
    TRY(check_range(a, first, n, err));
    dtype_to_f32(a->type, (const uint8_t *)a->data + first * dtype_bytes(a->type), n, out);
    return SEMID_OK;
}

/* ---- int64 ---- */

static semid_status floats_to_i64(dtype t, const uint8_t *bytes, size_t n, int64_t *out,
                                  semid_error *err) {
    static const double LIMIT = 9223372036854775808.0;
    for (size_t i = 0; i < n; i++) {
        double v;
        float f;
        if (t == DTYPE_F64) {
            memcpy(&v, bytes + i * sizeof v, sizeof v);
        } else {
            dtype_to_f32(t, bytes + i * dtype_bytes(t), 1, &f);
            v = (double)f;
        }

        if (v < -LIMIT || v >= LIMIT || floor(v) != v) /* NaN differs from itself */
            FAIL(SEMID_ERR_FORMAT, "expected whole numbers, found %g", v);
        out[i] = (int64_t)v;
    }
    return SEMID_OK;
}

semid_status array_to_i64(const array *a, size_t first, size_t n, int64_t *out, semid_error *err) {
    TRY(check_range(a, first, n, err));
    const uint8_t *bytes = (const uint8_t *)a->data + first * dtype_bytes(a->type);

    switch (a->type) {
    case DTYPE_F16:
    case DTYPE_BF16:
    case DTYPE_F32:
    case DTYPE_F64:
        return floats_to_i64(a->type, bytes, n, out, err);
    case DTYPE_I8:
        CONVERT(int8_t, v);
    case DTYPE_U8:
        CONVERT(uint8_t, v);
    case DTYPE_I16:
        CONVERT(int16_t, v);
    case DTYPE_U16:
        CONVERT(uint16_t, v);
    case DTYPE_I32:
        CONVERT(int32_t, v);
    case DTYPE_U32:
        CONVERT(uint32_t, v);
    case DTYPE_I64:
        CONVERT(int64_t, v);
    case DTYPE_U64:
        for (size_t i = 0; i < n; i++) {
            uint64_t v;
            memcpy(&v, bytes + i * sizeof v, sizeof v);
            if (v > INT64_MAX)
                FAIL(SEMID_ERR_FORMAT, "expected int64, found %llu", (unsigned long long)v);
            out[i] = (int64_t)v;
        }
        break;
    case DTYPE_BOOL:
        CONVERT(uint8_t, v != 0);
    }
    return SEMID_OK;
}

/* ---- arrays as files store them ---- */

void strided_set_order(strided *s, bool fortran) {
    size_t stride = dtype_bytes(s->type);
    for (size_t i = 0; i < s->n_dims; i++) {
        size_t d = fortran ? i : s->n_dims - 1 - i;
        s->stride_bytes[d] = stride;
        stride *= s->shape[d] ? s->shape[d] : 1;
    }
}

bool strided_is_c_order(const strided *s) {
    size_t stride = dtype_bytes(s->type);
    for (size_t d = s->n_dims; d-- > 0;) {
        if (s->shape[d] != 1 && s->stride_bytes[d] != stride) return false;
        stride *= s->shape[d] ? s->shape[d] : 1;
    }
    return true;
}

/* n elements that are `stride` bytes apart, contiguous and little endian. */
static void gather(uint8_t *out, const uint8_t *src, size_t n, size_t stride, size_t size,
                   bool swap) {
    for (size_t i = 0; i < n; i++, src += stride, out += size) {
        if (!swap) {
            memcpy(out, src, size);
            continue;
        }
        for (size_t b = 0; b < size; b++) out[b] = src[size - 1 - b];
    }
}

void strided_row_to_f32(const strided *s, size_t row, float *out) {
    enum { BLOCK = 256 };
    uint8_t block[BLOCK * sizeof(double)];
    size_t size = dtype_bytes(s->type), n = s->shape[1], step = s->stride_bytes[1];
    const uint8_t *src = s->data + row * s->stride_bytes[0];

    if (step == size && !s->big_endian) {
        dtype_to_f32(s->type, src, n, out);
        return;
    }

    /* Through a block in C order and this machine's byte order. */
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t m = n - at < BLOCK ? n - at : BLOCK;
        gather(block, src + at * step, m, step, size, s->big_endian);
        dtype_to_f32(s->type, block, m, out + at);
    }
}

/* In C order, a run along the last dimension at a time. */
static void copy_all(uint8_t *out, const strided *s) {
    size_t size = dtype_bytes(s->type), index[ARRAY_MAX_DIMS] = {0};
    size_t last = s->n_dims ? s->n_dims - 1 : 0;
    size_t n = s->n_dims ? s->shape[last] : 1, step = s->n_dims ? s->stride_bytes[last] : size;

    for (;;) {
        const uint8_t *src = s->data;
        for (size_t d = 0; d < last; d++) src += index[d] * s->stride_bytes[d];
        gather(out, src, n, step, size, s->big_endian);
        out += n * size;

        /* The next index of the dimensions before it; done when the first one wraps around. */
        size_t d = last;
        while (d > 0 && ++index[d - 1] == s->shape[d - 1]) index[--d] = 0;
        if (d == 0) return;
    }
}

semid_status strided_to_array(array *out, const strided *s, semid_error *err) {
    array a = {.type = s->type, .n_dims = s->n_dims, .data = s->data};
    size_t size = dtype_bytes(s->type);
    memcpy(a.shape, s->shape, sizeof a.shape);
    (void)shape_bytes(s->n_dims, s->shape, size, &a.n_bytes);

    bool aligned = (uintptr_t)s->data % size == 0;
    if (!aligned || s->big_endian || !strided_is_c_order(s)) {
        TRY(mem_alloc(&a.owned, a.n_bytes, 1, err));
        if (a.n_bytes) copy_all(a.owned, s);
        a.data = a.owned;
    }
    *out = a;
    return SEMID_OK;
}

semid_status stored_array_take(array *out, stored_array *s, semid_error *err) {
    array a;
    semid_status status = strided_to_array(&a, &s->layout, err);
    if (status == SEMID_OK && !a.owned) {
        a.owned = s->owned;
        a.map = s->map;
        *s = (stored_array){0};
    }
    if (status == SEMID_OK) *out = a;
    stored_array_release(s);
    return status;
}

void stored_array_release(stored_array *s) {
    mem_free(s->owned);
    file_map_close(&s->map);
    *s = (stored_array){0};
}
