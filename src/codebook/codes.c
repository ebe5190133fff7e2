#include "semid/codes.h"

#include "base/memory.h"
#include "formats/npy.h"

#include <limits.h>

/* int32 or int64, [N] or [N,L], with rows and columns. */
static semid_status check_array(const array *a, const char *path, semid_error *err) {
    char text[ARRAY_SHAPE_TEXT_BYTES];
    if (a->type != DTYPE_I32 && a->type != DTYPE_I64)
        FAIL(SEMID_ERR_FORMAT, "%s: expected codes as int32 or int64, found %s", path,
             array_describe(a, text));
    if (a->n_dims != 1 && a->n_dims != 2)
        FAIL(SEMID_ERR_SHAPE, "%s: expected codes [N] or [N, L], found %s", path,
             array_describe(a, text));
    if (a->n_bytes == 0)
        FAIL(SEMID_ERR_DATA, "%s: expected at least one row of codes, found %s", path,
             array_describe(a, text));
    return SEMID_OK;
}

static semid_status copy_codes(const semid_codes *c, const array *a, const char *path,
                               semid_error *err) {
    for (size_t i = 0; i < c->n_rows * c->n_levels; i++) {
        int64_t code;
        TRY(array_to_i64(a, i, 1, &code, err));
        if (code < 0 || code > INT32_MAX)
            FAIL(SEMID_ERR_DATA, "%s: row %zu, level %zu: expected a code in [0, %d], found %lld",
                 path, i / c->n_levels, i % c->n_levels, INT32_MAX, (long long)code);
        c->data[i] = (int32_t)code;
    }
    return SEMID_OK;
}

semid_status semid_codes_load(semid_codes *out, const char *path, semid_error *err) {
    array a;
    TRY(npy_load(&a, path, err));
    semid_codes c = {0};
    semid_status status;
    TRY_GOTO(check_array(&a, path, err));
    c.n_rows = a.shape[0];
    c.n_levels = a.n_dims == 2 ? a.shape[1] : 1;
    TRY_GOTO(mem_alloc(&c.data, array_elements(&a), sizeof *c.data, err));
    TRY_GOTO(copy_codes(&c, &a, path, err));
    *out = c;
    c.data = NULL;
done:
    semid_codes_release(&c);
    array_release(&a);
    return status;
}

semid_status semid_codes_save(const semid_codes *codes, const char *path, semid_error *err) {
    size_t shape[] = {codes->n_rows, codes->n_levels};
    return npy_save(path, DTYPE_I32, 2, shape, codes->data, err);
}

void semid_codes_release(semid_codes *codes) {
    mem_free(codes->data);
    *codes = (semid_codes){0};
}
