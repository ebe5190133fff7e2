#include "base/path.h"

#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Paths are strings: nothing here follows "..", resolves links or makes a path absolute, so that
 * messages show what the user typed. A name and its extension are what comes after the last slash
 * and after the last dot. */

bool path_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

bool path_is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *path_basename(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_extension(const char *path, char buf[16]) {
    const char *dot = strrchr(path_basename(path), '.');
    buf[0] = '\0';
    if (!dot || strlen(dot + 1) >= 16) return buf;

    size_t i = 0;
    for (const char *p = dot + 1; *p; p++) buf[i++] = (char)tolower((unsigned char)*p);
    buf[i] = '\0';
    return buf;
}

semid_status path_split_name(char **file, const char **name, const char *spec, semid_error *err) {
    TRY(mem_strdup(file, spec, err));
    *name = NULL;
    if (path_exists(spec)) return SEMID_OK;

    /* The shortest part before a colon that is a file. */
    for (const char *colon = strchr(spec, ':'); colon; colon = strchr(colon + 1, ':')) {
        (*file)[colon - spec] = '\0';
        if (path_exists(*file) && !path_is_dir(*file)) {
            *name = colon + 1;
            return SEMID_OK;
        }
        (*file)[colon - spec] = ':';
    }
    return SEMID_OK;
}

semid_status path_replace_extension(char **out, const char *path, const char *suffix,
                                    semid_error *err) {
    const char *dot = strrchr(path_basename(path), '.');
    size_t stem = dot ? (size_t)(dot - path) : strlen(path);
    return mem_format(out, err, "%.*s%s", (int)stem, path, suffix);
}

semid_status path_join(char **out, const char *dir, const char *name, semid_error *err) {
    size_t n = strlen(dir);
    const char *separator = n == 0 || dir[n - 1] == '/' ? "" : "/";
    return mem_format(out, err, "%s%s%s", dir, separator, name);
}

static semid_status make_one_dir(const char *path, semid_error *err) {
    if (mkdir(path, 0777) == 0) return SEMID_OK;
    int saved = errno;
    if (path_is_dir(path)) return SEMID_OK;
    FAIL(SEMID_ERR_IO, "%s: cannot create the folder: %s", path, strerror(saved));
}

semid_status dir_create(const char *path, semid_error *err) {
    char *copy;
    TRY(mem_strdup(&copy, path, err));
    semid_status status = SEMID_OK;

    for (char *p = copy + 1; *copy && *p && status == SEMID_OK; p++) {
        if (*p != '/') continue;
        *p = '\0';
        status = make_one_dir(copy, err);
        *p = '/';
    }
    if (status == SEMID_OK && *copy) status = make_one_dir(copy, err);
    mem_free(copy);
    return status;
}

semid_status dir_create_parent(const char *path, semid_error *err) {
    size_t n = (size_t)(path_basename(path) - path);
    if (n <= 1) return SEMID_OK;
    char *parent;
    TRY(mem_format(&parent, err, "%.*s", (int)(n - 1), path));
    semid_status status = dir_create(parent, err);
    mem_free(parent);
    return status;
}
