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
/* SEMID_ERR_FORMAT for what is not UTF-8 or contains a NUL, naming the id's number. */
semid_status ids_append_checked(ids *list, const char *s, size_t n_bytes, semid_error *err);
/* As decimal text. */
semid_status ids_append_integer(ids *list, int64_t v, semid_error *err);
void ids_release(ids *list);

#endif
