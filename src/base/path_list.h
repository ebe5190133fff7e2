/* base/path_list.h - the files that an option names: a comma list of files, globs and folders. */
#ifndef BASE_PATH_LIST_H
#define BASE_PATH_LIST_H

#include "base/error.h"

#include <stddef.h>

typedef struct path_list {
    char **paths;
    size_t n_paths;
} path_list;

/* Expand a comma list of files, globs and folders into files, sorted by path within each part. Of
 * folders, the files that end in one of `extensions` (NULL-ended) are taken. Temporary files of a
 * killed process (file_temp_path) are left out. SEMID_ERR_IO if a part matches nothing. */
semid_status path_list_expand(path_list *out, const char *spec, const char *const *extensions,
                              semid_error *err);
void path_list_release(path_list *list);

#endif
