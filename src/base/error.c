#include "base/error.h"

#include "semid/version.h"

#include <stdio.h>
#include <string.h>

/* An error is a status and one line of text in a buffer of fixed size, so that reporting a failed
 * allocation needs no allocation. Text that does not fit is cut. The buffer may be absent (NULL):
 * then only the status is passed on. */

/* One line whatever the input held: control characters in file names become '?'. */
static void make_one_line(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = '?';
}

semid_status error_set(semid_error *err, semid_status status, const char *fmt, ...) {
    if (!err) return status;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    make_one_line(err->message);
    err->status = status;
    return status;
}

semid_status error_prefix(semid_error *err, const char *fmt, ...) {
    if (!err) return SEMID_ERR_INTERNAL;

    char old[SEMID_ERROR_MESSAGE_BYTES];
    memcpy(old, err->message, sizeof old);

    char prefix[SEMID_ERROR_MESSAGE_BYTES / 2];
    va_list args;
    va_start(args, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, args);
    va_end(args);

    int at = snprintf(err->message, sizeof err->message, "%s: ", prefix);
    snprintf(err->message + at, sizeof err->message - (size_t)at, "%s", old);
    make_one_line(err->message);
    return err->status;
}

semid_status check_reserved(const uint64_t *reserved, size_t n_bytes, semid_error *err) {
    for (size_t i = 0; i < n_bytes / sizeof *reserved; i++)
        if (reserved[i] != 0)
            FAIL(SEMID_ERR_ARGUMENT,
                 "parameters: expected reserved fields to be zero (was the program built against a "
                 "newer version of the library than %s?)",
                 semid_version());
    return SEMID_OK;
}

const char *semid_status_name(semid_status status) {
    if (status == STATUS_USAGE) return "usage error";

    switch (status) {
    case SEMID_OK:
        return "ok";
    case SEMID_ERR_ARGUMENT:
        return "invalid argument";
    case SEMID_ERR_NO_MEMORY:
        return "out of memory";
    case SEMID_ERR_IO:
        return "input/output error";
    case SEMID_ERR_FORMAT:
        return "format error";
    case SEMID_ERR_SHAPE:
        return "shape mismatch";
    case SEMID_ERR_DATA:
        return "unusable data";
    case SEMID_ERR_UNSUPPORTED:
        return "unsupported";
    case SEMID_ERR_INTERRUPTED:
        return "interrupted";
    case SEMID_ERR_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}
