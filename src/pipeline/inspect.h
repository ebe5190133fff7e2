/* pipeline/inspect.h - the health of the codes in a method's folder, and the items under a prefix.
 */
#ifndef PIPELINE_INSPECT_H
#define PIPELINE_INSPECT_H

#include "pipeline/step.h"

typedef struct inspect_params {
    const char *dir;    /* with codebooks.npz and codes.npy; metrics.json adds the errors */
    const char *items;  /* parquet with titles, or NULL */
    const char *prefix; /* "12-203", or NULL */
    const char *ids;    /* ids of the rows; NULL: those of dir/items.parquet, else row numbers */
    const char *id_col, *title_col;
    int64_t limit; /* items to list under the prefix */
} inspect_params;

semid_status step_inspect(const inspect_params *params, const step_context *ctx, json_t **report,
                          semid_error *err);

#endif
