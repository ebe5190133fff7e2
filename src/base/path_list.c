#include "base/path_list.h"

#include "base/file.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

/* Each part of the list is a folder, a file that exists (whose name may look like a pattern), or a
 * glob, in this order. scandir and glob sort by name, which fixes the order that files are read in.
 */

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
