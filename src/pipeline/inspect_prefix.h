/* pipeline/inspect_prefix.h - the items whose codes start with a prefix. */
#ifndef PIPELINE_INSPECT_PREFIX_H
#define PIPELINE_INSPECT_PREFIX_H

#include "pipeline/inspect.h"
#include "semid/codes.h"

/* Adds "prefix" to the report: its items (code, id, title), their number and that of their codes.
 */
semid_status inspect_prefix(json_t *report, const inspect_params *params, const semid_codes *codes,
                            size_t n_codewords, semid_error *err);

#endif
