#include "base/file.h"
#include "base/memory.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* ---- lists ---- */

typedef struct list_builder {
    path_list list;
    size_t capacity;
} list_builder;

static semid_status list_add(list_builder *b, const char *path, semid_error *err) {
    TRY(mem_reserve(&b->list.paths, &b->capacity, b->list.n_paths + 1, sizeof(char *), err));
    TRY(mem_strdup(&b->list.paths[b->list.n_paths], path, err));
    b->list.n_paths++;
    return SEMID_OK;
}

static bool has_extension(const char *name, const char *const *extensions) {
    size_t n = strlen(name);
    for (; *extensions; extensions++) {
        size_t m = strlen(*extensions);
        if (n > m && strcasecmp(name + n - m, *extensions) == 0) return true;
    }
    return false;
}

/* What a killed process left of a file it was writing (file_temp_path). */
static bool is_unfinished(const char *path) {
    return strstr(path_basename(path), ".tmp") != NULL;
}

static semid_status add_folder(list_builder *b, const char *dir, const char *const *extensions,
                               semid_error *err) {
    struct dirent **entries;
    int n = scandir(dir, &entries, NULL, alphasort);
    if (n < 0) FAIL(SEMID_ERR_IO, "%s: cannot list the folder: %s", dir, strerror(errno));
    semid_status status = SEMID_OK;
    size_t before = b->list.n_paths;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char *path = NULL;
        if (status == SEMID_OK && name[0] != '.' && !is_unfinished(name) &&
            has_extension(name, extensions)) {
            status = path_join(&path, dir, name, err);
            if (status == SEMID_OK && !path_is_dir(path)) status = list_add(b, path, err);
        }
        mem_free(path);
        free(entries[i]);
    }
    free(entries);
    if (status == SEMID_OK && b->list.n_paths == before)
        FAIL(SEMID_ERR_IO, "%s: no file ending in %s in this folder", dir, extensions[0]);
    return status;
}

static semid_status add_part(list_builder *b, const char *part, const char *const *extensions,
                             semid_error *err) {
    if (path_is_dir(part)) return add_folder(b, part, extensions, err);
    if (path_exists(part) || !strpbrk(part, "*?[")) {
        TRY(file_check_readable(part, err));
        return list_add(b, part, err);
    }
    glob_t matches;
    int rc = glob(part, 0, NULL, &matches);
    if (rc == GLOB_NOMATCH) FAIL(SEMID_ERR_IO, "%s: no file matches this pattern", part);
    if (rc != 0) FAIL(SEMID_ERR_IO, "%s: cannot expand this pattern", part);
    semid_status status = SEMID_OK;
    size_t before = b->list.n_paths;
    for (size_t i = 0; i < matches.gl_pathc && status == SEMID_OK; i++)
        if (!path_is_dir(matches.gl_pathv[i]) && !is_unfinished(matches.gl_pathv[i]))
            status = list_add(b, matches.gl_pathv[i], err);
    globfree(&matches);
    if (status == SEMID_OK && b->list.n_paths == before)
        FAIL(SEMID_ERR_IO, "%s: no file matches this pattern", part);
    return status;
}

semid_status path_list_expand(path_list *out, const char *spec, const char *const *extensions,
                              semid_error *err) {
    char *copy;
    TRY(mem_strdup(&copy, spec, err));
    list_builder b = {0};
    semid_status status = SEMID_OK;
    char *rest = copy, *part;
    while (status == SEMID_OK && (part = strsep(&rest, ",")))
        if (*part) status = add_part(&b, part, extensions, err);
    if (status == SEMID_OK && b.list.n_paths == 0)
        status = error_set(err, SEMID_ERR_ARGUMENT, "expected a file, found an empty list");
    if (status == SEMID_OK)
        *out = b.list;
    else
        path_list_release(&b.list);
    mem_free(copy);
    return status;
}

void path_list_release(path_list *list) {
    for (size_t i = 0; i < list->n_paths; i++) mem_free(list->paths[i]);
    mem_free(list->paths);
    *list = (path_list){0};
}
