/* A table from extension to loader, which higher layers extend: this folder knows no table formats.
 * Text files are read here: a line per id, with or without a byte order mark and carriage returns.
 */
#include "formats/ids_file.h"

#include "base/file.h"
#include "base/path.h"
#include "formats/ids_npy.h"
#include "formats/pt_read.h"

#include <string.h>

/* ---- text files: a line each ---- */

static semid_status load_text(ids *out, const char *path, semid_error *err) {
    file_map map;
    TRY(file_map_open(&map, path, err));
    semid_status status = SEMID_OK;
    const char *at = (const char *)map.data, *end = at ? at + map.n_bytes : NULL;
    if (map.n_bytes >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) at += 3; /* byte order mark */

    while (at < end && status == SEMID_OK) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        size_t n_id = n > 0 && at[n - 1] == '\r' ? n - 1 : n;
        status = n_id > 0
                     ? ids_append_checked(out, at, n_id, err)
                     : error_set(err, SEMID_ERR_FORMAT,
                                 "line %zu: expected an id, found an empty line", out->n_ids + 1);
        at = newline ? newline + 1 : end;
    }
    if (status != SEMID_OK) error_prefix(err, "%s", path);
    file_map_close(&map);
    return status;
}

static semid_status save_text(const ids *list, const char *path, semid_error *err) {
    file_out f;
    TRY(file_out_open(&f, path, err));

    semid_status status = SEMID_OK;
    for (size_t i = 0; i < list->n_ids; i++) {
        size_t n;
        const char *s = ids_get(list, i, &n);
        if (n == 0 || memchr(s, '\n', n) || memchr(s, '\r', n))
            FAIL_GOTO(SEMID_ERR_DATA, "%s: id %zu is empty or has a line break: use .npy", path, i);
        file_out_write(&f, s, n);
        file_out_write(&f, "\n", 1);
    }
    TRY_GOTO(file_out_commit(&f, err));
done:
    file_out_release(&f);
    return status;
}

/* ---- by extension ---- */

enum { MAX_LOADERS = 8, EXTENSION_BYTES = 16 };
static struct {
    char extension[EXTENSION_BYTES];
    ids_loader load;
} loaders[MAX_LOADERS] = {{"npy", ids_npy_load}, {"pt", pt_load_ids}, {"txt", load_text}};

void ids_register(const char *extension, ids_loader load) {
    for (int i = 0; i < MAX_LOADERS; i++) {
        if (loaders[i].load && strcmp(loaders[i].extension, extension) != 0) continue;
        snprintf(loaders[i].extension, EXTENSION_BYTES, "%s", extension);
        loaders[i].load = load;
        return;
    }
}

semid_status ids_load(ids *out, const char *path, semid_error *err) {
    char extension[EXTENSION_BYTES];
    path_extension(path, extension);
    TRY(file_check_readable(path, err));

    for (int i = 0; i < MAX_LOADERS && loaders[i].load; i++) {
        if (strcmp(loaders[i].extension, extension) != 0) continue;

        ids list = {0};
        semid_status status = loaders[i].load(&list, path, err);
        if (status == SEMID_OK && list.n_ids == 0)
            status =
                error_set(err, SEMID_ERR_DATA, "%s: expected at least one id, found none", path);
        if (status == SEMID_OK)
            *out = list;
        else
            ids_release(&list);
        return status;
    }
    FAIL(SEMID_ERR_UNSUPPORTED, "%s: expected ids as .npy, .pt, .parquet or .txt, found %s%s", path,
         *extension ? "." : "no extension", extension);
}

semid_status ids_save(const ids *list, const char *path, semid_error *err) {
    char extension[16];
    path_extension(path, extension);
    if (strcmp(extension, "npy") == 0) return ids_npy_save(list, path, err);
    if (strcmp(extension, "txt") == 0) return save_text(list, path, err);
    FAIL(SEMID_ERR_UNSUPPORTED, "%s: ids can be written as .npy or .txt, found %s%s", path,
         *extension ? "." : "no extension", extension);
}
