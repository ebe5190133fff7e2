/* formats/ids.h - item ids: n UTF-8 strings in one block, in row order. */
#ifndef FORMATS_IDS_H
#define FORMATS_IDS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ids {
    size_t n_ids;
    size_t n_bytes, capacity_ids, capacity_bytes; /* of the block; room while it grows */
    uint64_t *offsets;                            /* [n_ids + 1] into bytes */
    char *bytes;                                  /* each id is followed by a NUL */
} ids;

/* The i-th id, NUL-terminated; its length without the NUL in *n_bytes if not NULL. */
const char *ids_get(const ids *list, size_t i, size_t *n_bytes);
semid_status ids_append(ids *list, const char *s, size_t n_bytes, semid_error *err);
void ids_release(ids *list);

/* By extension: .npy (U, S, or object array of str as NumPy pickles it; integers become decimal
 * text), .pt (list or dict with "ids"), .txt (a line each), .parquet (when the table module
 * registered it). */
semid_status ids_load(ids *out, const char *path, semid_error *err);
/* .npy as a NumPy unicode array, or .txt. */
semid_status ids_save(const ids *list, const char *path, semid_error *err);

/* Look-up by content. Duplicate ids are SEMID_ERR_DATA naming the id and both rows. */
typedef struct ids_index {
    const ids *list; /* borrowed: must outlive the index */
    uint32_t *slots; /* open addressing; 0 = empty, else row + 1 */
    size_t n_slots;  /* a power of two */
} ids_index;
#define IDS_NOT_FOUND SIZE_MAX
semid_status ids_index_init(ids_index *index, const ids *list, semid_error *err);
size_t ids_index_find(const ids_index *index, const char *s, size_t n_bytes);
void ids_index_release(ids_index *index);

/* SEMID_ERR_DATA that names the file and both rows when an id is there twice. */
semid_status ids_check_distinct(const ids *list, const char *path, semid_error *err);

/* Lets a higher layer add an extension ("parquet") without being linked from here. */
typedef semid_status (*ids_loader)(ids *out, const char *path, semid_error *err);
void ids_register(const char *extension, ids_loader load);

#endif
