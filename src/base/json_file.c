#include "base/json_file.h"

#include "base/file.h"
#include "base/memory.h"

/* JSON files are read into memory whole and parsed by jansson; a limit keeps a wrong path (a file
 * of vectors, say) from filling the memory. They are written like any output: whole or not at all,
 * with numbers of nine digits, which is enough to tell float32 values apart. */

static const size_t MAX_JSON_BYTES = (size_t)256 << 20;

semid_status json_file_load(json_t **out, const char *path, semid_error *err) {
    char *text;
    size_t n_bytes;
    TRY(file_read_all(path, MAX_JSON_BYTES, &text, &n_bytes, err));
    json_error_t where;
    json_t *value = json_loadb(text, n_bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    mem_free(text);
    if (!value)
        FAIL(SEMID_ERR_FORMAT, "%s: expected JSON, found at line %d column %d: %s", path,
             where.line, where.column, where.text);
    *out = value;
    return SEMID_OK;
}

semid_status json_file_save(const json_t *value, const char *path, semid_error *err) {
    file_out f;
    TRY(file_out_open(&f, path, err));

    semid_status status = SEMID_OK;
    if (json_dumpf(value, f.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0 &&
        !ferror(f.stream))
        status = error_set(err, SEMID_ERR_NO_MEMORY, "%s: cannot write this JSON", path);
    fputc('\n', f.stream);

    if (status == SEMID_OK) status = file_out_commit(&f, err);
    file_out_release(&f);
    return status;
}
