/* formats/ids_index.h - looks ids up by their text. */
#ifndef FORMATS_IDS_INDEX_H
#define FORMATS_IDS_INDEX_H

#include "formats/ids.h"

typedef struct ids_index {
    const ids *list; /* borrowed: must outlive the index */
    uint32_t *slots; /* open addressing; 0 = empty, else row + 1 */
    size_t n_slots;  /* a power of two */
} ids_index;
#define IDS_NOT_FOUND SIZE_MAX

/* Duplicate ids are SEMID_ERR_DATA naming the id and both rows. */
semid_status ids_index_init(ids_index *index, const ids *list, semid_error *err);
size_t ids_index_find(const ids_index *index, const char *s, size_t n_bytes);
void ids_index_release(ids_index *index);

/* SEMID_ERR_DATA that names the file and both rows when an id occurs twice. */
semid_status ids_check_distinct(const ids *list, const char *path, semid_error *err);

#endif
