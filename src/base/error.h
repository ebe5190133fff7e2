/* base/error.h - raising and passing on failures. Functions that use these have a parameter named
 * `err` and, when they own anything, a local `semid_status status` and one label `done:`. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "semid/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* The command line is wrong: of the command alone, beyond the values that the library returns. */
#define STATUS_USAGE ((semid_status)100)

/* Fill `err` (may be NULL) and return `status`, so that `return error_set(...)` reads well. */
semid_status error_set(semid_error *err, semid_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "<prefix>: " before the message that `err` holds. Returns err's status. */
semid_status error_prefix(semid_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* SEMID_ERR_ARGUMENT unless the reserved words of a parameter struct, n_bytes in all, are zero: a
 * program that sets them was built against a newer library. */
semid_status check_reserved(const uint64_t *reserved, size_t n_bytes, semid_error *err);

/* Return the failure of a call: only in functions that own nothing at that point. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        semid_status try_status = (call);                                                          \
        if (try_status != SEMID_OK) return try_status;                                             \
    } while (0)

/* The same with clean-up: sets the local `status` and jumps to `done`. */
#define TRY_GOTO(call)                                                                             \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != SEMID_OK) goto done;                                                         \
    } while (0)

/* Raise one. `code` is a constant, so that the compiler sees that the function fails. */
#define FAIL(code, ...)                                                                            \
    do {                                                                                           \
        error_set(err, (code), __VA_ARGS__);                                                       \
        return (code);                                                                             \
    } while (0)

#define FAIL_GOTO(code, ...)                                                                       \
    do {                                                                                           \
        error_set(err, (code), __VA_ARGS__);                                                       \
        status = (code);                                                                           \
        goto done;                                                                                 \
    } while (0)

#endif
