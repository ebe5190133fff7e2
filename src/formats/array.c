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
