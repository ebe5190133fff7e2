/* run/fingerprint.h - has a file changed since? */
#ifndef RUN_FINGERPRINT_H
#define RUN_FINGERPRINT_H

#include "base/error.h"

#include <jansson.h>

/* Size and content (hash) of a file; of one over 16 MiB, size and modification time in its place.
 * A JSON string. SEMID_ERR_IO if it cannot be read. */
semid_status fingerprint_file(const char *path, json_t **out, semid_error *err);

/* The same of all files that `spec` names (file, folder, glob or comma list) as an object by path.
 */
semid_status fingerprint_files(const char *spec, json_t *into, semid_error *err);

#endif
