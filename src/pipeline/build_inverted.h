/* pipeline/build_inverted.h - the step `semid build-inverted`. */
#ifndef PIPELINE_BUILD_INVERTED_H
#define PIPELINE_BUILD_INVERTED_H

#include "pipeline/step.h"

typedef struct build_inverted_params {
    const char *items;  /* the table that `export` wrote */
    const char *outdir; /* gets inverted.sid and inverted.meta.json */
    const char *id_col;
} build_inverted_params;

semid_status step_build_inverted(const build_inverted_params *params, const step_context *ctx,
                                 json_t **report, semid_error *err);

#endif
