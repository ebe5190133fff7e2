/* encoder/json_member.h - members of the JSON objects in a model folder, with their types checked.
 * `where` names the object in errors: "where.key: expected ..., found ...". */
#ifndef ENCODER_JSON_MEMBER_H
#define ENCODER_JSON_MEMBER_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

semid_status json_member_string(const json_t *object, const char *where, const char *key,
                                const char **out, semid_error *err);
semid_status json_member_bool(const json_t *object, const char *where, const char *key, bool *out,
                              semid_error *err);
semid_status json_member_integer(const json_t *object, const char *where, const char *key,
                                 int64_t *out, semid_error *err);

/* *out stays as it is where the member is missing. */
semid_status json_optional_bool(const json_t *object, const char *where, const char *key, bool *out,
                                semid_error *err);

/* The type of the object `key` of a file, which must be one of `supported` (NULL after the last);
 * supported_list is what an error says of them. */
semid_status json_check_type(const json_t *object, const char *key, const char *const *supported,
                             const char *supported_list, const char **type, semid_error *err);

#endif
