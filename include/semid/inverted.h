/*
 * semid/inverted.h - which items have a given code, or a code that starts with a given prefix; and
 * which code a given item has.
 *
 * `inverted.sid` is one file that is mapped into memory and used in place: the distinct codes of a
 * catalogue in ascending order (level by level), for each the rows of its items in ascending order,
 * and the item ids. A row is a number in [0, items): the position of the item in the table that the
 * file was built from. Because codes are sorted, the codes under a prefix are adjacent, and so are
 * their items: both look-ups give a range.
 *
 * An open index is read-only and may be used by any number of threads at once. Nothing it returns
 * may be used after semid_inverted_close. docs/formats.md describes the bytes.
 */
#ifndef SEMID_INVERTED_H
#define SEMID_INVERTED_H

#include "semid/codes.h"
#include "semid/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_inverted semid_inverted;

/* Codes [first, first + n) in ascending order; n = 0: none. */
typedef struct semid_code_range {
    size_t first, n;
} semid_code_range;

/*
 * Build an index and write it to `path`, completely or not at all.
 * codes: [n_rows, n_levels], borrowed; 1 to 2^32-2 rows, 1 to 64 levels, values >= 0.
 * ids: n_rows NUL-terminated strings, borrowed, in row order, without duplicates (not checked).
 * SEMID_ERR_ARGUMENT: no rows, too many rows or levels. SEMID_ERR_DATA: a negative value.
 * SEMID_ERR_IO: the file cannot be written. SEMID_ERR_NO_MEMORY.
 * Threads: one. Cost: O(rows * levels) time, 8 bytes of memory per row.
 */
SEMID_API semid_status semid_inverted_build(const char *path, const semid_codes *codes,
                                            const char *const *ids, semid_error *err);

/*
 * Map `inverted.sid` and check all of it: sizes against the file, codes ascending, every row once,
 * every id inside the file. An open index is safe to use, whoever wrote the file. *out is the
 * caller's, released with semid_inverted_close.
 * SEMID_ERR_IO: missing or unreadable. SEMID_ERR_FORMAT: not such a file, truncated or damaged.
 * SEMID_ERR_UNSUPPORTED: written by a newer version. SEMID_ERR_NO_MEMORY.
 * Cost: one pass over the file.
 */
SEMID_API semid_status semid_inverted_open(semid_inverted **out, const char *path,
                                           semid_error *err);

/*
 * The same for such a file in memory: bytes [n_bytes], aligned to 8, borrowed and unchanged until
 * semid_inverted_close. SEMID_ERR_ARGUMENT: not aligned.
 */
SEMID_API semid_status semid_inverted_open_memory(semid_inverted **out, const void *bytes,
                                                  size_t n_bytes, semid_error *err);

/* NULL is allowed. */
SEMID_API void semid_inverted_close(semid_inverted *index);

/* Numbers of items, distinct codes and levels; the exclusive upper bound of the code values. */
SEMID_API size_t semid_inverted_items(const semid_inverted *index);
SEMID_API size_t semid_inverted_codes(const semid_inverted *index);
SEMID_API size_t semid_inverted_levels(const semid_inverted *index);
SEMID_API size_t semid_inverted_codewords(const semid_inverted *index);

/*
 * The codes whose first n_levels values are `prefix` [n_levels]; n_levels = 0 gives all codes, the
 * full number of levels gives the one code or none. More levels than the index has give none.
 * Cost: O(n_levels * log(codes)).
 */
SEMID_API semid_code_range semid_inverted_find(const semid_inverted *index, const int32_t *prefix,
                                               size_t n_levels);

/*
 * The children of a prefix: the values that occur at the level after it, in ascending order. Up to
 * `capacity` of them go to values, the codes under each to ranges unless that is NULL. Returns
 * how many there are: at most semid_inverted_codewords; 0 for a full code or an unknown prefix.
 * Cost: O(n_levels * log(codes) + children * log(codes of a child)).
 */
SEMID_API size_t semid_inverted_children(const semid_inverted *index, const int32_t *prefix,
                                         size_t n_levels, int32_t *values, semid_code_range *ranges,
                                         size_t capacity);

/* The i-th code in ascending order, [levels], borrowed; i < codes. */
SEMID_API const int32_t *semid_inverted_code(const semid_inverted *index, size_t i);

/* The rows of all items in a range of codes, borrowed: code by code, ascending within a code.
 * Their number goes to *n_rows. */
SEMID_API const uint32_t *semid_inverted_rows(const semid_inverted *index, semid_code_range range,
                                              size_t *n_rows);

/* The id of a row, NUL-terminated, borrowed; row < items. */
SEMID_API const char *semid_inverted_id(const semid_inverted *index, size_t row);

/* What semid_inverted_row_of gives for an id that the index does not have. */
#define SEMID_NO_ROW SIZE_MAX

/*
 * row_of: the row of the item with this id (the lowest, if several have it), or SEMID_NO_ROW.
 * code_of: the index of a row's code, as semid_inverted_code takes it; row < items.
 * SEMID_ERR_NO_MEMORY, which only the first call can return: it makes the tables of both look-ups,
 * 12 to 20 bytes per item. SEMID_ERR_ARGUMENT: row out of range.
 * Cost: one pass over items and ids at first; then row_of O(length of id), code_of O(1).
 */
SEMID_API semid_status semid_inverted_row_of(const semid_inverted *index, const char *id,
                                             size_t *row, semid_error *err);
SEMID_API semid_status semid_inverted_code_of(const semid_inverted *index, size_t row, size_t *code,
                                              semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
