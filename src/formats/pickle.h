/* formats/pickle.h - reads Python pickles (protocol 2 to 5) without executing anything.
 *
 * The opcodes that build numbers, text, lists, tuples and dicts are carried out; a call is only
 * noted down, as a value that holds which of a few known functions it names and its arguments. Who
 * reads the pickle interprets those that it knows. Any other opcode or name is refused. */
#ifndef FORMATS_PICKLE_H
#define FORMATS_PICKLE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,
    PICKLE_STR,   /* n bytes of UTF-8, not checked */
    PICKLE_BYTES, /* n bytes */
    PICKLE_LIST,
    PICKLE_TUPLE,
    PICKLE_DICT,      /* items: key, value, key, value ... */
    PICKLE_GLOBAL,    /* a name that can be called */
    PICKLE_CALL,      /* items: the arguments as a tuple, the state of BUILD or none */
    PICKLE_PERSISTENT /* items: the identification of a thing stored elsewhere */
} pickle_kind;

typedef enum pickle_global {
    GLOBAL_ORDERED_DICT,
    GLOBAL_ENCODE,
    GLOBAL_TENSOR,
    GLOBAL_PARAMETER,
    GLOBAL_ARRAY,
    GLOBAL_NDARRAY,
    GLOBAL_DTYPE,
    GLOBAL_SCALAR,
    GLOBAL_STORAGE_F16,
    GLOBAL_STORAGE_BF16,
    GLOBAL_STORAGE_F32,
    GLOBAL_STORAGE_F64,
    GLOBAL_STORAGE_I8,
    GLOBAL_STORAGE_U8,
    GLOBAL_STORAGE_I16,
    GLOBAL_STORAGE_I32,
    GLOBAL_STORAGE_I64,
    GLOBAL_STORAGE_BOOL
} pickle_global;

typedef struct pickle_value {
    uint8_t kind;
    uint8_t global; /* of GLOBAL and CALL */
    bool owned;     /* bytes were made here, not borrowed from the input */
    uint32_t n;     /* items or bytes */
    union {
        int64_t integer; /* BOOL too */
        double real;
        const char *bytes;
        uint32_t *items; /* indices of values */
    } as;
} pickle_value;

typedef struct pickle {
    pickle_value *values;
    size_t n_values, capacity;
    uint32_t root;
    size_t n_bytes; /* that the pickle took of the input */
} pickle;

/* `data` must outlive the pickle: text is borrowed from it. Memory is proportional to n_bytes. */
semid_status pickle_parse(pickle *out, const uint8_t *data, size_t n_bytes, const char *label,
                          semid_error *err);
void pickle_release(pickle *p);

const pickle_value *pickle_root(const pickle *p);
/* The i-th item; NULL if v has no items, or not as many. */
const pickle_value *pickle_item(const pickle *p, const pickle_value *v, size_t i);
/* The value of a key in a dict; NULL if missing. */
const pickle_value *pickle_find(const pickle *p, const pickle_value *dict, const char *key);
bool pickle_is_call(const pickle_value *v, pickle_global callee);
bool pickle_is_str(const pickle_value *v, const char *text);
/* A non-negative INT. */
bool pickle_size(const pickle_value *v, size_t *out);
/* "a list", for messages; v may be NULL. */
const char *pickle_describe(const pickle_value *v);

#endif
