#include "run/fingerprint.h"

#include "base/file.h"
#include "base/json_report.h"
#include "base/path_list.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* Reading a file of many gigabytes to see whether it changed would cost as much as some steps do:
 * large files are known by their size and modification time, as `make` does it. Small ones, such as
 * configurations and tables that a user edits, are hashed, so that writing the same content again
 * changes nothing. */

static const size_t MAX_HASHED_BYTES = (size_t)16 << 20;

/* FNV-1a: enough to tell versions of a file apart, not to resist forgery. */
static uint64_t fnv1a(const uint8_t *data, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ data[i]) * 0x100000001b3u;
    return h;
}

semid_status fingerprint_file(const char *path, json_t **out, semid_error *err) {
    char text[64];
    struct stat st;
    if (stat(path, &st) != 0) FAIL(SEMID_ERR_IO, "%s: cannot open: %s", path, strerror(errno));

    if ((size_t)st.st_size > MAX_HASHED_BYTES) {
        snprintf(text, sizeof text, "%jd bytes, changed %jd.%09ld", (intmax_t)st.st_size,
                 (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    } else { /* the size tells apart what hashes alike */
        file_map map;
        TRY(file_map_open(&map, path, err));
        snprintf(text, sizeof text, "%zu bytes, hash %016" PRIx64, map.n_bytes,
                 fnv1a(map.data, map.n_bytes));
        file_map_close(&map);
    }
    return json_made(out, json_string(text), err);
}

semid_status fingerprint_files(const char *spec, json_t *into, semid_error *err) {
    static const char *const any[] = {"", NULL};
    path_list files;
    TRY(path_list_expand(&files, spec, any, err));

    semid_status status = SEMID_OK;
    for (size_t i = 0; i < files.n_paths && status == SEMID_OK; i++) {
        json_t *value = NULL;
        status = fingerprint_file(files.paths[i], &value, err);
        if (status == SEMID_OK) status = json_set(into, files.paths[i], value, err);
    }
    path_list_release(&files);
    return status;
}
