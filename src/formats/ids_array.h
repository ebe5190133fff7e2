/* formats/ids_array.h - ids in the elements of a NumPy array: text, bytes and integers. */
#ifndef FORMATS_IDS_ARRAY_H
#define FORMATS_IDS_ARRAY_H

#include "formats/ids.h"
#include "formats/npy.h"

/* Whether ids_append_array reads elements of this type. */
bool ids_array_type(const npy_header *h);
/* n_items elements of kind U, S, i or u. Messages do not name the file. */
semid_status ids_append_array(ids *list, const npy_header *h, const uint8_t *data, size_t n_items,
                              semid_error *err);

#endif
