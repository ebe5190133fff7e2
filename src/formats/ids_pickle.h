/* formats/ids_pickle.h - ids in what a pickle holds. */
#ifndef FORMATS_IDS_PICKLE_H
#define FORMATS_IDS_PICKLE_H

#include "formats/ids.h"
#include "formats/pickle.h"

/* Appends the ids of a list, tuple or NumPy array of strings or integers. Messages do not name the
 * file. */
semid_status ids_append_pickled(ids *list, const pickle *p, const pickle_value *v,
                                semid_error *err);

#endif
