#include "base/json_report.h"

#include <stdbool.h>

/* Every function passes ownership of the value on before it looks at anything, so that callers have
 * nothing to release on failure but their own object. */

static semid_status out_of_memory(semid_error *err) {
    FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
}

semid_status json_made(json_t **out, json_t *value, semid_error *err) {
    *out = value;
    return value ? SEMID_OK : out_of_memory(err);
}

semid_status json_set(json_t *object, const char *key, json_t *value, semid_error *err) {
    return json_object_set_new(object, key, value) == 0 ? SEMID_OK : out_of_memory(err);
}

semid_status json_append(json_t *array, json_t *value, semid_error *err) {
    return json_array_append_new(array, value) == 0 ? SEMID_OK : out_of_memory(err);
}

semid_status json_merge(json_t *object, json_t *other, semid_error *err) {
    bool merged = other && json_object_update(object, other) == 0;
    json_decref(other);
    return merged ? SEMID_OK : out_of_memory(err);
}
