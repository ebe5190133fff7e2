#include "formats/strided.h"

#include "base/memory.h"

#include <string.h>

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

/* n elements that are `stride` bytes apart, into one run in little endian. */
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
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t m = n - at < BLOCK ? n - at : BLOCK;
        gather(block, src + at * step, m, step, size, s->big_endian);
        dtype_to_f32(s->type, block, m, out + at);
    }
}

/* Walks all dimensions but the last like an odometer. */
static void copy_all(uint8_t *out, const strided *s) {
    size_t size = dtype_bytes(s->type), index[ARRAY_MAX_DIMS] = {0};
    size_t last = s->n_dims ? s->n_dims - 1 : 0;
    size_t n = s->n_dims ? s->shape[last] : 1, step = s->n_dims ? s->stride_bytes[last] : size;
    for (;;) {
        const uint8_t *src = s->data;
        for (size_t d = 0; d < last; d++) src += index[d] * s->stride_bytes[d];
        gather(out, src, n, step, size, s->big_endian);
        out += n * size;
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
