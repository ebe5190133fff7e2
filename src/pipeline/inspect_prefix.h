/* pipeline/inspect_prefix.h - the items whose codes start with a prefix. */
#ifndef PIPELINE_INSPECT_PREFIX_H
#define PIPELINE_INSPECT_PREFIX_H

#include "base/error.h"
#include "semid/codes.h"

#include <jansson.h>

typedef struct prefix_params {
    const char *dir;    /* of the method; its items.parquet names the rows if ids does not */
    const char *items;  /* parquet with titles, or NULL */
    const char *prefix; /* "12-203" */
    const char *ids;    /* of the rows; NULL: those of dir/items.parquet, else row numbers */
    const char *id_col, *title_col;
    size_t limit; /* items to list */
} prefix_params;

/* Adds "prefix" to the report: how many items there are and of how many codes, and the first of
 * them, by code and then by row (code, id, title). */
semid_status inspect_prefix(json_t *report, const prefix_params *params, const semid_codes *codes,
                            size_t n_codewords, semid_error *err);

#endif
