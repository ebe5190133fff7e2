/* base/json_report.h - building JSON objects with jansson, whose constructors return NULL when
 * memory is out: these turn that into a status. */
#ifndef BASE_JSON_REPORT_H
#define BASE_JSON_REPORT_H

#include "base/error.h"

#include <jansson.h>

/* *out = value, which jansson has just made. SEMID_ERR_NO_MEMORY if it is NULL. */
semid_status json_made(json_t **out, json_t *value, semid_error *err);

/* object[key] = value. The object takes the value over, also on failure; a value of NULL is
 * SEMID_ERR_NO_MEMORY, so that json_pack(...) may be passed unchecked. */
semid_status json_set(json_t *object, const char *key, json_t *value, semid_error *err);

/* The same for the end of an array. */
semid_status json_append(json_t *array, json_t *value, semid_error *err);

/* All members of `other` into `object`; takes `other` over, which may be NULL as above. */
semid_status json_merge(json_t *object, json_t *other, semid_error *err);

#endif
