#include "encoder/json_member.h"

#include <string.h>

/* jansson's getters answer a wrong type with 0 or NULL; a model folder is untrusted, so here a
 * wrong type is an error that says what was found. Strings with a NUL inside are refused: they go
 * on as C strings. */

static const char *type_name(const json_t *value) {
    if (!value) return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

semid_status json_member_string(const json_t *object, const char *where, const char *key,
                                const char **out, semid_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        FAIL(SEMID_ERR_FORMAT, "%s.%s: expected a string, found %s", where, key, type_name(value));
    const char *s = json_string_value(value);
    if (strlen(s) != json_string_length(value))
        FAIL(SEMID_ERR_FORMAT, "%s.%s: expected text, found a NUL character", where, key);
    *out = s;
    return SEMID_OK;
}

semid_status json_member_bool(const json_t *object, const char *where, const char *key, bool *out,
                              semid_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_boolean(value))
        FAIL(SEMID_ERR_FORMAT, "%s.%s: expected true or false, found %s", where, key,
             type_name(value));
    *out = json_is_true(value);
    return SEMID_OK;
}

semid_status json_member_integer(const json_t *object, const char *where, const char *key,
                                 int64_t *out, semid_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value))
        FAIL(SEMID_ERR_FORMAT, "%s.%s: expected an integer, found %s", where, key,
             type_name(value));
    *out = json_integer_value(value);
    return SEMID_OK;
}

semid_status json_optional_bool(const json_t *object, const char *where, const char *key, bool *out,
                                semid_error *err) {
    if (!json_object_get(object, key)) return SEMID_OK;
    return json_member_bool(object, where, key, out, err);
}

semid_status json_check_type(const json_t *object, const char *key, const char *const *supported,
                             const char *supported_list, const char **type, semid_error *err) {
    if (!json_is_object(object))
        FAIL(SEMID_ERR_UNSUPPORTED, "%s: none given; supported: %s", key, supported_list);
    TRY(json_member_string(object, key, "type", type, err));
    for (; *supported; supported++)
        if (strcmp(*supported, *type) == 0) return SEMID_OK;
    FAIL(SEMID_ERR_UNSUPPORTED, "%s \"%s\" is not supported; supported: %s", key, *type,
         supported_list);
}
