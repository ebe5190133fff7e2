/* run/fingerprint.h - what tells whether a file has changed. */
#ifndef RUN_FINGERPRINT_H
#define RUN_FINGERPRINT_H

#include "base/error.h"

#include <jansson.h>

/* *out: a JSON string of size and hash of the content; of a file over 16 MiB, of size and
 * modification time. SEMID_ERR_IO if the file cannot be read. */
semid_status fingerprint_file(const char *path, json_t **out, semid_error *err);

/* Adds those of all files that `spec` names (file, folder, glob or comma list), by path. */
semid_status fingerprint_files(const char *spec, json_t *into, semid_error *err);

#endif
