/*
 * semid/codes.h - the codes of a catalogue: one row of L small integers per item; and the text of a
 * code, such as 12-203-7-91.
 */
#ifndef SEMID_CODES_H
#define SEMID_CODES_H

#include "semid/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- codes.npy ---- */

typedef struct semid_codes {
    size_t n_rows, n_levels;
    int32_t *data; /* [n_rows, n_levels], owned */
} semid_codes;

/*
 * Read codes.npy: int32 or int64, [N] (taken as [N,1]) or [N,L]. Release with semid_codes_release.
 * SEMID_ERR_IO, SEMID_ERR_FORMAT (not .npy, another type), SEMID_ERR_SHAPE, SEMID_ERR_DATA (no
 * rows, or a value outside 0 to 2^31 - 1), SEMID_ERR_NO_MEMORY.
 */
SEMID_API semid_status semid_codes_load(semid_codes *out, const char *path, semid_error *err);

/* The same from the bytes of such a file, which are not needed afterwards. */
SEMID_API semid_status semid_codes_load_memory(semid_codes *out, const void *bytes, size_t n_bytes,
                                               semid_error *err);

/* Write as [N,L] int32, completely or not at all. SEMID_ERR_IO, SEMID_ERR_NO_MEMORY. */
SEMID_API semid_status semid_codes_save(const semid_codes *codes, const char *path,
                                        semid_error *err);

/* The bytes that semid_codes_save writes; release *bytes with semid_free. SEMID_ERR_NO_MEMORY. */
SEMID_API semid_status semid_codes_save_memory(const semid_codes *codes, void **bytes,
                                               size_t *n_bytes, semid_error *err);

SEMID_API void semid_codes_release(semid_codes *codes);

/* ---- text ---- */

/* Maximum number of levels in a text, and of its bytes, its NUL included. */
enum { SEMID_CODE_MAX_LEVELS = 64, SEMID_CODE_TEXT_BYTES = 11 * SEMID_CODE_MAX_LEVELS };

/*
 * {12, 203, 7, 91} -> "12-203-7-91": code [n_levels], each >= 0. Like snprintf: writes at most
 * `size` bytes, the last of them NUL (none if size is 0), and returns the length of the whole text;
 * if that is `size` or more, the text was cut. buf may be NULL if size is 0.
 */
SEMID_API size_t semid_code_format(const int32_t *code, size_t n_levels, char *buf, size_t size);

/*
 * The inverse. code: room for max_levels numbers, of which *n_levels are written. A text has 1 to
 * max_levels (and at most SEMID_CODE_MAX_LEVELS) numbers from 0 to 2^31 - 1, joined by dashes, with
 * no sign, blank or leading zero, so that a code has one text. SEMID_ERR_FORMAT for any other text.
 */
SEMID_API semid_status semid_code_parse(const char *text, int32_t *code, size_t max_levels,
                                        size_t *n_levels, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
