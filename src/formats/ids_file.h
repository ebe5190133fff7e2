/* formats/ids_file.h - files of ids, by extension: .npy (U, S, or object array of str as NumPy
 * pickles it; integers become decimal text), .pt (list or dict with "ids"), .txt (a line each),
 * .parquet (when the table module registered it). */
#ifndef FORMATS_IDS_FILE_H
#define FORMATS_IDS_FILE_H

#include "formats/ids.h"

/* SEMID_ERR_DATA if there is no id. */
semid_status ids_load(ids *out, const char *path, semid_error *err);
/* .npy as a NumPy unicode array, or .txt. */
semid_status ids_save(const ids *list, const char *path, semid_error *err);

/* Lets a higher layer add an extension ("parquet") without being linked from here. */
typedef semid_status (*ids_loader)(ids *out, const char *path, semid_error *err);
void ids_register(const char *extension, ids_loader load);

#endif
