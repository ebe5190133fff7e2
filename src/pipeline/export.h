/* pipeline/export.h - codes and ids side by side in one table. */
#ifndef PIPELINE_EXPORT_H
#define PIPELINE_EXPORT_H

#include "pipeline/step.h"

typedef struct export_params {
    const char *codes, *ids, *out, *id_col;
    bool concat_col;
} export_params;

semid_status step_export(const export_params *params, const step_context *ctx, json_t **report,
                         semid_error *err);

#endif
