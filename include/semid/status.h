/*
 * semid/status.h - how every function of the library reports failure.
 *
 * A fallible function returns a semid_status and takes, as its last argument, a semid_error that
 * may be NULL. On failure the error holds one line that says what was expected and what was found;
 * outputs are then untouched, unless the function says otherwise. On success the error is
 * untouched.
 */
#ifndef SEMID_STATUS_H
#define SEMID_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Marks a symbol as part of the stable ABI; everything else has hidden visibility. */
#if defined(__GNUC__)
#define SEMID_API __attribute__((visibility("default")))
#else
#define SEMID_API
#endif

typedef enum semid_status {
    SEMID_OK = 0,
    SEMID_ERR_ARGUMENT = 1,    /* a parameter is out of range or contradicts another */
    SEMID_ERR_NO_MEMORY = 2,   /* an allocation failed, or its size overflowed */
    SEMID_ERR_IO = 3,          /* the operating system refused: missing file, disk full ... */
    SEMID_ERR_FORMAT = 4,      /* bytes that are not what their format allows */
    SEMID_ERR_SHAPE = 5,       /* a rank, dimension or row count differs from what is needed */
    SEMID_ERR_DATA = 6,        /* well-formed input that cannot be used: NaN, no rows, duplicates */
    SEMID_ERR_UNSUPPORTED = 7, /* valid, but beyond what this build or version handles */
    SEMID_ERR_INTERRUPTED = 8, /* cancelled, or stopped by a signal */
    SEMID_ERR_INTERNAL = 9     /* a library that this one uses failed, not the caller's fault */
} semid_status;

#define SEMID_ERROR_MESSAGE_BYTES 1024

typedef struct semid_error {
    semid_status status;
    char message[SEMID_ERROR_MESSAGE_BYTES]; /* one line, NUL-terminated, no final newline */
} semid_error;

/* A short constant name such as "format error"; never NULL. */
SEMID_API const char *semid_status_name(semid_status status);

/* Release bytes that a function of the library has allocated for the caller, as its comment says;
 * NULL is allowed. */
SEMID_API void semid_free(void *bytes);

#ifdef __cplusplus
}
#endif
#endif
