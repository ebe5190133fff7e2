#include "base/failure.h"

#include <stdint.h>

/* Chunks run in any order, so the first failure in time is a matter of chance. Kept is that of the
 * lowest chunk. A chunk that fails lets all chunks above it stop early, never one below it: the
 * lowest failure is always found, and the message is the same at any number of threads. */

void failure_init(failure *f) {
    *f = (failure){.lock = PTHREAD_MUTEX_INITIALIZER, .chunk = SIZE_MAX, .status = SEMID_OK};
}

void failure_note(failure *f, size_t chunk, semid_status status, const semid_error *error) {
    if (status == SEMID_OK) return;
    pthread_mutex_lock(&f->lock);
    if (chunk < atomic_load(&f->chunk)) {
        atomic_store(&f->chunk, chunk);
        f->status = status;
        f->error = *error;
    }
    pthread_mutex_unlock(&f->lock);
}

bool failure_before(const failure *f, size_t chunk) {
    return atomic_load(&f->chunk) < chunk;
}

semid_status failure_status(const failure *f, semid_error *err) {
    if (f->status == SEMID_OK) return SEMID_OK;
    return error_set(err, f->status, "%s", f->error.message);
}
