/* base/json_file.h - JSON documents as files. */
#ifndef BASE_JSON_FILE_H
#define BASE_JSON_FILE_H

#include "base/error.h"

#include <jansson.h>

/* Parse a file of at most 256 MiB. Errors name path, line and column. */
semid_status json_file_load(json_t **out, const char *path, semid_error *err);

/* Write whole or not at all, indented, with a final newline. */
semid_status json_file_save(const json_t *value, const char *path, semid_error *err);

#endif
