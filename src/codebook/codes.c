#include "semid/codes.h"

#include "base/memory.h"
#include "formats/npy.h"

#include <stdio.h>
#include <string.h>

/* Codes between memory, codes.npy and text. Files may come from other programs (NumPy makes int64
 * by default) and are checked number by number: a code that does not fit would be a wrong item.
 * Text is parsed as strictly as it is written, so that code and text correspond one to one and may
 * both be keys. */

/* ---- codes.npy ---- */

static semid_status codes_from_array(semid_codes *out, const array *a, const char *label,
                                     semid_error *err) {
    char text[ARRAY_SHAPE_TEXT_BYTES];
    if (a->type != DTYPE_I32 && a->type != DTYPE_I64)
        FAIL(SEMID_ERR_FORMAT, "%s: expected codes as int32 or int64, found %s", label,
             array_describe(a, text));
    if (a->n_dims != 1 && a->n_dims != 2)
        FAIL(SEMID_ERR_SHAPE, "%s: expected codes [N] or [N, L], found %s", label,
             array_describe(a, text));
    if (a->n_bytes == 0)
        FAIL(SEMID_ERR_DATA, "%s: expected at least one row of codes, found %s", label,
             array_describe(a, text));

    semid_status status = SEMID_OK;
    semid_codes c = {.n_rows = a->shape[0], .n_levels = a->n_dims == 2 ? a->shape[1] : 1};
    TRY(mem_alloc(&c.data, array_elements(a), sizeof *c.data, err));
    for (size_t i = 0; i < array_elements(a); i++) {
        int64_t code;
        TRY_GOTO(array_to_i64(a, i, 1, &code, err));
        if (code < 0 || code > INT32_MAX)
            FAIL_GOTO(SEMID_ERR_DATA,
                      "%s: row %zu, level %zu: expected a code in [0, %d], found %lld", label,
                      i / c.n_levels, i % c.n_levels, INT32_MAX, (long long)code);
        c.data[i] = (int32_t)code;
    }
    *out = c;
    c.data = NULL;
done:
    mem_free(c.data);
    return status;
}

semid_status semid_codes_load(semid_codes *out, const char *path, semid_error *err) {
    array a;
    TRY(npy_load(&a, path, err));
    semid_status status = codes_from_array(out, &a, path, err);
    array_release(&a);
    return status;
}

semid_status semid_codes_load_memory(semid_codes *out, const void *bytes, size_t n_bytes,
                                     semid_error *err) {
    array a;
    TRY(npy_load_memory(&a, bytes, n_bytes, "codes.npy", err));
    semid_status status = codes_from_array(out, &a, "codes.npy", err);
    array_release(&a);
    return status;
}

semid_status semid_codes_save(const semid_codes *codes, const char *path, semid_error *err) {
    size_t shape[] = {codes->n_rows, codes->n_levels};
    return npy_save(path, DTYPE_I32, 2, shape, codes->data, err);
}

semid_status semid_codes_save_memory(const semid_codes *codes, void **bytes, size_t *n_bytes,
                                     semid_error *err) {
    size_t shape[] = {codes->n_rows, codes->n_levels};
    byte_buffer buffer = {0};
    semid_status status = npy_save_memory(&buffer, DTYPE_I32, 2, shape, codes->data, err);
    return byte_buffer_hand_over(&buffer, status, bytes, n_bytes);
}

void semid_codes_release(semid_codes *codes) {
    if (!codes) return;
    mem_free(codes->data);
    *codes = (semid_codes){0};
}

/* ---- text ---- */

size_t semid_code_format(const int32_t *code, size_t n_levels, char *buf, size_t size) {
    size_t length = 0;
    for (size_t l = 0; l < n_levels; l++) {
        char digits[12];
        size_t n = (size_t)snprintf(digits, sizeof digits, "%s%d", l > 0 ? "-" : "", code[l]);
        for (size_t i = 0; i < n; i++, length++)
            if (length + 1 < size) buf[length] = digits[i];
    }
    if (size > 0) buf[length < size ? length : size - 1] = '\0';
    return length;
}

semid_status semid_code_parse(const char *text, int32_t *code, size_t max_levels, size_t *n_levels,
                              semid_error *err) {
    int32_t parsed[SEMID_CODE_MAX_LEVELS];
    size_t n = 0;
    if (max_levels > SEMID_CODE_MAX_LEVELS) max_levels = SEMID_CODE_MAX_LEVELS;

    for (const char *at = text;; at++) { /* past the dash */
        const char *begin = at;
        int64_t value = 0;
        for (; *at >= '0' && *at <= '9' && value <= INT32_MAX; at++) value = value * 10 + *at - '0';
        bool is_number = at > begin && value <= INT32_MAX && (*begin != '0' || at == begin + 1);
        if (!is_number || (*at != '-' && *at != '\0'))
            FAIL(SEMID_ERR_FORMAT,
                 "code: expected numbers from 0 to %d joined by dashes, such as 12-203, found "
                 "\"%s\"",
                 INT32_MAX, text);
        if (n == max_levels)
            FAIL(SEMID_ERR_FORMAT, "code: expected at most %zu levels, found \"%s\"", max_levels,
                 text);
        parsed[n++] = (int32_t)value;
        if (*at == '\0') break;
    }

    memcpy(code, parsed, n * sizeof *code);
    *n_levels = n;
    return SEMID_OK;
}
