/*
 * semid/codes.h - the codes of a catalogue: one row of L small integers an item.
 */
#ifndef SEMID_CODES_H
#define SEMID_CODES_H

#include "semid/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_codes {
    size_t n_rows, n_levels;
    int32_t *data; /* [n_rows, n_levels], owned */
} semid_codes;

/* Read codes.npy: int32 or int64, [N] (taken as [N,1]) or [N,L]; negative codes are
 * SEMID_ERR_DATA. Release with semid_codes_release. */
SEMID_API semid_status semid_codes_load(semid_codes *out, const char *path, semid_error *err);

/* Write as [N,L] int32, whole or not at all. */
SEMID_API semid_status semid_codes_save(const semid_codes *codes, const char *path,
                                        semid_error *err);

SEMID_API void semid_codes_release(semid_codes *codes);

#ifdef __cplusplus
}
#endif
#endif
