/* base/failure.h - which failure to report when work in parallel fails in several places: that of
 * the lowest chunk, which a single thread would have met first. */
#ifndef BASE_FAILURE_H
#define BASE_FAILURE_H

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct failure {
    pthread_mutex_t lock; /* of status and error */
    atomic_size_t chunk;  /* the lowest that failed, or SIZE_MAX */
    semid_status status;
    semid_error error;
} failure;

void failure_init(failure *f);

/* Chunk `chunk` came to an end with `status`, and with `error` unless that is SEMID_OK. */
void failure_note(failure *f, size_t chunk, semid_status status, const semid_error *error);

/* Did a lower chunk fail? Then work on this one is for nothing. */
bool failure_before(const failure *f, size_t chunk);

/* When all work has ended: SEMID_OK, or the failure with its message in err (may be NULL). */
semid_status failure_status(const failure *f, semid_error *err);

#endif
