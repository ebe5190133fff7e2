/* pipeline/preprocess.h - raw reviews and item descriptions to the split tables that the other
 * steps read. */
#ifndef PIPELINE_PREPROCESS_H
#define PIPELINE_PREPROCESS_H

#include "pipeline/preprocess_params.h"
#include "pipeline/step.h"

/* Writes train/valid/test.parquet, items.parquet and stats.json into `out`, all or none. The report
 * is what stats.json holds. */
semid_status step_preprocess(const preprocess_params *params, const step_context *ctx,
                             json_t **report, semid_error *err);

#endif
