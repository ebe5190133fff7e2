#include "pipeline/output_check.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files are written under another name in the folder of the output and renamed (base/file.h), and
 * missing folders are made. So what counts is the nearest folder of the path that exists: if it can
 * be written, all below it can be made; the output itself may be read-only, but no folder. */

/* Cut the last part off a path: "a/b" -> "a", "/a" -> "/", "a" -> ".". False at the end. */
static bool go_up(char *path) {
    char *slash = strrchr(path, '/');
    bool more = strcmp(path, "/") != 0 && strcmp(path, ".") != 0;
    if (!slash)
        memcpy(path, ".", 2);
    else
        slash[slash == path] = '\0';
    return more;
}

/* path: room for two bytes at least; what it holds afterwards is of no use. */
static semid_status check_writable(char *path, semid_error *err) {
    struct stat st;
    /* up to the nearest folder that exists */
    while (stat(path, &st) != 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        if (missing && lstat(path, &st) == 0)
            FAIL(SEMID_ERR_IO, "%s: expected a folder to write into, found a link to nothing",
                 path);
        if (!missing || !go_up(path))
            FAIL(SEMID_ERR_IO, "%s: cannot write here: %s", path, strerror(errno));
    }

    if (!S_ISDIR(st.st_mode))
        FAIL(SEMID_ERR_IO, "%s: expected a folder to write into, found a file", path);
    if (access(path, W_OK | X_OK) != 0)
        FAIL(SEMID_ERR_IO, "%s: cannot write into this folder: %s", path, strerror(errno));
    return SEMID_OK;
}

static semid_status check_extension(const char *path, const char *const *extensions,
                                    semid_error *err) {
    char found[16], expected[128] = "";
    path_extension(path, found);
    size_t n = 0, length = 0;
    for (; extensions[n]; n++)
        if (strcmp(found, extensions[n]) == 0) return SEMID_OK;

    for (size_t i = 0; i < n; i++) {
        const char *separator = i == 0 ? "" : i + 1 < n ? ", " : " or ";
        length += (size_t)snprintf(expected + length, sizeof expected - length, "%s.%s", separator,
                                   extensions[i]);
    }
    FAIL(SEMID_ERR_ARGUMENT, "%s: expected a name ending in %s", path, expected);
}

semid_status output_check_file(const char *path, const char *const *extensions, semid_error *err) {
    struct stat st;
    char *folder;
    if (extensions) TRY(check_extension(path, extensions, err));

    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        FAIL(SEMID_ERR_IO, "%s: expected a file, found a folder", path);
    if (!exists && errno == ENAMETOOLONG)
        FAIL(SEMID_ERR_IO, "%s: cannot create: %s", path, strerror(errno));

    TRY(mem_format(&folder, err, "%s ", path)); /* room for "." */
    folder[strlen(path)] = '\0';
    go_up(folder);
    semid_status status = check_writable(folder, err);
    mem_free(folder);
    return status;
}

semid_status output_check_folder(const char *path, const char *const *names, semid_error *err) {
    char *folder = NULL, *file = NULL;
    semid_status status;
    TRY(mem_format(&folder, err, "%s ", path));
    folder[strlen(path)] = '\0';
    TRY_GOTO(check_writable(folder, err));

    /* in a folder that does not exist yet nothing is in the way of its files */
    for (; path_is_dir(path) && *names; names++) {
        TRY_GOTO(path_join(&file, path, *names, err));
        if (path_is_dir(file)) FAIL_GOTO(SEMID_ERR_IO, "%s: expected a file, found a folder", file);
        mem_free(file);
        file = NULL;
    }
done:
    mem_free(folder);
    mem_free(file);
    return status;
}
