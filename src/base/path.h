/* base/path.h - names of files and folders, and the folders themselves. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include "base/error.h"

#include <stdbool.h>

bool path_exists(const char *path);
bool path_is_dir(const char *path);

semid_status path_join(char **out, const char *dir, const char *name, semid_error *err);
const char *path_basename(const char *path);
/* The extension in lower case without the dot, copied into buf; "" if there is none. */
const char *path_extension(const char *path, char buf[16]);
/* path without its last extension, plus suffix: ("a/X.npy", ".ids.npy") -> "a/X.ids.npy". */
semid_status path_replace_extension(char **out, const char *path, const char *suffix,
                                    semid_error *err);
/* "file.npz:name" is an array of a file: *file is the file alone, *name points into spec. NULL if
 * spec names no array: it is a file itself, has no colon, or no file is before a colon. */
semid_status path_split_name(char **file, const char **name, const char *spec, semid_error *err);

semid_status dir_create(const char *path, semid_error *err); /* with parents; existing is fine */
semid_status dir_create_parent(const char *path, semid_error *err);

#endif
